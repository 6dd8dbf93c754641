"""A prompt's greedy answer is the one it gets alone, whatever counts or carries a state in the model."""

import pytest
import torch

from unsinter.features.generate import answer_batches
from unsinter.features.generate.answer_batches import plan_answers, settle_mates
from unsinter.features.generate.generate import GenerationSettings, generate_responses
from unsinter.features.generate.response_file import ResponseFileError
from unsinter.features.model.model import load_model
from unsinter.features.model.rope_lengths import RopeLengths
from unsinter.features.rendering.rendering import render

SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48}
GROUPED = {**SMALL, "num_key_value_heads": 2, "pad_token_id": 0, "head_dim": 8}
MAMBA = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1}
BART = {
    "d_model": 32, "decoder_layers": 3, "encoder_layers": 3, "decoder_attention_heads": 4,
    "encoder_attention_heads": 4, "decoder_ffn_dim": 48, "encoder_ffn_dim": 48,
    "max_position_embeddings": 256, "is_decoder": True, "is_encoder_decoder": False,
}  # fmt: skip
MOVED = {
    "recurrent_gemma": (
        "RecurrentGemmaConfig",
        {
            **GROUPED,
            "lru_width": 32,
            "attention_window_size": 16,
            "block_types": ["recurrent", "recurrent", "attention"],
        },
        "RecurrentGemmaForCausalLM",
    ),
    "minimax": (
        "MiniMaxConfig",
        {
            **GROUPED,
            "num_local_experts": 2,
            "block_size": 8,
            "layer_types": ["linear_attention", "full_attention", "linear_attention"],
        },
        "MiniMaxForCausalLM",
    ),
    "bart": ("BartConfig", BART, "BartForCausalLM"),  # learned positions that count the padding
}
UNMOVED = {
    "lfm2": ("Lfm2Config", {**GROUPED, "layer_types": ["conv", "full_attention", "conv"]}, "Lfm2ForCausalLM"),
    "bamba": ("BambaConfig", {**GROUPED, "attn_layer_indices": [1], **MAMBA}, "BambaForCausalLM"),
}
KNOWN = ["gpt2", "opt", "falcon_alibi", "bloom", "mpt", "mistral", "gemma3", "gpt_neo"]
TIMES = (0, 0, 1, 2, 3, 4, 6, 9, 1, 2)
PROMPTS = [(f"p{i}", "How to bake bread" + " at home, please" * n) for i, n in enumerate(TIMES)]
HOW = GenerationSettings(max_new_tokens=10)
ENDS = (2, 6)


@pytest.fixture(scope="module")
def named(tiny, zoo, tmp_path_factory):
    loaded = {}

    def get(name):
        if name in KNOWN:
            return zoo(name)
        if name not in loaded:
            folder = tiny.build(tmp_path_factory.mktemp(name), {**MOVED, **UNMOVED}[name])
            loaded[name] = load_model(folder, dtype="float32", device="cpu")
        return loaded[name]

    return get


def answer_alone(model, row):
    """The library's own greedy answer to one prompt by itself."""
    ids = torch.tensor([row.token_ids])
    made = model.model.generate(
        input_ids=ids, attention_mask=torch.ones_like(ids), max_new_tokens=HOW.max_new_tokens,
        do_sample=False, pad_token_id=0, eos_token_id=list(ENDS),
    )[0, row.prompt_end :].tolist()  # fmt: skip
    kept = made[: next((i for i, token in enumerate(made) if token in ENDS), len(made))]
    return model.tokenizer.decode(kept, skip_special_tokens=True)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [*MOVED, *UNMOVED, *KNOWN])
def test_an_answer_is_the_one_the_prompt_gets_alone(named, name, tmp_path, caplog):
    model = named(name)
    rows = render(PROMPTS, model)
    records = generate_responses(model, rows, tmp_path / "r.jsonl", settings=HOW)
    for row, record in zip(rows, records, strict=True):
        assert record["response_opening"] == answer_alone(model, row), row.id
    assert ("only prompts of equal length are answered together" in caplog.text) == (name in MOVED)


def batches_of(rows, mates, budget=10**6):
    return list(plan_answers(rows, mates=mates, tables=lambda _: 0, samples=1, token_budget=budget))


def test_every_grouping_answers_every_prompt_once(zoo):
    rows = render(PROMPTS, zoo("gpt2"))
    for mates, n in (("any length", 1), ("equal length", 7), ("none", 10)):
        batches = batches_of(rows, mates)
        assert sorted(row.id for batch in batches for row in batch) == sorted(row.id for row in rows)
        assert len(batches) == n
    for batch in batches_of(rows, "equal length"):
        assert len({len(row.token_ids) for row in batch}) == 1


def test_rows_that_disturb_each_other_even_without_padding_are_answered_alone(zoo, caplog):
    model = zoo("gpt2")
    rows = render(PROMPTS, model)

    def mixing(batch, n_new):
        """Experts of limited room: every further row moves the logits of all."""
        ids = torch.full((len(batch), n_new), 7)
        return ids, torch.arange(5.0).repeat(len(batch), n_new, 1) ** len(batch)

    assert settle_mates(model, rows, RopeLengths(), generate=mixing, n_new=3) == "none"
    assert "every prompt is answered alone" in caplog.text
    assert settle_mates(model, rows[:1], RopeLengths(), generate=mixing, n_new=3) == "any length"


def test_only_logits_up_to_the_first_other_token_are_compared(zoo):
    model = zoo("gpt2")
    rows = render(PROMPTS, model)

    def generate(batch, n_new):
        """Equal logits for the first token, a tie that falls otherwise, and then other texts."""
        ids = torch.full((len(batch), n_new), min(len(batch), 2))
        logits = torch.arange(5.0).repeat(len(batch), n_new, 1)
        logits[:, 1:] *= -len(batch) if len(batch) > 1 else 1
        return ids, logits

    assert settle_mates(model, rows, RopeLengths(), generate=generate, n_new=4) == "any length"


def test_answers_that_were_made_in_padded_batches_are_not_mixed_in(named, tmp_path, monkeypatch):
    model = named("minimax")
    rows = render(PROMPTS, model)
    with monkeypatch.context() as patch:
        patch.setattr(answer_batches, "_moved", lambda *_: 0.0)
        generate_responses(model, rows[:5], tmp_path / "r.jsonl", settings=HOW)
    with pytest.raises(ResponseFileError, match="another model or settings"):
        generate_responses(model, rows, tmp_path / "r.jsonl", settings=HOW)
