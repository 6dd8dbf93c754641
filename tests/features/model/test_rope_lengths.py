"""Rows of one batch never change each other's position tables: each is read as the library reads it alone."""

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from unsinter.features.extract.extraction import ExtractionOptions, extract
from unsinter.features.generate.generate import GenerationSettings, generate_responses
from unsinter.features.model.model import load_model
from unsinter.features.model.rope_lengths import RopeLengths, rope_lengths
from unsinter.features.rendering.rendering import render

SWITCH = 40
LONGROPE = {
    "rope_type": "longrope",
    "rope_theta": 1e4,
    "factor": 4.0,
    "long_factor": [1.0, 4.0, 16.0, 32.0],
    "short_factor": [1.0] * 4,
    "original_max_position_embeddings": SWITCH,
}
DYNAMIC = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0}
DEFAULT = {"rope_type": "default", "rope_theta": 1e4}
GEMMA = {"head_dim": 8, "sliding_window": 8, "query_pre_attn_scalar": 8}
KINDS = {
    "phi3": ("Phi3", LONGROPE, {"pad_token_id": 0, "original_max_position_embeddings": SWITCH}),
    "llama-longrope": ("Llama", LONGROPE, {}),
    "llama-dynamic": ("Llama", DYNAMIC, {}),
    "gemma3-full-layers-only": (
        "Gemma3Text",
        {"full_attention": LONGROPE, "sliding_attention": DEFAULT},
        {**GEMMA, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
    ),
}
PROMPTS = [(f"p{n}", "how to bake bread" + " more" * n) for n in (0, 1, 2, 3, 12, 40, 13, 14, 15, 16, 24)]


@pytest.fixture(scope="module", params=list(KINDS))
def folder(request, tiny, tmp_path_factory):
    name, rope, more = KINDS[request.param]
    # Dynamic scaling begins where the model's own context ends.
    n = SWITCH if rope is DYNAMIC else 128
    small = tiny.recipes["qwen2"][1]
    settings = {**small, "max_position_embeddings": n, "rope_parameters": rope, **more}
    model = f"{name.removesuffix('Text')}ForCausalLM"
    return tiny.build(tmp_path_factory.mktemp(request.param), (f"{name}Config", settings, model), scale=6.0)


@pytest.fixture(scope="module")
def model(folder):
    loaded = load_model(folder, dtype="float32", device="cpu")
    object.__setattr__(loaded, "context", None)  # what lies past the context is what dynamic scaling is for
    return loaded


@pytest.fixture(scope="module")
def rows(model):
    result = render(PROMPTS, model)
    lengths = [len(row.token_ids) for row in result]
    assert min(lengths) < SWITCH < max(lengths)
    return result


def read_alone(folder, row, layer):
    """The library's own hidden state of the last token, of a model that has read nothing before."""
    fresh = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.inference_mode():
        out = fresh(input_ids=torch.tensor([row.token_ids]), output_hidden_states=True)
    return out.hidden_states[layer][0, -1].numpy()


@pytest.mark.parametrize("padding_side", ["right", "left"])
@pytest.mark.parametrize("budget", [1, 200, 8192])
def test_every_row_is_read_as_the_library_reads_it_alone(folder, model, rows, tiny, budget, padding_side):
    result = extract(
        model, rows, tiny.store(rows_per_shard=4), layers=[2], positions=["template_end"],
        options=ExtractionOptions(token_budget=budget, padding_side=padding_side),
    )  # fmt: skip
    for row, activation in zip(rows, result.activations(2, "template_end"), strict=True):
        np.testing.assert_allclose(activation, read_alone(folder, row, 2), atol=2e-4, err_msg=row.id)
    assert result.deviation.is_within


def test_answers_are_those_of_each_prompt_alone(folder, model, rows, tmp_path):
    how = GenerationSettings(max_new_tokens=12)
    records = generate_responses(model, rows, tmp_path / "r.jsonl", settings=how)
    for row, record in zip(rows, records, strict=True):
        fresh = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        ids = fresh.generate(
            input_ids=torch.tensor([row.token_ids]), max_new_tokens=12, do_sample=False, pad_token_id=0,
            eos_token_id=[2, 6],
        )[0, row.prompt_end :].tolist()  # fmt: skip
        kept = ids[: next((i for i, token in enumerate(ids) if token in (2, 6)), len(ids))]
        assert record["response_opening"] == model.tokenizer.decode(kept, skip_special_tokens=True), row.id


def test_a_model_whose_tables_know_no_length_keeps_its_identity(zoo):
    assert not rope_lengths(zoo("llama").backbone).matters
    assert "rope_tables" not in zoo("llama").identity


def test_activations_read_in_mixed_batches_are_not_found_again(model):
    assert rope_lengths(model.backbone).matters
    assert model.identity["rope_tables"] == "of each row's own length"


@given(
    lengths=st.lists(st.integers(1, 200), min_size=1),
    switches=st.lists(st.integers(1, 150), max_size=2),
    grows=st.none() | st.integers(1, 150),
)
def test_parts_hold_every_row_once_and_never_both_sides_of_a_switch(lengths, switches, grows):
    rope = RopeLengths(switches=tuple(switches), grows_above=grows)
    parts = rope.parts(lengths)
    assert sorted(i for part in parts for i in part) == list(range(len(lengths)))
    for part in parts:
        own = [lengths[i] for i in part]
        assert all(max(own) <= switch or min(own) > switch for switch in switches)
        assert grows is None or max(own) <= grows or len(set(own)) == 1
