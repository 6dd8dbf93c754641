from dataclasses import replace

import numpy as np
import pytest

from unsinter.studies.separation import Pair, Rule, judge_arrays
from unsinter.studies.separation.inputs.pair import FactorWords
from unsinter.studies.separation.site.obstacles import find_obstacle

WORDS = FactorWords("harm", "refusal", ("harmful", "harmless"), ("refused", "answered"))


def balanced(per_cell=50, **changes):
    """A pair with equally many rows, each a group, in every cell."""
    z, w = np.repeat([1, 1, 0, 0], per_cell), np.repeat([1, 0, 1, 0], per_cell)
    return Pair(
        **({"name": "p", "z": z, "w": w, "groups": np.arange(4 * per_cell), "words": WORDS} | changes)
    )


def thinned(z, w, n):
    """All but ``n`` rows of a cell have no label."""
    pair = balanced()
    masked = pair.z.copy()
    masked[np.flatnonzero((pair.z == z) & (pair.w == w))[n:]] = -1
    return replace(pair, z=masked)


def test_labels_that_leave_room_have_no_obstacle():
    assert find_obstacle(balanced(), Rule()) is None


@pytest.mark.parametrize(
    ("z", "w", "cell"),
    [
        (1, 1, "harmful and refused"),
        (1, 0, "harmful and answered"),
        (0, 1, "harmless and refused"),
        (0, 0, "harmless and answered"),
    ],
)
def test_a_cell_with_too_few_groups_is_named_in_words_with_what_is_needed(z, w, cell):
    needed = Rule().min_groups
    assert needed == 10
    obstacle = find_obstacle(thinned(z, w, needed - 1), Rule())
    assert obstacle == f"{needed - 1} independent groups that are {cell}; {needed} are needed"
    assert find_obstacle(thinned(z, w, needed), Rule()) is None


def test_the_cell_that_lacks_most_is_named():
    pair = thinned(1, 0, 8)
    masked = pair.w.copy()
    masked[np.flatnonzero((pair.z == 0) & (pair.w == 1))[3:]] = -1
    assert find_obstacle(replace(pair, w=masked), Rule()).startswith("3 independent groups that are harmless")


def test_every_fold_needs_groups_of_every_cell():
    assert find_obstacle(thinned(1, 0, 10), Rule(n_folds=8)).endswith("; 16 are needed")
    assert find_obstacle(thinned(1, 0, 16), Rule(n_folds=8)) is None


def test_groups_count_and_not_rows():
    pair = balanced(groups=np.repeat(np.arange(20), 10))
    assert find_obstacle(pair, Rule()) == ("5 independent groups that are harmful and refused; 10 are needed")
    merged = np.repeat(np.arange(20), 10)
    assert find_obstacle(balanced(), Rule(), merged).startswith("5 independent groups")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"z": np.ones(200, dtype=int)}, "harm is 1 in every row; two values are needed"),
        ({"w": np.zeros(200, dtype=int)}, "refusal is 0 in every row; two values are needed"),
        ({"z": np.full(200, -1)}, "both labels are known in no row; two values are needed"),
    ],
)
def test_a_constant_label_is_said(changes, words):
    assert find_obstacle(balanced(**changes), Rule()) == words


@pytest.mark.parametrize("recoded", [False, True])
def test_labels_that_determine_each_other_leave_cells_empty(recoded):
    pair = balanced()
    obstacle = find_obstacle(replace(pair, w=1 - pair.z if recoded else pair.z), Rule())
    assert obstacle.startswith("0 independent groups that are ")


def test_labels_that_never_disagree_within_a_category_are_said():
    pair = balanced()
    strata = np.where(pair.z == pair.w, "both", np.where(pair.z == 1, "one", "other"))
    assert "is fixed by" in find_obstacle(replace(pair, strata=strata), Rule())


@pytest.mark.parametrize(("factor", "name"), [("z", "harm"), ("w", "refusal")])
@pytest.mark.parametrize("what", ["category", "source", "two together"])
def test_a_factor_that_what_is_held_fixed_tells_is_named_with_what_tells_it(factor, name, what):
    pair = balanced()
    codes = getattr(pair, factor)
    obstacle = np.where(codes == 1, "red team", "forum")
    half = np.where(np.arange(200) % 2 == 0, "a", "b")
    if what == "category":
        result = find_obstacle(replace(pair, strata=obstacle), Rule())
        assert result.startswith(f"{name} is fixed by category")
    elif what == "source":
        covariates = {"language": half, "source": obstacle}
        result = find_obstacle(replace(pair, covariates=covariates), Rule())
        assert result.startswith(f"{name} is fixed by source:")
    else:  # z = (p + q) / 2 where p and q are columns of their own
        rng = np.random.default_rng(0)
        p = rng.normal(size=200)
        result = find_obstacle(replace(pair, covariates={"p": p, "q": obstacle}), Rule())
        assert result.startswith(f"{name} is fixed by q:")


def test_what_is_held_fixed_and_leaves_the_factors_alone_is_no_obstacle():
    rng = np.random.default_rng(1)
    covariates = {"source": rng.choice(["a", "b", "c"], 200), "age": rng.normal(size=200)}
    assert find_obstacle(balanced(covariates=covariates, strata=rng.choice(["x", "y"], 200)), Rule()) is None


def test_an_obstacle_is_the_reason_of_an_undetermined_verdict_and_no_activation_is_read():
    result = judge_arrays(np.ones((200, 4)), balanced(covariates={"source": np.repeat(["a", "b"], 100)}))
    assert result.verdict == "undetermined"
    assert "harm is fixed by source" in result.reason
    assert result.groups_per_cell == dict.fromkeys(("both", "first_only", "second_only", "neither"), 50)


@pytest.mark.parametrize("field", ["strata", "covariates"])
@pytest.mark.parametrize("size", [2, 4, 9])
def test_a_factor_that_goes_with_levels_too_small_to_be_held_fixed_has_no_verdict(field, size):
    rng = np.random.default_rng(size)
    levels = np.arange(480) // size
    w = rng.integers(0, 2, levels[-1] + 1)[levels]
    w = np.where(rng.random(480) < 0.1, 1 - w, w)
    pair = balanced(120, z=rng.integers(0, 2, 480), w=w)
    names = np.array([f"t{level}" for level in levels])
    obstacle = find_obstacle(replace(pair, **{field: names if field == "strata" else {"t": names}}), Rule())
    what = "category" if field == "strata" else "t"
    assert (obstacle.code, obstacle.values["by"]) == ("small-levels", (what,))
    assert str(obstacle).endswith("have fewer than ten rows each, which cannot be held fixed")


def test_small_levels_that_tell_no_factor_are_no_obstacle():
    rng = np.random.default_rng(0)
    for size in (1, 2, 4, 9):
        for _ in range(20):
            pair = balanced(120, z=rng.integers(0, 2, 480), w=rng.integers(0, 2, 480))
            names = np.array([f"t{level}" for level in np.arange(480) // size])
            assert find_obstacle(replace(pair, covariates={"t": names}), Rule()) is None


def test_few_rows_in_small_levels_are_no_obstacle():
    pair = balanced(120)
    names = np.where(np.arange(480) < 20, np.char.add("t", (np.arange(480) // 4).astype(str)), "common")
    assert find_obstacle(replace(pair, covariates={"t": names}), Rule()) is None
