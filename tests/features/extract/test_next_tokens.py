"""Log-probabilities behind prompts, as a model is and while its stream is changed."""

import numpy as np
import pytest
import torch
from torch import nn

from unsinter.features.extract.next_tokens import NextTokens
from unsinter.features.model.hooks import change_stream, skip_blocks
from unsinter.features.model.identity import weights_digest
from unsinter.features.rendering.rendering import render

PROMPTS = [
    ("short", "Hi"),
    ("long", "Please explain why the sky is blue, in two sentences, to a young child; then list five songs."),
    ("middle", "How do I bake bread at home?"),
    ("again", "Hi"),
]
SPOTS = [(0, 9), (0, 11), (1, 12), (2, 9)]
BEHIND = (9, 10)


class Halved:
    """A change that halves one coordinate and shifts another, at the layers named."""

    def __init__(self, *layers):
        self.layers = layers

    def change(self, layer, stream, rows, *, first=0):
        changed = stream.clone()
        changed[..., 0] *= 0.5
        changed[..., 1] += 1.0 + layer
        return changed


class Failing(Halved):
    def change(self, layer, stream, rows, *, first=0):
        raise RuntimeError("a change that fails")


def hooks_of(model):
    return [
        name
        for name, part in model.model.named_modules()
        if part._forward_hooks or part._forward_pre_hooks or "forward" in part.__dict__
    ]


def by_hand(model, row, behind, change):
    """Llama's log-probabilities of a row, block by block, with the stream edited between blocks."""
    inner = model.model.model
    ids = torch.tensor([[*row.token_ids, *behind]])
    places = torch.arange(ids.shape[1])[None]
    with torch.inference_mode():
        stream = inner.embed_tokens(ids)
        turned = inner.rotary_emb(stream, position_ids=places)
        mask = torch.full((ids.shape[1],) * 2, float("-inf")).triu(1)[None, None]
        for layer in range(model.n_layers + 1):
            if change is not None and layer in change.layers:
                stream = change.change(layer, stream, [row])
            if layer < model.n_layers:
                out = inner.layers[layer](
                    stream, attention_mask=mask, position_ids=places, position_embeddings=turned
                )
                stream = out[0] if isinstance(out, tuple) else out
        logits = model.model.lm_head(inner.norm(stream))[0].double()
    return logits.log_softmax(-1)[len(row.token_ids) - 1 :].numpy()


@pytest.mark.parametrize("layers", [(0,), (2,), (1, 2, 3), (3,)])
def test_a_changed_stream_gives_what_editing_the_stream_between_blocks_gives(zoo, layers):
    model = zoo("llama")
    rows = render(PROMPTS, model)
    changes = [None, Halved(*layers)]
    read = NextTokens(model=model).log_probs(rows, SPOTS, behind=BEHIND, changes=changes)
    for number, change in enumerate(changes):
        for place, row in enumerate(rows):
            wanted = by_hand(model, row, BEHIND, change)
            np.testing.assert_allclose(
                read[number, place], [wanted[offset, token] for offset, token in SPOTS], atol=2e-4
            )
    assert np.abs(read[1] - read[0]).max() > 0.01


@pytest.mark.parametrize("name", ["llama", "gpt2", "gemma2", "opt", "falcon"])
def test_skipped_blocks_and_batch_mates_change_nothing(zoo, name):
    model = zoo(name)
    rows = render(PROMPTS, model, template="raw")
    change = Halved(2)
    together = NextTokens(model=model).log_probs(rows, SPOTS, behind=BEHIND, changes=[None, change])
    for place, row in enumerate(rows):
        ids = torch.tensor([[*row.token_ids, *BEHIND]])
        for number, own in enumerate((None, change)):
            with torch.inference_mode():
                layers = () if own is None else own.layers
                with change_stream(
                    model.blocks, layers, change=lambda layer, stream, own=own: own.change(layer, stream, [])
                ):
                    logits = model.model(input_ids=ids).logits[0].double().log_softmax(-1)
            wanted = [logits[len(row.token_ids) - 1 + k, token] for k, token in SPOTS]
            np.testing.assert_allclose(together[number, place], wanted, atol=2e-4)


def test_weights_and_modules_are_as_they_were_also_after_an_error(zoo):
    model = zoo("llama")
    rows, before, hooks = render(PROMPTS, model), weights_digest(model.model), hooks_of(model)
    reader = NextTokens(model=model)
    plain = reader.log_probs(rows, SPOTS, behind=BEHIND)
    reader.log_probs(rows, SPOTS, behind=BEHIND, changes=[Halved(1), Halved(3)])
    with pytest.raises(RuntimeError, match="a change that fails"):
        reader.log_probs(rows, SPOTS, behind=BEHIND, changes=[Failing(2)])
    assert weights_digest(model.model) == before
    assert hooks_of(model) == hooks
    np.testing.assert_array_equal(reader.log_probs(rows, SPOTS, behind=BEHIND), plain)


class Adder(nn.Module):
    def forward(self, hidden_states):
        return (hidden_states + 1.0, "more")


def test_hooks_change_tensors_and_tuples_and_a_skipped_block_returns_what_it_is_told():
    blocks = [Adder(), Adder()]
    stream = torch.zeros(1, 2, 3)

    def run():
        return blocks[1](hidden_states=blocks[0](stream)[0])

    with change_stream(blocks, [1, 2], change=lambda layer, value: value * 10 + layer):
        out, more = run()
    assert more == "more"
    assert torch.equal(out, torch.full((1, 2, 3), 122.0))  # ((0 + 1) * 10 + 1 + 1) * 10 + 2
    with skip_blocks(blocks, [(stream + 5, "kept")]):
        assert torch.equal(run()[0], stream + 6)
    assert torch.equal(run()[0], stream + 2)


def test_means_of_the_stream_are_those_of_the_models_own_hidden_states(zoo):
    model = zoo("llama")
    rows = render(PROMPTS, model)
    sums, counts = NextTokens(model=model).mean_stream(
        rows, lambda row: np.arange(len(row.token_ids)) % 3, 3, layers=(1, 2)
    )
    wanted, n = np.zeros((2, 3, model.d_model)), np.zeros(3, int)
    for row in rows:
        with torch.inference_mode():
            hidden = model.model(
                input_ids=torch.tensor([row.token_ids]), output_hidden_states=True
            ).hidden_states
        for token in range(len(row.token_ids)):
            n[token % 3] += 1
            for place, layer in enumerate((1, 2)):
                wanted[place, token % 3] += hidden[layer][0, token].numpy()
    np.testing.assert_array_equal(counts, n)
    np.testing.assert_allclose(np.stack([sums[1], sums[2]]), wanted, atol=1e-3)


def test_a_block_with_a_forward_of_its_own_has_it_again_after_it_was_skipped():
    """Libraries that move weights between devices wrap a block's forward on the instance."""
    block = nn.Linear(2, 2)
    block.forward = wrapped = lambda stream: stream + 7
    with skip_blocks([block], ["kept"]):
        assert block(torch.zeros(1)) == "kept"
    assert block.forward is wrapped
    assert block(torch.zeros(1)).item() == 7
