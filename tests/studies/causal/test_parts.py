"""Openings, changes, effects and the rule of the causal check, against what is worked out by hand."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch

from unsinter.studies.causal.analysis import _directions
from unsinter.studies.causal.directions import (
    CausalContrast,
    apart_from,
    hold_fixed,
    random_directions,
    scaled,
)
from unsinter.studies.causal.effects import Draws
from unsinter.studies.causal.matrix import rank_correlation
from unsinter.studies.causal.openings import find_openings, opening_odds
from unsinter.studies.causal.places import Places
from unsinter.studies.causal.rule import CausalFinding, decide
from unsinter.studies.causal.stream_changes import Addition, ChangePlace, Removal
from unsinter.studies.causal.used import with_used
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.estimate import Estimate, from_draws_together

ROW = SimpleNamespace(
    id="one", token_ids=(1, 2, 3, 4, 5, 6, 7, 8), instruction=(2, 5), prompt_end=7, merged=False, key="k"
)


def test_a_coordinate_taken_out_is_that_of_the_mean_at_its_place_and_nothing_else_moves():
    rng = np.random.default_rng(0)
    places = Places.of([ROW], n_behind=1)
    stream = torch.tensor(rng.normal(size=(1, 8, 5)), dtype=torch.float32)
    means = {2: rng.normal(size=(places.n, 5))}
    direction = rng.normal(size=5)
    unit = direction / np.linalg.norm(direction)
    where = ChangePlace(layers=(2,))
    after = Removal(direction=direction, where=where, places=places, means=means).change(2, stream, [ROW])
    wanted = means[2][places.index(ROW)] @ unit
    np.testing.assert_allclose(after[0].numpy() @ unit, wanted, atol=1e-5)
    moved = (after - stream)[0].numpy()
    np.testing.assert_allclose(moved - np.outer(moved @ unit, unit), 0, atol=1e-5)
    out = Removal(direction=direction, where=where).change(2, stream, [ROW])
    np.testing.assert_allclose(out[0].numpy() @ unit, 0, atol=1e-5)


def test_a_position_alone_is_changed_where_it_is_named():
    stream = torch.zeros(1, 8, 5)
    added = Addition(vector=np.arange(5.0), where=ChangePlace(layers=(1,), position="template_end"))
    after = added.change(1, stream, [ROW])
    assert after[0].abs().sum(dim=-1).nonzero()[:, 0].tolist() == [6]


def test_every_token_of_the_template_has_a_place_of_its_own_and_the_instruction_shares_one():
    places = Places.of([ROW], n_behind=1)
    index = places.index(ROW)
    assert len(set(index)) == 7  # two tokens of the instruction share one
    assert index[2] == index[3] != index[4]
    assert index.max() < places.n
    shorter = SimpleNamespace(**{**vars(ROW), "token_ids": ROW.token_ids[:2] + ROW.token_ids[3:]})
    shorter.instruction, shorter.prompt_end = (2, 4), 6
    assert places.index(shorter).tolist() == [*index[:2], *index[3:]]


def test_openings_go_on_until_they_tell_refusals_and_wordings_apart():
    answers = [(5, 1, 7)] * 6 + [(5, 2, 8)] * 6 + [(9, 3)] * 6 + [(5, 4, 4)] * 6
    kinds = ["refusal"] * 18 + ["compliance"] * 6
    wordings = ["bare"] * 6 + ["apology"] * 6 + ["bare"] * 6 + [""] * 6
    openings = find_openings(answers, kinds, wordings)
    kind_of = {o.tokens: (o.kind, o.wording) for o in openings.openings}
    assert kind_of == {
        (5, 1): ("refusal", "bare"), (5, 2): ("refusal", "apology"), (9,): ("refusal", "bare"),
        (5, 4): ("compliance", ""),
    }  # fmt: skip
    assert openings.chains == ((5,),)
    assert openings.covered == 1.0
    p = np.array([0.2, 0.1, 0.3, 0.4])  # in the order of the openings: (5, 1), (5, 2), (5, 4), (9,)
    odds = opening_odds(openings, np.log(p))
    assert odds.refusal == pytest.approx(np.log((0.2 + 0.1 + 0.4) / 0.3))
    assert odds.wording["apology"] == pytest.approx(np.log(0.1 / 0.6))
    assert odds.covered == pytest.approx(1.0)


def test_where_no_wordings_are_read_the_first_token_that_tells_refusing_is_enough():
    answers = [(5, 1, 7)] * 6 + [(5, 2, 8)] * 6 + [(9, 3)] * 8
    openings = find_openings(answers, ["refusal"] * 12 + ["compliance"] * 8, [""] * 20)
    assert {o.tokens for o in openings.openings} == {(5,), (9,)}
    assert openings.chains == ((),)


def test_answers_that_begin_alike_to_the_end_tell_nothing():
    openings = find_openings([(1, 2, 3)] * 20, ["refusal", "compliance"] * 10, [""] * 20)
    assert openings.openings == ()
    assert openings.covered == 0.0


def test_a_direction_is_the_difference_of_means_or_of_cells_with_the_other_factor_held_fixed():
    rng = np.random.default_rng(1)
    n = 400
    other = rng.random(n) < 0.5
    inside = rng.random(n) < np.where(other, 0.9, 0.1)
    X = np.c_[inside * 2.0, other * 3.0, rng.normal(size=n)]
    contrast = CausalContrast(factor="D", name="harmful", rows=np.arange(n), inside=inside)
    assert contrast.direction(X)[1] > 2  # the other factor is in it
    fixed = hold_fixed(contrast, other, "R", np.arange(n))
    assert fixed.fixed_factor == "R"
    np.testing.assert_allclose(fixed.direction(X)[:2], [2, 0], atol=1e-9)
    few = hold_fixed(contrast, inside, "R", np.arange(n))
    assert few.fixed_factor == ""


def test_nulls_have_the_covariance_and_the_length_and_a_part_apart_is_at_right_angles():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(500, 3)) * [5, 1, 0.2] + 7
    drawn = random_directions(X, n=4000, seed=0)
    np.testing.assert_allclose(drawn.std(axis=0), X.std(axis=0), rtol=0.05)
    np.testing.assert_allclose(np.linalg.norm(scaled(drawn, X[0]), axis=1), np.linalg.norm(X[0]))
    v, others = rng.normal(size=3), [rng.normal(size=3), rng.normal(size=3)]
    apart = apart_from(v, others)
    np.testing.assert_allclose([apart @ other for other in others], 0, atol=1e-9)


def test_intervals_hold_for_all_directions_at_once_and_treat_a_group_as_one():
    groups = np.repeat(np.arange(40), 5)
    rng = np.random.default_rng(3)
    by_group = rng.normal(size=40)
    draws = Draws.of(groups, Bootstrap(n_draws=2000, seed=0))
    rows = np.ones(200, dtype=bool)
    means = [draws.mean(by_group[groups], rows)]
    alone = from_draws_together(means)[0]
    assert alone.value == pytest.approx(by_group.mean())
    assert alone.high - alone.low == pytest.approx(2 * 1.96 * by_group.std() / np.sqrt(40), rel=0.1)
    means += [draws.mean(rng.normal(size=200), rows) for _ in range(20)]
    assert from_draws_together(means)[0].high > alone.high


@pytest.mark.parametrize(
    ("change", "used"),
    [
        ({}, "yes"),
        ({"nulls": 2.5}, "open"),
        ({"effect": Estimate(-2.0, -4.5, 0.5)}, "open"),
        ({"effect": Estimate(-0.1, -0.4, 0.2)}, "no"),
        ({"effect": Estimate(-0.6, -0.8, -0.4), "nulls": 0.1}, "open"),
        ({"other": 3.0, "apart": -0.2}, "open"),
        ({"other": 3.0, "apart": -1.5}, "yes"),
        ({"other": 3.0, "apart": 1.5}, "open"),
        ({"covered": 0.3}, "open"),
        ({"n_groups": 5}, "open"),
    ],
)
def test_yes_needs_an_interval_off_zero_beyond_all_nulls_and_no_needs_a_bound(change, used):
    base = {
        "effect": Estimate(-2.0, -2.5, -1.5), "nulls": 1.0, "margin": 1.0, "covered": 0.9, "n_groups": 40,
        "other": -0.5, "apart": -1.8,
    }  # fmt: skip
    assert decide(CausalFinding(**base | change))[0] == used


def test_the_rank_correlation_is_spearmans_with_an_interval_over_draws():
    rng = np.random.default_rng(4)
    a = rng.normal(size=(12, 201))
    a[:, 0] = np.arange(12)
    b = a**3
    rho = rank_correlation(a, b)
    assert rho.value == pytest.approx(1.0)
    assert np.isnan(rank_correlation(a[:3], b[:3]).value)


def test_a_verdict_says_used_where_its_first_factor_was_changed_and_not_tested_elsewhere():
    columns = ["model", "first", "second", "first_class", "layer", "position"]
    rows = [
        ("m", "D", "R", "harmful", 3, "p"),
        ("m", "D", "R", "harmful", 4, "p"),
        ("m", "C", "W", "all", 3, "p"),
        ("m", "C", "W", "fraud", 3, "p"),
        ("m", "D", "topic", "all", 3, "p"),
    ]
    verdicts = pd.DataFrame(rows, columns=columns)
    effect = {"model": "m", "kind": "effect", "layer": 3, "position": "p"}
    causal = pd.DataFrame(
        [
            {**effect, "factor": "D", "class": "harmful", "outcome": "refusal", "used": "yes"},
            {**effect, "factor": "C", "class": "fraud", "outcome": "wording", "used": "yes"},
            {**effect, "factor": "C", "class": "theft", "outcome": "wording", "used": "no"},
        ]
    )
    assert with_used(verdicts, causal)["used"].tolist() == [
        "yes", "not tested", "open", "yes", "not tested",
    ]  # fmt: skip
    assert set(with_used(verdicts, None)["used"]) == {"not tested"}


def test_every_null_of_a_site_is_as_long_as_the_longest_direction_there():
    """Of added directions a shorter null would be surpassed by length alone."""
    rng = np.random.default_rng(3)
    groups = np.arange(60).astype(str)
    far, near = rng.permutation(np.arange(60) % 2 == 0), rng.permutation(np.arange(60) % 2 == 0)
    X = rng.normal(size=(60, 6)) + 9 * np.outer(far, np.eye(6)[0]) + np.outer(near, np.eye(6)[1])
    rows = np.arange(60)
    contrasts = {
        "C": [
            CausalContrast(factor="C", name="near", rows=rows, inside=near),
            CausalContrast(factor="C", name="far", rows=rows, inside=far),
        ]
    }
    inputs = SimpleNamespace(
        read=lambda layer, position: X,
        settings=SimpleNamespace(permuted=4, random=3),
        bootstrap=SimpleNamespace(seed=0),
        groups=groups,
        train=np.ones(60, dtype=bool),
    )
    tried = _directions(inputs, contrasts, ["C"], (1, "end"))
    longest = max(np.linalg.norm(entry.direction) for entry in tried if not entry.null)
    assert longest > 8
    nulls = [entry for entry in tried if entry.null in ("random", "permuted")]
    assert len(nulls) == 7
    assert [np.linalg.norm(entry.direction) for entry in nulls] == pytest.approx([longest] * 7)
