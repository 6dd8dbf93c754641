"""Plans: exact sizes, exact intervals, and figures that follow the size of the study."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from unsinter.features.worlds import WORLDS, cells
from unsinter.studies.reasons.reason import Reason, as_written
from unsinter.studies.separation.power import (
    PLANNED,
    PowerPlan,
    _commonest,
    _row,
    binomial_share,
    parse_cells,
    plan_table,
)


@pytest.mark.parametrize(("count", "total"), [(0, 20), (1, 20), (19, 20), (20, 20), (37, 80), (1, 1)])
def test_intervals_are_the_exact_ones(count, total):
    exact = binomtest(count, total).proportion_ci(0.95, method="exact")
    assert binomial_share(count, total) == pytest.approx((count, count / total, exact.low, exact.high))


@pytest.mark.parametrize("name", PLANNED)
def test_worlds_have_exactly_the_planned_cells(name):
    assert list(cells(PowerPlan(cells=(90, 12, 13, 85)).draw(name, 3)).values()) == [90, 12, 13, 85]


def test_a_plan_by_number_and_correlation_draws_those():
    world = PowerPlan(n=5000, phi=0.5, d=20).draw("shared", 1)
    assert len(world.X) == 5000
    assert np.corrcoef(world.z, world.w)[0, 1] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("auc", [0.6, 0.8, 0.99])
def test_a_factor_is_planted_at_the_planned_auc(auc):
    world = PowerPlan(n=40_000, phi=0.0, d=20, auc=auc).draw("first_only", 0)
    assert roc_auc_score(world.z, world.X @ world.u_z) == pytest.approx(auc, abs=0.01)


def test_the_kinds_of_a_plan_plant_every_verdict_but_silence():
    assert {WORLDS[name].truth for name in PLANNED} == {
        "separable",
        "shared",
        "first-only",
        "second-only",
        "neither",
    }


def test_too_few_prompts_are_foreseen_to_settle_nothing_and_the_reason_is_given():
    rows = plan_table(PowerPlan(cells=(150, 8, 8, 150), d=24, n_worlds=2))
    assert [row.world for row in rows] == list(PLANNED)
    assert all(row.undetermined.value == 1 and row.wrong.times == row.right.times == 0 for row in rows)
    assert all("; 10 are needed" in row.reason for row in rows)  # independent groups of a cell


@pytest.fixture(scope="module")
def ample():
    """A plan of ample size, and the record of it."""
    plan = PowerPlan(cells=(400, 250, 250, 400), d=24, n_worlds=3, n_categories=1, auc=0.97)
    return plan, plan_table(plan)


def test_ample_prompts_are_foreseen_to_settle_every_question(ample):
    assert all(row.right.times >= 2 and row.wrong.times == 0 for row in ample[1])


def test_shares_add_up_and_a_reason_is_given_only_where_a_call_was_not_right(ample):
    for row in ample[1]:
        assert row.right.times + row.wrong.times + row.undetermined.times == 3
        assert (row.reason == "") == (row.right.times == 3)


def test_two_jobs_foresee_what_one_does(ample):
    assert plan_table(ample[0], n_jobs=2) == ample[1]


def test_the_seed_decides_the_worlds(ample):
    plan = PowerPlan(n=200, phi=0.3, seed=4)
    seeds = [np.random.SeedSequence(seed).generate_state(2) for seed in (4, 5)]
    assert not set(seeds[0]) & set(seeds[1])
    assert plan.draw("shared", 1).X.tobytes() == plan.draw("shared", 1).X.tobytes()


def test_reasons_that_differ_by_figures_alone_are_one_reason():
    bands = [Reason("axes-unsure", angle=(value, 0.1, 0.9)) for value in (0.61, 0.62)]
    assert _commonest([bands[0], Reason("one-axis"), bands[1]]) == "both are read, along one axis or two"
    few = [Reason("too-few-groups", n=n, cell="refused", needed=10) for n in (4, 5, 5)]
    assert _commonest(few) == "5 independent groups that are refused; 10 are needed"
    assert _commonest([]) == ""


def test_cells_are_read_from_text():
    assert parse_cells("300, 40,40,300") == (300, 40, 40, 300)
    for wrong in ("300,40,40", "300,40,40,x", "300;40;40;300", "3,-4,4,3", ""):
        with pytest.raises(ValueError, match="four counts of prompts"):
            parse_cells(wrong)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "needs its cells, or n and phi"),
        ({"n": 100}, "needs its cells, or n and phi"),
        ({"cells": (9, 9, 9, 9), "n": 100}, "give one of the two"),
        ({"n": 100, "phi": 0.5, "auc": 0.5}, r"auc must lie in \(0.5, 1\), got 0.5"),
        ({"n": 100, "phi": 0.5, "n_worlds": 0}, "n_worlds must be at least 1"),
        ({"n": 10**8, "phi": 0.5}, "more than the 200,000,000 that are drawn at most"),
        ({"n": 400, "phi": 0.5, "d": 10**8}, "400 prompts x d 100,000,000"),
        ({"cells": (10**9, 10**9, 5, 5)}, "plan with fewer of either"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_in_words(settings, words):
    with pytest.raises(ValueError, match=words):
        PowerPlan(**settings)


def test_a_size_that_no_world_can_have_is_refused_before_it_is_judged():
    with pytest.raises(ValueError, match="both values of z and of w"):
        plan_table(PowerPlan(cells=(50, 0, 50, 0), n_worlds=1))


def test_right_false_and_open_calls_are_counted_apart():
    calls = [
        ("shared", Reason("one-axis"), True),
        ("separable", Reason("two-axes"), False),
        ("undetermined", Reason("axes-unsure", angle=(0.5, 0.1, 0.9)), False),
        ("undetermined", Reason("axes-unsure", angle=(0.6, 0.1, 0.9)), False),
    ]
    row = _row("shared", calls)
    assert (row.right.times, row.wrong.times, row.undetermined.times) == (1, 1, 2)
    assert row.reason == "both are read, along one axis or two"


def test_a_call_that_is_right_for_its_world_counts_as_right_whatever_its_words():
    """Beside labels that correlate and may err, one factor only cannot be told from one read with errors."""
    reason = as_written("open")
    row = _row("first_only", [("not-apart", reason, True), ("not-apart", reason, False)])
    assert (row.right.times, row.wrong.times, row.undetermined.times) == (1, 0, 1)
    assert row.reason == "open"


def test_not_apart_is_right_where_unknown_errors_of_correlated_labels_may_feign_one_factor(ample):
    for name in PLANNED:
        world = ample[0].draw(name, 0)
        is_one = world.truth in ("first-only", "second-only")
        assert world.right == ({world.truth, "not-apart"} if is_one else {world.truth})
        balanced = PowerPlan(cells=(50, 50, 50, 50)).draw(name, 0)
        assert balanced.right == {balanced.truth}
