"""Rows that are sampled answers: each prompt counts with the share of its samples of a class."""

import pickle
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from unsinter.features.records.record import PromptRecord
from unsinter.probes.metrics import auroc, percentile_interval
from unsinter.probes.permutation import group_permutation_p
from unsinter.studies import Settings, Study
from unsinter.studies.activations.untrained import Once
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.sampled_answers import answer_by_majority, sampling_ceiling
from unsinter.studies.data.sampled_rows import SampledRows
from unsinter.studies.data.splits import outer_split
from unsinter.studies.data.targets import Response, SampleLabel
from unsinter.studies.probing.result_tables import ask
from unsinter.studies.probing.target import fit_target, make_floors, make_plan, permutation_p_values
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.run.target_inputs import input_of

K = 4


def sampled_world(n_groups=300, *, seed=0, strength=2.0, positions=("template_end",)):
    """Prompts in pairs whose rates of refusing follow one axis, four answers each; rates are known."""
    rng = np.random.default_rng(seed)
    n = 2 * n_groups
    X = rng.normal(size=(n, 12)).astype(np.float32)
    rates = 1 / (1 + np.exp(-strength * X[:, 0]))
    groups = [f"g{i // 2}" for i in range(n)]
    refused = rng.random((n, K)) < rates[:, None]
    responses = [
        answer_by_majority(
            [
                Response(
                    refusal="refusal" if x else "compliance",
                    wording="bare" if x else None,
                    label_source="rules",
                )
                for x in own
            ]
        )
        for own in refused
    ]
    ids = [f"p{i}" for i in range(n)]
    prompts = [
        PromptRecord(id=i, prompt=f"prompt {i}", harmful=bool(b))
        for i, b in zip(ids, rng.random(n) < 0.5, strict=True)
    ]
    split = outer_split(ids, groups, strata=["all"] * n, n_folds=4, seed=0)
    dataset = Dataset(
        prompts=tuple(prompts), ids=np.array(ids, object), groups=np.array(groups, object), split=split
    )
    reading = SimpleNamespace(
        name="m",
        responses=responses,
        is_present=np.ones(n, bool),
        layers=(0,),
        identity={"m": "1"},
        extraction=SimpleNamespace(keys=ids),
    )
    study = Study.model_validate(
        {
            "name": "s",
            "models": [{"name": "m", "path": "planted:detached"}],
            "prompts": {},
            "responses": {"samples": K, "temperature": 1.0},
            "targets": ["R", "R_share"],
            "positions": list(positions),
            "allow_response_positions": "response_1" in positions,
            "separation": {"pairs": []},
            "bootstrap_draws": 100,
        }
    )
    readers = {"read": lambda layer, position: X, "read_layer0": None, "read_random": None}
    return SimpleNamespace(
        X=X, rates=rates, study=study, refused=refused, dataset=dataset, reading=reading, readers=readers
    )


def input_for(world, target):
    return input_of(target, world.study, world.dataset, world.reading, world.readers, model="m")


def fitted(world, target):
    inputs, rows = input_for(world, target)
    (fit,) = fit_target(inputs, world.study, rows, Settings(folder=Path("unused")))
    return inputs, fit


def test_every_labelled_sample_is_a_row_on_the_side_and_in_the_group_of_its_prompt():
    world = sampled_world(60)
    inputs, rows = input_for(world, "R_share")
    assert inputs.target.labels.tolist() == ["refusal" if x else "compliance" for x in world.refused.ravel()]
    assert inputs.places.tolist() == np.repeat(np.arange(120), K).tolist()
    assert (rows.groups == np.repeat(world.dataset.groups, K)).all()
    assert (rows.is_test == np.repeat(world.dataset.is_test, K)).all()
    assert len(set(rows.ids)) == 120 * K
    inner = pd.Series(inputs.rows.inner).groupby(rows.groups[inputs.rows.train]).nunique()
    assert (inner == 1).all()  # no fold holds one sample of a prompt and learns from another
    assert (inputs.read(0, "template_end") == np.repeat(world.X, K, axis=0)).all()


class Stored:
    """A reader of what lies on a disk, as other processes take it."""

    def __call__(self, layer, position):
        return np.arange(6.0).reshape(3, 2)

    def to_send(self):
        return self


@pytest.mark.parametrize("read", [Stored(), Once(lambda: Stored())])
def test_another_process_gets_the_reader_of_samples_also_where_it_is_made_late(read):
    rows = SampledRows(places=np.array([0, 0, 2]), labels=[SampleLabel("refusal", None)] * 3)
    there = pickle.loads(pickle.dumps(rows.reader(read).to_send()))
    assert there(0, "template_end").tolist() == [[0, 1], [0, 1], [4, 5]]


def test_a_tied_prompt_takes_part_with_both_its_labels():
    world = sampled_world(60)
    tied = np.flatnonzero(world.refused.sum(axis=1) == K / 2)
    majority, _ = input_for(world, "R")
    shares, _ = input_for(world, "R_share")
    assert len(tied)
    assert not majority.target.defined[tied].any()
    assert shares.target.defined.all()


def test_calibrated_scores_of_shares_are_the_planted_rates_and_those_of_majorities_are_not():
    world = sampled_world(600)
    off = {}
    for target in ("R", "R_share"):
        inputs, fit = fitted(world, target)
        prompts = inputs.rows.test if inputs.places is None else inputs.places[inputs.rows.test]
        read = fit.operation.calibration.probabilities(fit.scores)
        off[target] = np.abs(read - world.rates[prompts]).mean()
    assert off["R_share"] < 0.05
    assert off["R"] > 2 * off["R_share"]


