"""What all prompts begin with is read once under each change, and every log-probability is what it was."""

import logging

import numpy as np
import pytest
import torch

from unsinter.features.extract import changed_passes, shared_prefix
from unsinter.features.extract.changed_passes import ChangedPasses
from unsinter.features.extract.next_tokens import NextTokens
from unsinter.features.extract.produce import ExtractionError
from unsinter.features.extract.shared_prefix import SharedPrefix, common_prefix
from unsinter.features.model.hooks import change_stream
from unsinter.features.rendering.rendering import TemplateInput, render

PROMPTS = [(f"p{i}", "Hi" + " a b" * n) for i, n in enumerate((0, 0, 1, 2, 3, 4, 6, 9))]
LONG = TemplateInput(system="Be kind and short.")
SPOTS = [(0, 9), (0, 11), (1, 12), (2, 9)]
BEHIND = (9, 10)


class ByPlace:
    """A change that depends on the token's place in its row, from token ``first`` on."""

    def __init__(self, *layers):
        self.layers = layers

    def change(self, layer, stream, rows, *, first=0):
        n = stream.shape[1]
        places = torch.stack([torch.arange(len(row.token_ids))[first : first + n] for row in rows])
        changed = stream.clone()
        changed[..., 0] *= 0.5
        changed[..., 1] += 0.1 * (places + layer)
        return changed


CHANGES = [None, ByPlace(0), ByPlace(1), ByPlace(1, 2), ByPlace(2)]


@pytest.fixture(autouse=True)
def few_rows_share_too(monkeypatch):
    monkeypatch.setattr(shared_prefix, "FEWEST_ROWS", 2)


def read_both_ways(model, monkeypatch, rows=None, changes=CHANGES):
    """Log-probabilities with and without a shared prefix, and the tokens that each way read."""
    rows = render(PROMPTS, model, beside=LONG) if rows is None else rows
    read, values = [], []
    hook = model.model.get_input_embeddings().register_forward_hook(
        lambda _module, inputs, _output: read[-1].append(inputs[0].numel())
    )
    try:
        for shares in (True, False):
            read.append([])
            with monkeypatch.context() as patch:
                if not shares:
                    patch.setattr(changed_passes, "is_worth_sharing", lambda *_: False)
                values.append(NextTokens(model=model).log_probs(rows, SPOTS, behind=BEHIND, changes=changes))
    finally:
        hook.remove()
    return *values, *map(sum, read)


@pytest.mark.filterwarnings("ignore")
def test_log_probabilities_are_equal_with_and_without_the_prefix(zoo, supported, monkeypatch):
    model = zoo(supported)
    if not model.can_generate:
        pytest.skip("an encoder answers nothing")
    shared, plain, n_shared, n_plain = read_both_ways(model, monkeypatch)
    np.testing.assert_allclose(shared, plain, rtol=0, atol=2e-4)
    assert np.ptp(plain, axis=0).max() > 0.01  # the changes do change something
    assert n_shared < n_plain


@pytest.mark.filterwarnings("ignore")
def test_a_change_reaches_every_token_though_a_model_would_run_upper_layers_on_the_last_alone(
    zoo, supported, monkeypatch
):
    model = zoo(supported)
    if not model.can_generate:
        pytest.skip("an encoder answers nothing")
    rows = render(PROMPTS[:3], model, beside=LONG)
    spots = [(0, 9), (0, 11)]
    change = ByPlace(model.n_layers - 1)
    read = NextTokens(model=model).log_probs(rows, spots, changes=[change])
    for place, row in enumerate(rows):

        def by_hand(layer, stream, row=row):
            return change.change(layer, stream, [row])

        with torch.inference_mode(), change_stream(model.blocks, change.layers, change=by_hand):
            logits = model.model(input_ids=torch.tensor([row.token_ids]), **model.options).logits
        wanted = logits[0, -1].double().log_softmax(-1)
        np.testing.assert_allclose(read[0, place], [wanted[token] for _, token in spots], atol=2e-4)


def test_a_layer_that_runs_on_some_tokens_only_is_refused(zoo):
    model = zoo("llama")
    rows = render(PROMPTS[:1], model, beside=LONG)
    passes = ChangedPasses(model=model, spots=SPOTS, n_behind=0, changes=[ByPlace(1)])
    past = len(rows[0].token_ids)
    with (
        pytest.raises(ExtractionError, match=f"runs layer 1 on 2 of {past} tokens"),
        passes._under(ByPlace(1), rows, past=past),
    ):
        model.model(input_ids=torch.tensor([rows[0].token_ids[:2]]))


