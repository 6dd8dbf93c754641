"""What all prompts begin with is read once, and every answer is token for token what it was without that."""

import logging

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import DynamicCache

from unsinter.features.extract import shared_prefix
from unsinter.features.extract.shared_prefix import SharedPrefix, common_prefix, read_prefix
from unsinter.features.generate import generate as generate_module
from unsinter.features.generate.generate import GenerationSettings, generate_responses
from unsinter.features.model.model import load_model
from unsinter.features.rendering.rendering import RenderedPrompt, TemplateInput, render

PROMPTS = [(f"p{i}", "Hi" + " a b" * n) for i, n in enumerate((0, 0, 1, 2, 3, 4, 6, 9, 1, 40))]
LONG = TemplateInput(system="Be kind and short.")
HOW = GenerationSettings(max_new_tokens=8)


@pytest.fixture(autouse=True)
def few_rows_share_too(monkeypatch):
    monkeypatch.setattr(shared_prefix, "FEWEST_ROWS", 2)


def rendered(model):
    room = model.context is None or model.context > 200
    return render(PROMPTS if room else PROMPTS[:-1], model, beside=LONG)


def answered(model, rows, path, monkeypatch, *, settings=HOW, without=False):
    """The records, and the ids of every batch as the library returned them."""
    batches, original = [], generate_module.generate_ids

    def spy(*arguments, prefix=None, **others):
        output = original(*arguments, prefix=prefix, **others)
        if torch.is_tensor(output):
            batches.append((output, prefix))
        return output

    with monkeypatch.context() as patch:
        patch.setattr(generate_module, "generate_ids", spy)
        if without:
            patch.setattr(generate_module, "settled_prefix", lambda *_, **__: None)
        return generate_responses(model, rows, path, settings=settings), batches


@pytest.mark.filterwarnings("ignore")
def test_token_ids_are_equal_with_and_without_the_prefix(zoo, supported, tmp_path, monkeypatch):
    model = zoo(supported)
    if not model.can_generate:
        pytest.skip("an encoder answers nothing")
    rows = rendered(model)
    records, batches = answered(model, rows, tmp_path / "a.jsonl", monkeypatch)
    plain, plain_batches = answered(model, rows, tmp_path / "b.jsonl", monkeypatch, without=True)
    assert records == plain
    assert all(prefix is not None for _, prefix in batches)
    assert all(prefix is None for _, prefix in plain_batches)
    for (ids, _), (others, _) in zip(batches, plain_batches, strict=True):
        assert torch.equal(ids, others)


def test_sampled_answers_are_those_of_the_same_seed_without_the_prefix(zoo, tmp_path, monkeypatch):
    model = zoo("llama")
    rows = rendered(model)
    how = GenerationSettings(max_new_tokens=8, samples=3, temperature=1.0)
    records, batches = answered(model, rows, tmp_path / "a.jsonl", monkeypatch, settings=how)
    assert batches[0][1] is not None
    assert records == answered(model, rows, tmp_path / "b.jsonl", monkeypatch, settings=how, without=True)[0]


def test_only_what_differs_between_prompts_goes_through_the_model(zoo, tmp_path, monkeypatch):
    model = zoo("llama")
    rows = render([(f"p{i}", f"Hi {i}") for i in range(60)], model, beside=LONG)
    n_prefix, read = len(common_prefix(rows)), []
    hook = model.backbone.register_forward_pre_hook(
        lambda _module, _args, kwargs: read.append(kwargs["input_ids"].numel()), with_kwargs=True
    )
    try:
        answered(model, rows, tmp_path / "a.jsonl", monkeypatch)
        shared = sum(read)
        read.clear()
        answered(model, rows, tmp_path / "b.jsonl", monkeypatch, without=True)
    finally:
        hook.remove()
    checks = 8 * n_prefix  # the prefix itself, and the few answers that show that it may be shared
    assert sum(read) - shared > n_prefix * (len(rows) - 1) - checks
    assert n_prefix > 20


def test_of_a_shared_prefix_the_check_answers_a_few_prompts_alone_once_and_none_together_without_it(
    zoo, tmp_path, monkeypatch
):
    model = zoo("llama")
    without, original = [], generate_module.generate_ids

    def spy(model, rows, config, **others):
        if others.get("prefix") is None:
            without.append([row.id for row in rows])
        return original(model, rows, config, **others)

    monkeypatch.setattr(generate_module, "generate_ids", spy)
    generate_responses(model, rendered(model), tmp_path / "a.jsonl", settings=HOW)
    assert len(without) == len({ids for (ids,) in without}) == 3


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["lfm2", "bamba", "minimax"])
def test_a_model_that_keeps_a_state_shares_nothing(name, tiny, tmp_path):
    grouped = {
        "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48,
        "num_key_value_heads": 2, "pad_token_id": 0, "head_dim": 8,
    }  # fmt: skip
    mamba = {"mamba_n_heads": 8, "mamba_d_head": 8, "mamba_d_state": 8, "mamba_n_groups": 1}
    kinds = ["linear_attention", "full_attention", "linear_attention"]
    recipe = {
        "lfm2": ("Lfm2Config", grouped | {"layer_types": ["conv", kinds[1], "conv"]}, "Lfm2ForCausalLM"),
        "bamba": ("BambaConfig", grouped | mamba | {"attn_layer_indices": [1]}, "BambaForCausalLM"),
        "minimax": (
            "MiniMaxConfig",
            grouped | {"num_local_experts": 2, "block_size": 8, "layer_types": kinds},
            "MiniMaxForCausalLM",
        ),
    }[name]  # fmt: skip
    model = load_model(tiny.build(tmp_path / name, recipe), dtype="float32", device="cpu")
    assert read_prefix(model, rendered(model)) is None


def test_a_prefix_that_changes_answers_is_not_used(zoo, tmp_path, monkeypatch, caplog):
    model = zoo("llama")
    rows = rendered(model)

    def wrong(self, n_padding):
        cache = DynamicCache()
        for number, (keys, values) in enumerate(self.layers):
            shape = (len(n_padding), -1, -1, -1)
            cache.update(keys.expand(shape).clone(), 1.1 * values.expand(shape), number)
        return cache

    plain, _ = answered(model, rows, tmp_path / "b.jsonl", monkeypatch, without=True)
    monkeypatch.setattr(SharedPrefix, "cache", wrong)
    with caplog.at_level(logging.INFO):
        records, batches = answered(model, rows, tmp_path / "a.jsonl", monkeypatch)
    assert records == plain
    assert all(prefix is None for _, prefix in batches)
    assert "no prefix is shared: answers with it are other ones" in caplog.text


def row(ids):
    return RenderedPrompt(
        id=str(ids), token_ids=tuple(ids), instruction=(0, 1), prompt_end=len(ids), merged=False,
        key=str(ids), date=None,
    )  # fmt: skip


@given(st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=6), min_size=1, max_size=6))
def test_the_common_prefix_is_what_every_row_begins_with_and_leaves_each_a_token(lists):
    n = len(common_prefix([row(ids) for ids in lists]))
    shortest = min(map(len, lists))
    assert n <= shortest - 1
    assert len({tuple(ids[:n]) for ids in lists}) == 1
    assert n == shortest - 1 or len({tuple(ids[: n + 1]) for ids in lists}) > 1