def test_a_probe_of_shares_is_the_logistic_regression_on_fractional_labels():
    world = sampled_world(200)
    inputs, fit = fitted(world, "R_share")
    weight, _ = fit.layers[0]
    prompts = np.unique(inputs.places[inputs.rows.train])
    X = (world.X[prompts] - world.X[prompts].mean(axis=0)) / world.X[prompts].std(axis=0)
    share = world.refused[prompts].mean(axis=1)
    two = LogisticRegression(C=1e6, max_iter=1000).fit(
        np.vstack([X, X]), np.repeat([1, 0], len(X)), sample_weight=np.concatenate([share, 1 - share])
    )
    direction = two.coef_[0] / world.X[prompts].std(axis=0)
    w = np.ravel(weight)
    assert w @ direction / np.linalg.norm(w) / np.linalg.norm(direction) > 0.995


def test_the_control_task_never_scores_a_prompt_that_it_was_fitted_on():
    world = sampled_world(120)
    inputs, rows = input_for(world, "R_share")
    control = make_plan(inputs, world.study, rows).control
    assert not set(inputs.places[control.fit_rows]) & set(inputs.places[control.score_rows])
    _, fit = fitted(world, "R_share")
    assert fit.controls.control == pytest.approx(0.5, abs=0.15)  # pairs share nothing here


def test_labels_of_the_samples_of_a_prompt_are_permuted_together():
    world = sampled_world(120)
    inputs, rows = input_for(world, "R_share")
    test = inputs.rows.test
    prompts = np.array([prompt.id for prompt in rows.prompts], dtype=object)
    bootstrap = Bootstrap(n_draws=10, seed=0)
    question = ask("m", inputs.target, inputs.rows, ids=prompts, groups=rows.groups, bootstrap=bootstrap)
    scores = world.X[inputs.places[test], 1:4].T
    p_values = permutation_p_values(question, [SimpleNamespace(scores=row) for row in scores], world.study)
    expected = group_permutation_p(
        scores, inputs.target.codes[test], rows.groups[test], units=prompts[test], n_permutations=1000, seed=0
    )
    assert p_values.tolist() == expected.p_value.tolist()


@pytest.mark.parametrize("target", ["R", "R_share"])
def test_harm_that_tells_every_refusal_is_a_floor_of_shares_as_of_refusals(target):
    world = sampled_world(60)
    world.reading.responses = [
        answer_by_majority([Response(refusal=label, wording=None, label_source="rules")] * K)
        for label in np.where([p.harmful for p in world.dataset.prompts], "refusal", "compliance")
    ]
    inputs, rows = input_for(world, target)
    floors = {floor.name: floor.scores for floor in make_floors(inputs, world.study, rows)}
    assert roc_auc_score(inputs.target.codes[inputs.rows.test], floors["harm"]) == 1


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (2.0, 5.0)])
def test_the_ceiling_of_shares_is_what_a_reader_of_the_rates_reaches_on_single_answers(a, b):
    rng = np.random.default_rng(0)
    rates = rng.beta(a, b, size=16000)
    x = rng.binomial(K, rates)
    truth = roc_auc_score(rng.random(16000) < rates, rates)
    assert sampling_ceiling(x, np.full(16000, K), by_sample=True) == pytest.approx(truth, abs=0.02)


def test_the_ceiling_of_a_target_is_that_of_its_own_rows():
    world = sampled_world(300)
    n = world.refused[world.dataset.is_test].sum(axis=1)
    for target, by_sample in (("R", False), ("R_share", True)):
        inputs, _ = input_for(world, target)
        rows = n if by_sample else n[2 * n != K]  # a tie is no row of R
        expected = sampling_ceiling(rows, np.full(len(rows), K), by_sample=by_sample)
        assert inputs.ceiling == pytest.approx(expected, abs=1e-9)


def test_samples_of_a_prompt_without_activations_take_no_part():
    world = sampled_world(60)
    world.reading.is_present[:10] = False
    inputs, _ = input_for(world, "R_share")
    assert inputs.target.defined.tolist() == [False] * 10 * K + [True] * 110 * K


def test_intervals_over_groups_hold_the_noise_of_sampling():
    """Fresh prompts and fresh answers each time: the interval covers what endless data would show."""
    rng = np.random.default_rng(1)
    n_worlds, n = 200, 150

    def draw(n):
        rate = 1 / (1 + np.exp(-4 * (latent := rng.normal(size=n))))
        return latent + rng.normal(size=n), rng.random((n, K)) < rate[:, None]

    score, refused = draw(400_000)
    truth = roc_auc_score(refused[:, 0], score)
    covered = {"groups": 0, "samples": 0}
    for seed in range(n_worlds):
        score, refused = draw(n)
        rows = np.repeat(np.arange(n), K)
        for unit, groups in (("groups", rows), ("samples", np.arange(n * K))):
            draws = Bootstrap(n_draws=300, seed=seed).draws(groups.astype(str))
            low, high = percentile_interval(auroc(score[rows], refused.ravel(), weights=draws))
            covered[unit] += low <= truth <= high
    assert 0.9 <= covered["groups"] / n_worlds <= 0.99
    assert covered["samples"] / n_worlds < 0.9  # samples of one prompt are no prompts


def test_what_cannot_be_studied_is_said_in_a_sentence():
    world = sampled_world(60)
    assert isinstance(input_for(world, "W_share"), Reason)  # one wording only
    world.reading.responses = [None] * 120
    assert "no class has" in str(input_for(world, "R_share"))
    world = sampled_world(60, positions=("response_1",))
    assert "name a position of the prompt" in str(input_for(world, "R_share"))