def test_only_what_differs_between_prompts_is_read_under_each_change(zoo, monkeypatch):
    model = zoo("llama")
    rows = render([(f"p{i}", "Hi" + " a" * (i % 5)) for i in range(60)], model, beside=LONG)
    n_prefix = len(common_prefix(rows))
    _, _, n_shared, n_plain = read_both_ways(model, monkeypatch, rows)
    # The prefix once for each change; of the first batch, at most a fifth of the rows, two passes both ways.
    most_checked = (len(CHANGES) + 1) * n_prefix + 8 * 12 * max(len(row.token_ids) + 2 for row in rows)
    assert n_plain - n_shared > len(CHANGES) * n_prefix * len(rows) - most_checked


@pytest.mark.parametrize("factor", [1.0, 1.1])
def test_torch_still_follows_gradients_behind_passes_whether_a_prefix_is_shared_or_not(
    zoo, monkeypatch, factor
):
    original = changed_passes.read_tokens

    def scaled(model, ids):
        prefix = original(model, ids)
        layers = tuple((keys, factor * values) for keys, values in prefix.layers)
        return SharedPrefix(token_ids=prefix.token_ids, layers=layers)

    monkeypatch.setattr(changed_passes, "read_tokens", scaled)
    read_both_ways(zoo("llama"), monkeypatch)
    assert not torch.is_inference_mode_enabled()
    weights = torch.ones(3, requires_grad=True)
    (weights * 2).sum().backward()
    assert weights.grad.tolist() == [2.0, 2.0, 2.0]


def test_no_token_of_an_instruction_is_shared_though_all_begin_alike(zoo, monkeypatch):
    model = zoo("llama")
    rows = render(
        [(f"p{i}", "Tell me, please, this one thing:" + " a" * i) for i in range(8)], model, beside=LONG
    )
    taken = []
    original = changed_passes.read_tokens
    monkeypatch.setattr(
        changed_passes, "read_tokens", lambda model, ids: taken.append(ids) or original(model, ids)
    )
    NextTokens(model=model).log_probs(rows, SPOTS, behind=BEHIND, changes=CHANGES)
    assert {len(ids) for ids in taken} == {min(row.instruction[0] for row in rows)}
    assert len(common_prefix(rows)) > len(taken[0])


def test_a_prefix_that_changes_log_probabilities_is_not_used(zoo, monkeypatch, caplog):
    model = zoo("llama")
    original = changed_passes.read_tokens

    def wrong(model, ids):
        prefix = original(model, ids)
        layers = tuple((keys, 1.1 * values) for keys, values in prefix.layers)
        return SharedPrefix(token_ids=prefix.token_ids, layers=layers)

    monkeypatch.setattr(changed_passes, "read_tokens", wrong)
    with caplog.at_level(logging.INFO):
        shared, plain, _, _ = read_both_ways(model, monkeypatch)
    np.testing.assert_array_equal(shared, plain)
    assert "no prefix is shared: log-probabilities with it are other ones" in caplog.text


def test_only_the_layers_that_a_change_reaches_count_as_memory(zoo, monkeypatch):
    model = zoo("llama")
    rows = render(PROMPTS, model, beside=LONG)
    ids = common_prefix(rows)[: min(row.instruction[0] for row in rows)]
    of_layer = sum(part.nbytes for part in shared_prefix.read_tokens(model, ids).layers[0])
    changes = [ByPlace(model.n_layers - 1)] * 3
    passes = ChangedPasses(model=model, spots=SPOTS[:2], n_behind=0, changes=changes)
    needed = of_layer * (model.n_layers + 3)
    monkeypatch.setattr(changed_passes, "MOST_BYTES", needed)
    assert passes.sharing_prefixes(rows, trial=rows[:2]).prefixes
    monkeypatch.setattr(changed_passes, "MOST_BYTES", needed - 1)
    assert not passes.sharing_prefixes(rows, trial=rows[:2]).prefixes


def test_prefixes_that_take_too_much_memory_are_not_shared(zoo, monkeypatch, caplog):
    model = zoo("llama")
    monkeypatch.setattr(changed_passes, "MOST_BYTES", 100)
    with caplog.at_level(logging.INFO):
        shared, plain, n_shared, n_plain = read_both_ways(model, monkeypatch)
    np.testing.assert_array_equal(shared, plain)
    assert n_shared - n_plain < len(common_prefix(render(PROMPTS, model, beside=LONG))) + 1
    assert "no prefix is shared: it takes too much memory" in caplog.text
