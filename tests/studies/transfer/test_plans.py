import numpy as np
import pytest

from unsinter.studies.data.splits import LeakageError
from unsinter.studies.transfer.cell_scores import Board
from unsinter.studies.transfer.plans import (
    Examples,
    Plan,
    Side,
    category_plans,
    draw_equally,
    source_plan,
    wording_plan,
)


def examples(n=800, *, seed=0, twins=True):
    """Twins: row 2k is harmless, row 2k + 1 harmful; a quarter of the pairs is held out."""
    rng = np.random.default_rng(seed)
    pair = np.arange(n) // 2 if twins else np.arange(n)
    return Examples(
        ids=np.array([f"p{i:04d}" for i in rng.permutation(n)]),
        groups=pair.astype(str),
        labels=np.where(np.arange(n) % 2, "harmful", "harmless"),
        is_test=pair % 4 == 0,
        is_present=np.ones(n, dtype=bool),
    )


def labels(rows, names, *, seed=1, chance=None):
    return np.random.default_rng(seed).choice(names, size=len(rows.ids), p=chance)


def all_plans():
    rows = examples()
    categories = labels(rows, ["a", "b", "c"], chance=[0.6, 0.3, 0.1])
    wordings = labels(rows, ["sorry", "no", ""], chance=[0.5, 0.3, 0.2])
    sources = labels(rows, ["x", "y"], chance=[0.7, 0.3])
    plans = [
        *category_plans(rows, categories, min_groups=20, seed=0),
        wording_plan(rows, wordings, wordings == "", min_groups=20, seed=0),
        source_plan(rows, sources, min_groups=20, seed=0),
    ]
    return rows, plans


def test_every_row_of_a_matrix_trains_on_equally_many_of_each_class():
    _, plans = all_plans()
    assert [plan.kind for plan in plans] == ["category", "category_held_out", "wording", "source"]
    for plan in plans:
        sizes = {(len(side.positive), len(side.negative)) for side in plan.trained.values()}
        assert len(sizes) == 1
        assert min(*sizes) > 10


def test_training_rows_are_of_training_groups_and_tested_rows_of_held_out_ones():
    rows, plans = all_plans()
    for plan in plans:
        for side in plan.trained.values():
            assert not rows.is_test[np.r_[side.positive, side.negative]].any()
            assert (rows.labels[side.positive] == "harmful").all()
            assert (rows.labels[side.negative] == "harmless").all()
        for side in plan.tested.values():
            assert rows.is_test[np.r_[side.positive, side.negative]].all()
        plan.refuse_leakage(rows.groups)


def test_a_harmless_row_that_trains_and_tests_is_caught_and_so_is_its_twin():
    rows, (plan, *_) = all_plans()
    name = next(iter(plan.trained))
    for leak in (plan.tested[name].negative[0], plan.tested[name].positive[0] - 1):
        leaking = Side(
            positive=plan.trained[name].positive, negative=np.r_[plan.trained[name].negative, leak]
        )
        bad = Plan(kind="category", trained={**plan.trained, name: leaking}, tested=plan.tested)
        with pytest.raises(LeakageError) as caught:
            Board(bad, rows.groups, n_draws=10, seed=0)
        assert caught.value.groups == (rows.groups[leak],)


def test_a_row_of_all_other_categories_holds_none_of_the_one_it_is_tested_on():
    rows = examples()
    categories = labels(rows, ["a", "b", "c"])
    alone, rest = category_plans(rows, categories, min_groups=20, seed=0)
    for name, side in rest.trained.items():
        assert set(categories[side.positive]) == {"a", "b", "c"} - {name}
        assert len(side.positive) == 2 * len(alone.trained[name].positive)
    assert rest.cells == [("a", "a"), ("b", "b"), ("c", "c")]


def test_a_category_with_too_few_groups_or_none_on_one_side_is_left_out():
    rows = examples()
    categories = labels(rows, ["a", "b", "c", "d"], chance=[0.4, 0.3, 0.29, 0.01])
    categories[(categories == "c") & rows.is_test] = "a"
    alone, _ = category_plans(rows, categories, min_groups=20, seed=0)
    assert list(alone.trained) == ["a", "b"]
    assert category_plans(rows, categories, min_groups=140, seed=0) is None


def test_negatives_are_refused_in_the_same_words_where_every_wording_has_enough():
    rows = examples()
    wordings = labels(rows, ["sorry", "no", ""], chance=[0.4, 0.3, 0.3])
    plan = wording_plan(rows, wordings, wordings == "", min_groups=20, seed=0)
    for name in ("sorry", "no"):
        for side in (plan.trained[name], plan.tested[name]):
            assert set(wordings[np.r_[side.positive, side.negative]]) == {name}
            assert side.borrows == ""


def test_otherwise_negatives_were_answered_and_no_unanswered_prompt_is_taken_for_one():
    rows = examples()
    wordings = labels(rows, ["sorry", "no"])
    harmless = rows.labels == "harmless"
    wordings[harmless] = ""
    wordings[np.flatnonzero(harmless)[:12]] = "no"
    answered = harmless & (wordings == "") & (np.arange(len(harmless)) % 3 > 0)
    plan = wording_plan(rows, wordings, answered, min_groups=20, seed=0)
    for side in [*plan.trained.values(), *plan.tested.values()]:
        assert answered[side.negative].all()
        assert side.borrows == "harmless"


def test_a_source_of_one_class_borrows_the_other_on_the_same_side():
    rows = examples()
    sources = labels(rows, ["both", "bad"])
    sources[(rows.labels == "harmless") & (sources == "bad")] = "good"
    plan = source_plan(rows, sources, min_groups=20, seed=0)
    assert {name: side.borrows for name, side in plan.tested.items()} == {
        "bad": "harmless", "both": "", "good": "harmful",
    }  # fmt: skip
    assert set(sources[plan.tested["bad"].negative]) == {"both", "good"}
    assert set(sources[plan.tested["bad"].positive]) == {"bad"}
    assert set(sources[plan.trained["both"].negative]) == {"both"}


def test_the_order_of_rows_in_a_file_changes_no_draw():
    rows = examples()
    categories = labels(rows, ["a", "b"], chance=[0.8, 0.2])
    order = np.random.default_rng(5).permutation(len(rows.ids))
    moved = Examples(
        ids=rows.ids[order],
        groups=rows.groups[order],
        labels=rows.labels[order],
        is_test=rows.is_test[order],
        is_present=rows.is_present[order],
    )
    one, _ = category_plans(rows, categories, min_groups=20, seed=0)
    two, _ = category_plans(moved, categories[order], min_groups=20, seed=0)
    assert set(rows.ids[one.trained["a"].positive]) == set(moved.ids[two.trained["a"].positive])


def test_equal_pools_give_equal_draws():
    pool = np.arange(50)
    drawn = draw_equally({"one": pool, "two": pool, "small": np.arange(100, 120)}, seed=3)
    np.testing.assert_array_equal(drawn["one"], drawn["two"])
    assert {len(rows) for rows in drawn.values()} == {20}
