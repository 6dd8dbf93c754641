"""Places of tokens where prompts bring turns of their own, and which prompts a direction is tested on."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from unsinter.studies.causal import log_odds
from unsinter.studies.causal.analysis import _directions
from unsinter.studies.causal.directions import CausalContrast
from unsinter.studies.causal.effect_rows import _tested_on
from unsinter.studies.causal.places import Places
from unsinter.studies.causal.stream_changes import Addition, ChangePlace, Removal

ROW = SimpleNamespace(
    id="one", token_ids=(1, 2, 3, 4, 5, 6, 7, 8), instruction=(2, 5), prompt_end=7, merged=False, key="k"
)


def test_tokens_that_single_prompts_bring_share_the_instructions_place():
    """Their turns, system text and prefill; a mean of one token of one prompt would be no mean."""
    turns = dict(token_ids=(1, 2, 50, 51, 52, 2, 3, 4, 5, 6, 7), instruction=(6, 9), prompt_end=11)
    prefill = dict(token_ids=(1, 2, 3, 4, 5, 6, 7, 60, 61), instruction=(2, 5), prompt_end=9)
    plain = SimpleNamespace(**{**vars(ROW), "token_ids": ROW.token_ids[:7]})
    places = Places.of(
        [plain, plain, plain, SimpleNamespace(**turns), SimpleNamespace(**prefill)], n_behind=0
    )
    index, shared = places.index(plain).tolist(), places.index(plain)[2]
    assert sorted({*index}) == list(range(places.n))
    assert places.index(SimpleNamespace(**turns)).tolist() == [*index[:2], *[shared] * 4, *index[2:]]
    assert places.index(SimpleNamespace(**prefill)).tolist()[:5] == index[:5]
    assert set(places.index(SimpleNamespace(**prefill)).tolist()[5:]) == {shared}


def test_a_place_without_a_training_token_takes_the_mean_of_all_and_not_zero(monkeypatch):
    sums, counts = {2: np.array([[6.0, 9.0], [0.0, 0.0], [2.0, 3.0]])}, np.array([3, 0, 1])
    monkeypatch.setattr(log_odds.NextTokens, "mean_stream", lambda *_, **__: (sums, counts))
    monkeypatch.setattr(log_odds, "training_sample", lambda _inputs: np.array([], dtype=int))
    inputs = SimpleNamespace(model=None, rows=lambda places: [])
    reader = log_odds.OddsReader(inputs=inputs, openings=None)
    means = reader._means((2,), (), SimpleNamespace(index=None, n=3))
    assert means[2].tolist() == [[2.0, 3.0], [2.0, 3.0], [2.0, 3.0]]


@pytest.mark.parametrize("position", [None, "template_end", "instruction_end", "instruction_mean"])
@pytest.mark.parametrize("first", [0, 2, 4])
def test_a_change_of_the_last_tokens_is_that_part_of_a_change_of_all(position, first):
    """What stands before them may have been read for other rows too."""
    rng = np.random.default_rng(5)
    rows = [ROW, SimpleNamespace(**{**vars(ROW), "instruction": (4, 6)})]
    where = ChangePlace(layers=(2,), position=position)
    places = Places.of(rows, n_behind=1)
    direction, stream = rng.normal(size=5), torch.tensor(rng.normal(size=(2, 8, 5)), dtype=torch.float32)
    means = {2: rng.normal(size=(places.n, 5))}
    for change in (
        Removal(direction=direction, where=where, places=places, means=means),
        Removal(direction=direction, where=where),
        Addition(vector=direction, where=where),
    ):
        whole = change.change(2, stream, rows)
        assert torch.allclose(change.change(2, stream[:, first:], rows, first=first), whole[:, first:])
        assert torch.allclose(change.change(2, stream[:, :first], rows), whole[:, :first])


@pytest.mark.parametrize(
    ("operation", "classes", "words"),
    [
        ("remove", ("harmful", "harmless"), "harmful"),
        ("add", ("harmful", "harmless"), "harmless"),
        ("add", ("harmful", "b", "c"), "all others"),
    ],
)
def test_a_row_says_which_prompts_it_is_tested_on_also_where_a_direction_is_added(operation, classes, words):
    contrast = CausalContrast(factor="D", name="harmful", rows=np.array([0]), inside=np.array([True]))
    inputs = SimpleNamespace(
        settings=SimpleNamespace(operation=operation), targets={"D": SimpleNamespace(classes=classes)}
    )
    assert _tested_on(inputs, contrast) == words


def test_a_categorys_direction_stands_beside_that_of_refusing_which_categories_share_in():
    """Categories differ in how often they are refused: a change may be that of the part along refusing."""
    rng = np.random.default_rng(4)
    category, refused = rng.random(80) < 0.3, rng.random(80) < 0.5
    X = rng.normal(size=(80, 6)) + 3 * np.outer(refused, np.eye(6)[0]) + np.outer(category, np.eye(6)[1])
    contrasts = {
        factor: [CausalContrast(factor=factor, name=factor, rows=np.arange(80), inside=inside)]
        for factor, inside in (("C", category), ("R", refused))
    }
    inputs = SimpleNamespace(
        read=lambda layer, position: X,
        settings=SimpleNamespace(permuted=1, random=1),
        bootstrap=SimpleNamespace(seed=0),
        groups=np.arange(80).astype(str),
        train=np.ones(80, dtype=bool),
    )
    own = {entry.null: entry.direction for entry in _directions(inputs, contrasts, ["C"], (1, "end"))}
    refusing = X[refused].mean(axis=0) - X[~refused].mean(axis=0)
    cosine = own["other"] @ refusing / np.linalg.norm(own["other"]) / np.linalg.norm(refusing)
    assert cosine == pytest.approx(1.0)
    assert own["apart"] @ refusing == pytest.approx(0.0, abs=1e-9)
