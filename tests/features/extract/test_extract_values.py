"""Hooked activations against the model's own hidden states, architecture by architecture."""

import numpy as np
import pytest
import torch

from unsinter.features.extract.extraction import ExtractionOptions, extract
from unsinter.features.extract.places import BatchPlaces
from unsinter.features.rendering.positions import resolve_position
from unsinter.features.rendering.rendering import render

PROMPTS = [
    ("short", "Hi"),
    ("long", "Please explain why the sky is blue, in two sentences, to a young child; then list five songs."),
    ("middle", "How do I bake bread at home?"),
    ("digits", "0123456789 !?"),
    ("again", "Hi"),
]


def oracle(model, row):
    """The stream of one row run alone through the whole model: hidden_states below the last layer, a plain
    hook on the last block above."""
    last = []
    handle = model.blocks[-1].register_forward_hook(
        lambda _m, _i, output: last.append((output[0] if isinstance(output, tuple) else output).clone())
    )
    ids = torch.tensor([row.token_ids])
    module = model.model.get_encoder() if model.model.config.is_encoder_decoder else model.model
    with torch.inference_mode():
        hidden = module(
            input_ids=ids, attention_mask=torch.ones_like(ids), output_hidden_states=True
        ).hidden_states
    handle.remove()
    return [*(h[0].float().numpy() for h in hidden[:-1]), last[0][0].float().numpy()], hidden[-1][0]


@pytest.mark.parametrize("template", ["chat", "raw"])
def test_every_layer_equals_the_models_own_hidden_states(zoo, tiny, supported, template):
    model = zoo(supported)
    if template == "chat" and not model.tokenizer.chat_template:
        template = "auto"
    rows = render(PROMPTS, model, template=template)
    positions = ["instruction_end", "template_end", "instruction_mean"]
    truth = [oracle(model, row)[0] for row in rows]
    for side in ("right",) if supported == "convbert" else ("right", "left"):
        result = extract(
            model,
            rows,
            tiny.store(),
            layers="all",
            positions=positions,
            options=ExtractionOptions(padding_side=side, token_budget=300),
        )
        assert result.layers == tuple(range(model.n_layers + 1))
        for layer in result.layers:
            for position in positions:
                values = result.activations(layer, position)
                for row, streams, value in zip(rows, truth, values, strict=True):
                    start, past = resolve_position(position, row)
                    expected = streams[layer][start:past].mean(axis=0)
                    assert np.abs(value - expected).max() <= 1e-5, (side, layer, position, row.id)


def test_a_model_in_memory_reads_as_the_one_from_its_folder(zoo):
    from unsinter.features.model.model import wrap_model

    loaded = zoo("llama")
    wrapped = wrap_model(loaded.model, loaded.tokenizer, name="mine")
    assert wrapped.identity | {"device": "cpu"} == loaded.identity  # a device that was named is part of it
    assert (wrapped.name, wrapped.n_layers, wrapped.d_model) == ("mine", loaded.n_layers, loaded.d_model)


def test_a_mean_is_not_touched_by_padding_that_is_not_a_number():
    stream = torch.arange(24.0).reshape(2, 4, 3)
    stream[1, 2:] = float("nan")  # the shorter row's padding
    spans = [[(1, 4), (3, 4)], [(0, 2), (1, 2)]]
    places = BatchPlaces.of(spans, (0, 0), n_tokens=4, device=torch.device("cpu"))
    taken = places.gather(stream)
    torch.testing.assert_close(taken[:, 0], torch.stack([stream[0, 1:4].mean(0), stream[1, :2].mean(0)]))
    torch.testing.assert_close(taken[:, 1], torch.stack([stream[0, 3], stream[1, 1]]))
