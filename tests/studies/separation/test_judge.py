from dataclasses import replace

import numpy as np
import pytest

from unsinter.features.worlds import make_world
from unsinter.studies.separation import Pair, Rule, judge, judge_arrays
from unsinter.studies.separation.contrast import make_contrast
from unsinter.studies.separation.judge import judge_pairs


def pair_of(world, **changes):
    fields = {"z": world.z, "w": world.w, "groups": world.groups, "strata": world.strata, "text": world.text}
    return Pair(name=world.name, **(fields | changes))


def verdicts(name, *, seeds=range(6), **knobs):
    worlds = [make_world(name, seed=seed, effect=3.3, **knobs) for seed in seeds]
    return [judge_arrays(world.X, pair_of(world)).verdict for world in worlds], worlds


@pytest.mark.parametrize(
    ("name", "truth"),
    [
        ("orthogonal", "separable"),
        ("separable_cos5", "separable"),
        ("separable_cos7", "separable"),
        ("first_only", "first-only"),
        ("second_only", "second-only"),
        ("neither", "neither"),
    ],
)
def test_a_planted_truth_is_found(name, truth):
    found, _ = verdicts(name, n=1500, phi=0.6)
    assert found.count(truth) >= 5
    assert set(found) <= {truth, "undetermined"}


@pytest.mark.parametrize("name", ["shared", "position", "category", "lexical", "duplicates", "shared_noisy"])
@pytest.mark.parametrize("phi", [0.3, 0.8])
def test_one_thing_is_never_called_two(name, phi):
    found, worlds = verdicts(name, n=800, phi=phi)
    assert "separable" not in found
    if (
        name != "shared_noisy"
    ):  # a second label that errs a lot may come out as not read: only people's labels tell
        assert not any(verdict in world.wrong for verdict, world in zip(found, worlds, strict=True))


def test_one_shared_axis_is_called_shared_where_rows_suffice():
    found, _ = verdicts("shared", n=2000, phi=0.6)
    assert found.count("shared") >= 4


def test_without_its_text_a_lexical_code_would_be_called_internal():
    """The positive control of the text: what is withheld above is seen here."""
    world = make_world("lexical", n=1500, phi=0.3, seed=0, effect=3.3)
    assert judge_arrays(world.X, pair_of(world, text=None)).verdict == "separable"
    told = judge_arrays(world.X, pair_of(world))
    assert told.verdict == "undetermined"
    assert "no usable bits" in told.reason


def test_category_not_held_fixed_makes_two_factors_of_one_category():
    world = make_world("category", n=2000, phi=0.5, seed=1, effect=3.3)
    loose = judge_arrays(world.X, pair_of(world, strata=None, text=None))
    held = judge_arrays(world.X, pair_of(world))
    assert loose.evidence.a.low > 0.6
    assert held.evidence.a.high < 0.65


def test_copies_in_other_groups_are_put_together_and_would_else_have_been_read():
    """Labels belong to originals and copies carry them along: nothing is coded, yet a probe knows copies."""
    worlds = [make_world("duplicates", n=1600, phi=0.0, seed=seed) for seed in range(4)]
    told = [judge_arrays(world.X, pair_of(world)) for world in worlds]
    assert {found.verdict for found in told} <= {"neither", "undetermined"}
    assert all("near copies in other groups" in found.reason for found in told)
    assert any(found.verdict == "neither" for found in told)
    leaking = judge_arrays(worlds[0].X, pair_of(worlds[0], text=None), Rule(near_copies=1.0))
    assert leaking.evidence.a.low > 0.6
    assert sum(told[0].groups_per_cell.values()) < 0.5 * sum(leaking.groups_per_cell.values())


