"""Positions of answers: means, largest windows, and the end of the reasoning."""

import numpy as np
import pytest
import torch

from unsinter.features.extract.extraction import ExtractionOptions, extract
from unsinter.features.rendering.positions import PositionError, available_positions, resolve_position
from unsinter.features.rendering.rendering import render

PROMPTS = [("short", "Hi"), ("long", "Please explain why the sky is blue."), ("middle", "Why?")]
ANSWERS = {
    "short": "No.",
    "long": "<think>They ask of the sky; rain falls from it.</think>\n\nIt scatters light, blue light most.",
    "middle": "<think>\nHm.\n</think> Because of rain",
}
WINDOWS = {"response_mean": None, "response_max_1": 1, "response_max_4": 4, "response_max_500": 500}


def streams(model, row):
    """The stream of a row alone (n_layers + 1, n_tokens, d_model), by the model's own hidden states."""
    with torch.inference_mode():
        hidden = model.model(torch.tensor([row.token_ids]), output_hidden_states=True).hidden_states
    return torch.stack(hidden)[:, 0].float().numpy()


@pytest.mark.parametrize("side", ["right", "left"])
def test_pooled_positions_are_those_of_the_models_own_hidden_states(zoo, tiny, side):
    model = zoo("llama")
    rows = render(PROMPTS, model, responses=ANSWERS)
    options = ExtractionOptions(padding_side=side, token_budget=300)
    read = extract(
        model, rows, tiny.store(), layers=[0, 1], positions=[*WINDOWS, "template_end"], options=options
    )
    for name, size in WINDOWS.items():
        for layer in (0, 1):
            for row, value in zip(rows, read.activations(layer, name), strict=True):
                answer = streams(model, row)[layer][row.prompt_end :]
                size_here = min(size or len(answer), len(answer))
                windows = np.lib.stride_tricks.sliding_window_view(answer, size_here, axis=0).mean(axis=-1)
                assert np.abs(value - windows.max(axis=0)).max() <= 1e-5, (name, layer, row.id)


def test_the_end_of_the_reasoning_is_the_last_token_of_the_marker_that_closes_it(zoo, tiny):
    model = zoo("llama")
    short, long, middle = render(PROMPTS, model, responses=ANSWERS)
    for row in (long, middle):
        first, past = resolve_position("thinking_end", row)
        assert past - first == 1
        assert (
            model.tokenizer.decode(list(row.token_ids[row.prompt_end : past])).rstrip().endswith("</think>")
        )
        assert (
            model.tokenizer.decode(list(row.token_ids[past:])).strip()
            == ANSWERS[row.id].split("</think>")[1].strip()
        )
        assert available_positions(row)[-2:] == ["response_mean", "thinking_end"]
    read = extract(model, [long, middle], tiny.store(), layers=[1], positions=["thinking_end"])
    expected = [streams(model, row)[1][row.thinking_end - 1] for row in (long, middle)]
    assert np.abs(read.activations(1, "thinking_end") - np.array(expected)).max() <= 1e-5
    with pytest.raises(PositionError, match="'short' has no reasoning that a marker closes"):
        resolve_position("thinking_end", short)


def test_reasoning_without_an_answer_has_no_end(zoo):
    model = zoo("llama")
    [row] = render([("a", "Hi")], model, responses={"a": "<think>They ask of the sky"})
    assert row.thinking_end is None


def test_a_prompt_alone_has_no_position_of_answers(zoo):
    [row] = render([("a", "Hi")], zoo("llama"))
    for name in WINDOWS:
        with pytest.raises(PositionError, match="'a' has no response tokens; it has instruction_mean"):
            resolve_position(name, row)
    for name in ("response_max_0", "response_max_", "response_max_x", "response_middle"):
        with pytest.raises(PositionError, match=r"is unknown; use .*response_mean, thinking_end"):
            resolve_position(name, row)


def test_the_place_of_the_reasoning_is_part_of_a_rows_key(zoo, monkeypatch):
    """Where it is follows from rules of ours, which change, and not from the tokens alone."""
    model, answer = zoo("llama"), {"a": "<think>Hm.</think> Rain, rain."}
    [now] = render([("a", "Hi")], model, responses=answer)
    monkeypatch.setattr("unsinter.features.rendering.rendering.answer_start", lambda text: 0)
    [blind] = render([("a", "Hi")], model, responses=answer)
    assert now.token_ids == blind.token_ids
    assert now.key != blind.key