@pytest.fixture
def category_and_wording():
    """800 refusals in 8 categories and 4 wordings: each wording follows two categories in 60 % of rows."""
    rng = np.random.default_rng(0)
    category = rng.integers(0, 8, 800)
    wording = np.where(rng.random(800) < 0.6, category // 2, rng.integers(0, 4, 800))
    axes = np.linalg.qr(rng.normal(size=(64, 12)))[0].T
    noise = rng.normal(size=(800, 64))
    return category, wording, noise + 4 * axes[category], axes


def judge_class(category, wording, X, *, finer):
    z, w = (category == 2).astype(int), (wording == 1).astype(int)  # category 3 shares the wording
    within = {"first_within": wording.astype(str), "second_within": category.astype(str)} if finer else {}
    return judge_arrays(X, Pair(name="C-W", z=z, w=w, groups=np.arange(len(z)), **within))


def test_a_wording_that_only_a_category_tells_is_not_read_once_every_category_is_held_fixed(
    category_and_wording,
):
    """One category against the rest is not enough: another one with the same wording would tell it."""
    category, wording, X, _ = category_and_wording
    coarse, fine = (judge_class(category, wording, X, finer=finer) for finer in (False, True))
    assert coarse.evidence.b.low > 0.6
    assert fine.evidence.b.low < 0.5 < fine.evidence.b.high
    assert fine.verdict == "first-only"


def test_a_wording_with_an_axis_of_its_own_is_told_apart_from_category(category_and_wording):
    category, wording, X, axes = category_and_wording
    found = judge_class(category, wording, X + 4 * axes[8 + wording], finer=True)
    assert found.verdict == "separable"


def test_texts_and_their_features_keep_what_the_words_say_from_being_called_internal():
    rng = np.random.default_rng(0)
    z, w = rng.integers(0, 2, 800), rng.integers(0, 2, 800)
    words = {"z": ("alpha", "beta"), "w": ("gamma", "delta")}
    texts = [f"{words['z'][a]} {words['w'][b]} filler{rng.integers(50)}" for a, b in zip(z, w, strict=True)]
    X = rng.normal(size=(800, 32)) + 4 * z[:, None] * np.eye(32)[0] + 4 * w[:, None] * np.eye(32)[1]
    plain = Pair(name="p", z=z, w=w, groups=np.arange(800))
    assert judge_arrays(X, plain).verdict == "separable"
    told = judge_arrays(X, replace(plain, text=texts))
    assert told.verdict == "undetermined"
    assert "no usable bits" in told.reason


def test_missing_labels_are_masked():
    world = make_world("orthogonal", n=1200, phi=0.3, seed=0)
    z, X = world.z.copy(), world.X.copy()
    z[:200] = -1
    X[:200] = 1e6  # would swamp everything if those rows took part
    found = judge_arrays(X, pair_of(world, z=z))
    kept = pair_of(world).rows[200:]
    alone = Pair(
        name="o", z=world.z[kept], w=world.w[kept], groups=world.groups[kept], strata=world.strata[kept],
        text=world.text[kept],
    )  # fmt: skip
    assert found.evidence == judge_arrays(world.X[kept], alone).evidence


def test_pairs_judged_together_get_what_each_gets_alone():
    world = make_world("orthogonal", n=600, phi=0.3, seed=0)
    pairs = [pair_of(world), pair_of(world, z=world.w, w=world.z)]
    sites = [(0, "a"), (1, "a")]
    layers = [world.X, make_world("orthogonal", n=600, phi=0.3, seed=0, effect=1.0).X]
    together = judge_pairs(lambda layer, _: layers[layer], sites, pairs, Rule())
    first = [found.evidence for found in together[0]]
    assert first[0].a.value == pytest.approx(together[1][0].evidence.b.value, abs=1e-6)
    alone = judge(lambda layer, _: layers[layer], sites, pairs[0], Rule())
    np.testing.assert_allclose([e.a for e in first], [found.evidence.a for found in alone], atol=0.03)
    assert first[0].a.value > first[1].a.value


def test_labels_that_err_widen_the_bands_and_shrink_the_areas():
    world = make_world("orthogonal", n=1200, phi=0.3, seed=0)
    sure = judge_arrays(world.X, pair_of(world)).evidence
    unsure = judge_arrays(world.X, pair_of(world, w_sure=(0.9, 0.9))).evidence
    assert unsure.b.value < sure.b.value - 0.03
    assert unsure.b.high - unsure.b.low > sure.b.high - sure.b.low
    assert unsure.o_second.high - unsure.o_second.low > sure.o_second.high - sure.o_second.low


def thinned(world, z, w, n):
    """Return the world's pair with all but ``n`` rows of a cell masked."""
    drop = np.flatnonzero((world.z == z) & (world.w == w))[n:]
    masked = world.z.copy()
    masked[drop] = -1
    return pair_of(world, z=masked, strata=None)


@pytest.mark.parametrize(
    ("z", "w", "words"),
    [
        (1, 0, "29 independent groups where only the first factor is 1; 30 are needed"),
        (0, 1, "29 independent groups where only the second factor is 1; 30 are needed"),
    ],
)
def test_too_few_groups_where_the_factors_disagree_are_said(z, w, words):
    world = make_world("orthogonal", n=800, phi=0.0, seed=0)
    told = judge_arrays(world.X, thinned(world, z, w, 29))
    assert (told.verdict, told.reason) == ("undetermined", words)
    assert judge_arrays(world.X, thinned(world, z, w, 30)).verdict == "separable"


def test_groups_count_and_not_rows():
    world = make_world("orthogonal", n=800, phi=0.8, seed=0, rows_per_group=8)
    told = judge_arrays(world.X, pair_of(world))
    assert told.verdict == "undetermined"
    assert "independent groups where only" in told.reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"z": np.ones(400, dtype=int)}, "the first factor is 1 in every row"),
        ({"w": np.zeros(400, dtype=int)}, "the second factor is 0 in every row"),
        ({"z": np.full(400, -1)}, "known together in no row"),
    ],
)
def test_a_constant_label_is_said(changes, words):
    world = make_world("orthogonal", n=400, phi=0.0, seed=0)
    told = judge_arrays(world.X, pair_of(world, **changes))
    assert told.verdict == "undetermined"
    assert words in told.reason


def test_labels_that_determine_each_other_are_said():
    world = make_world("orthogonal", n=400, phi=0.0, seed=0)
    told = judge_arrays(world.X, pair_of(world, w=world.z))
    assert told.verdict == "undetermined"
    assert told.reason.startswith("0 independent groups where only the first factor is 1")


def test_factors_that_never_disagree_within_a_category_are_said():
    world = make_world("orthogonal", n=800, phi=0.3, seed=0)
    strata = np.where(world.z == world.w, "both", np.where(world.z == 1, "one", "other"))
    told = judge_arrays(world.X, pair_of(world, strata=strata))
    assert told.verdict == "undetermined"
    assert "with category held fixed, 0 independent groups" in told.reason


def test_activations_that_never_vary_are_said_and_fewer_rows_than_columns_are_judged():
    world = make_world("orthogonal", n=400, phi=0.0, seed=0)
    told = judge_arrays(np.ones_like(world.X), pair_of(world))
    assert (told.verdict, told.reason) == ("undetermined", "the activations are the same in every row")
    wide = np.concatenate([world.X, np.zeros((400, 1500), dtype=np.float32)], axis=1)
    wide[:, 200:] += np.random.default_rng(0).normal(size=(400, 1428)) * 0.01
    assert judge_arrays(wide, pair_of(world)).verdict in ("separable", "undetermined")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_activations_that_are_no_numbers_are_refused(bad):
    world = make_world("orthogonal", n=400, phi=0.0, seed=0)
    X = world.X.copy()
    X[3, 5] = bad
    with pytest.raises(ValueError, match="X, which must be a matrix of finite numbers with 400 rows"):
        judge_arrays(X, pair_of(world))


def test_a_pair_of_other_lengths_or_codes_is_refused():
    world = make_world("orthogonal", n=400, phi=0.0, seed=0)
    with pytest.raises(ValueError, match="w must hold one value for each of 400 rows, got 399"):
        pair_of(world, w=world.w[1:])
    with pytest.raises(ValueError, match="z must hold 1, 0 or -1"):
        pair_of(world, z=world.z + 1)
    with pytest.raises(ValueError, match=r"two probabilities above \.5"):
        pair_of(world, z_sure=(0.4, 0.9))
    with pytest.raises(ValueError, match="text holds NaN"):
        pair_of(world, text=np.full((400, 2), np.nan))


def test_no_row_is_scored_by_directions_that_saw_its_group():
    """Rows of a group are alike and share labels that nothing codes: who saw some of them knows the rest."""
    worlds = [
        make_world("neither", n=1600, phi=0.0, seed=seed, rows_per_group=4, group_effect=0.9)
        for seed in range(4)
    ]
    rule = Rule(near_copies=1.0)
    whole = [judge_arrays(world.X, pair_of(world, text=None), rule).evidence.a for world in worlds]
    assert np.mean([a.value for a in whole]) == pytest.approx(0.5, abs=0.06)
    alone = {"groups": np.arange(1600), "text": None}
    leaking = [judge_arrays(world.X, pair_of(world, **alone), rule).evidence.a for world in worlds]
    assert np.mean([a.value for a in leaking]) > 0.6


def test_rows_are_compared_within_one_category_and_one_value_of_the_other_factor_only():
    world = make_world("orthogonal", n=400, phi=0.3, seed=0)
    strata = np.where(np.arange(400) < 30, "", world.strata)
    contrast = make_contrast(pair_of(world, strata=strata), Rule())
    asked = {c.name: c for c in contrast.comparisons(contrast.labellings[0])}
    for name, fixed in (("a", world.w), ("b", world.z), ("o_first", world.z != world.w)):
        blocks = asked[name].blocks
        assert (blocks[:30] == -1).all()
        for block in np.unique(blocks[blocks >= 0]):
            own = blocks == block
            assert len(np.unique(strata[own])) == 1
            assert len(np.unique(fixed[own])) == 1
    assert (asked["o_first"].blocks[world.z == world.w] == -1).all()
    assert ((asked["a"].blocks >= 0) == (strata != "")).all()
