"""Which rows are computed, in what order, and what is refused before anything is stored."""

import logging
from dataclasses import fields
from typing import get_type_hints

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from unsinter.cache.store import ActivationStore
from unsinter.features.extract import selfcheck
from unsinter.features.extract.extraction import ExtractionError, ExtractionOptions, NamedOptions, extract
from unsinter.features.extract.forward import StreamReader, make_reader
from unsinter.features.extract.selfcheck import PaddingError
from unsinter.features.model.hooks import read_stream
from unsinter.features.model.model import load_model
from unsinter.features.rendering.batches import make_batch, plan_batches
from unsinter.features.rendering.positions import PositionError
from unsinter.features.rendering.rendering import render

WORDS = "how do I bake bread at home and then walk to the river with five songs about rain"
PROMPTS = [(f"p{n}", " ".join(WORDS.split(" ")[: 1 + n % 13])) for n in range(20)]
POSITIONS = ["instruction_end", "template_end"]


@pytest.fixture(scope="module")
def llama(zoo):
    return zoo("llama")


@pytest.fixture(scope="module")
def rows(llama):
    return render(PROMPTS, llama)


def plant(model, **changes):
    """The same model with some fields changed."""
    from dataclasses import replace

    return replace(model, **changes)


def test_the_real_store_gives_rows_back_in_prompt_order_duplicates_too(llama, rows, tmp_path, tiny):
    store = ActivationStore.open(tmp_path, llama.identity)
    result = extract(llama, rows, store, layers="all", positions=POSITIONS)
    assert result.n_computed == 13 == len({row.key for row in rows})
    assert result.ids == tuple(name for name, _ in PROMPTS)
    reference = extract(llama, rows, tiny.store(), layers="all", positions=POSITIONS)
    for layer in (0, 3):
        values = result.activations(layer, "template_end")
        assert values.shape == (20, 32)
        assert values.dtype == np.float32
        assert np.array_equal(values, reference.activations(layer, "template_end"))
        assert np.array_equal(values[0], values[13])
    again = extract(
        llama, rows, ActivationStore.open(tmp_path, llama.identity), layers=[1], positions=POSITIONS
    )
    assert (again.n_computed, again.n_reused, again.deviation, again.n_tokens) == (0, 13, None, 0)


def test_a_bfloat16_model_is_cached_bit_for_bit(zoo, tmp_path):
    model = load_model(zoo.folder("llama"), dtype="bfloat16", device="cpu")
    rows = render(PROMPTS[:3], model)
    store = ActivationStore.open(tmp_path, model.identity)
    result = extract(
        model, rows, store, layers=[2], positions=["template_end"], options=ExtractionOptions(token_budget=1)
    )
    for row, value in zip(rows, result.activations(2, "template_end"), strict=True):
        with torch.inference_mode():
            hidden = model.model(
                input_ids=torch.tensor([row.token_ids]), output_hidden_states=True
            ).hidden_states
        assert hidden[2].dtype == torch.bfloat16
        assert np.array_equal(hidden[2][0, -1].float().numpy(), value)


def test_rows_come_to_the_store_sorted_by_length_then_key(llama, rows, tiny):
    store = tiny.store()
    extract(llama, rows, store, layers=[1], positions=POSITIONS)
    [called] = store.calls
    by_key = {row.key: row for row in rows}
    assert called == sorted(called, key=lambda key: (len(by_key[key].token_ids), key))


def test_only_what_the_store_lacks_is_computed(llama, rows, tiny):
    store = tiny.store()
    first = extract(llama, rows[:5], store, layers=[1], positions=POSITIONS)
    second = extract(llama, rows, store, layers=[1], positions=POSITIONS)
    assert (first.n_computed, first.n_reused) == (5, 0)
    assert (second.n_computed, second.n_reused) == (8, 5)


def test_the_last_layer_is_the_last_blocks_output_not_the_normed_state(llama, rows, tiny):
    result = extract(llama, rows[:1], tiny.store(), layers=[3], positions=["template_end"])
    with torch.inference_mode():
        hidden = llama.backbone(
            input_ids=torch.tensor([rows[0].token_ids]), output_hidden_states=True
        ).hidden_states
    value = torch.tensor(result.activations(3, "template_end")[0])
    assert (hidden[-1][0, -1] - value).abs().max() > 0.1
    with torch.inference_mode():
        assert torch.allclose(llama.backbone.norm(value), hidden[-1][0, -1], atol=1e-5)


def test_no_block_after_the_deepest_asked_layer_runs_and_no_head(llama, rows, tiny):
    ran = []
    handles = [
        block.register_forward_hook(lambda _m, _i, _o, n=n: ran.append(n))
        for n, block in enumerate(llama.blocks)
    ]
    handles.append(llama.model.lm_head.register_forward_hook(lambda *_: ran.append("head")))
    extract(llama, rows, tiny.store(), layers=[0, 1], positions=POSITIONS)
    assert set(ran) == {0}
    extract(llama, rows, tiny.store(), layers="all", positions=POSITIONS)
    assert set(ran) == {0, 1, 2}
    for handle in handles:
        handle.remove()


def hook_counts(model):
    return [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.model.modules()]


def test_hooks_are_gone_after_a_pass_and_after_an_error(llama, rows, tiny):
    before = hook_counts(llama)
    extract(llama, rows, tiny.store(), layers="all", positions=POSITIONS)
    assert hook_counts(llama) == before

    def fail(_layer, _stream):
        raise KeyError("planted")

    with pytest.raises(KeyError, match="planted"), read_stream(llama.blocks, [1], take=fail):
        llama.backbone(input_ids=torch.tensor([[1, 2]]))
    assert hook_counts(llama) == before


def test_what_is_kept_of_a_batch_is_a_copy_of_its_own_size(llama, rows, monkeypatch):
    kept = []
    real_stack = torch.stack
    monkeypatch.setattr(torch, "stack", lambda parts: (kept.extend(parts), real_stack(parts))[1])
    spans = [[(row.prompt_end - 1, row.prompt_end)] for row in rows]
    make_reader(llama, padding_side="right").read(rows, spans, layers=[1, 2])
    assert [part.untyped_storage().nbytes() for part in kept] == [20 * 32 * 4] * 2


def test_nothing_tracks_gradients(llama, rows):
    [row] = rows[:1]
    out = make_reader(llama, padding_side="right").read([row], [[(0, 1)]], layers=[1])
    assert not out.requires_grad


def test_padding_is_told_by_the_mask_so_pad_may_be_eos_or_any_id(llama, rows):
    """Lengths from ``ids != pad`` would cut every turn that ends in the pad token."""
    model = llama
    spans = [[(row.prompt_end - 1, row.prompt_end), row.instruction] for row in rows]
    read = {
        pad: StreamReader(model=model, padding_side=side, pad_id=pad).read(rows, spans, layers=[0, 1, 2, 3])
        for pad, side in (
            (0, "right"),
            (2, "right"),
            (model.tokenizer.convert_tokens_to_ids("<|end|>"), "right"),
        )
    }
    first, *others = read.values()
    for other in others:
        assert torch.equal(first, other)


def test_a_tokenizer_without_pad_token_works(tiny, tmp_path, llama, rows):
    folder = tiny.build(tmp_path, tiny.llama, tokenizer=tiny.tokenizer(pad=False))
    model = load_model(folder, dtype="float32", device="cpu")
    assert model.tokenizer.pad_token_id is None
    result = extract(model, render(PROMPTS, model), tiny.store(), layers=[2], positions=POSITIONS)
    expected = extract(llama, rows, tiny.store(), layers=[2], positions=POSITIONS)
    assert (
        np.abs(result.activations(2, "template_end") - expected.activations(2, "template_end")).max() <= 1e-5
    )


def test_under_left_padding_the_first_real_token_is_not_the_first_column(llama, rows):
    batch = make_batch([rows[0], rows[12]], pad_id=0, padding_side="left")
    assert batch.starts == (len(rows[12].token_ids) - len(rows[0].token_ids), 0)
    assert batch.attention_mask.sum(1).tolist() == [len(rows[0].token_ids), len(rows[12].token_ids)]
    spans = [[(0, 1)], [(0, 1)]]
    right, left = (
        StreamReader(model=llama, padding_side=side, pad_id=0, first_position=0).read(
            [rows[0], rows[12]], spans, layers=[1]
        )
        for side in ("right", "left")
    )
    assert (right - left).abs().max() <= 1e-5


def test_left_padding_that_changes_the_numbers_is_refused(zoo, tiny, tmp_path):
    """MPNet counts positions from ids that differ from 1; here 1 is a real token."""
    recipe = ("MPNetConfig", {**tiny.recipes["bert"][1], "pad_token_id": 0}, "MPNetModel")
    model = load_model(tiny.build(tmp_path, recipe), dtype="float32", device="cpu")
    rows = render(PROMPTS, model)
    assert extract(model, rows, tiny.store(), layers=[1], positions=POSITIONS).deviation.is_within
    store = tiny.store()
    with pytest.raises(PaddingError, match="use padding_side='right'"):
        extract(
            model,
            rows,
            store,
            layers=[1],
            positions=POSITIONS,
            options=ExtractionOptions(padding_side="left"),
        )
    assert not store.values


def test_a_model_that_mixes_padding_into_the_text_is_read_without_padding(zoo, tiny, caplog):
    model = zoo("convbert")
    rows = render(PROMPTS, model)
    with caplog.at_level(logging.WARNING):
        result = extract(model, rows, tiny.store(), layers=[2], positions=POSITIONS)
    assert "only rows of equal length will share a batch" in caplog.text
    assert result.deviation.is_within
    alone = extract(
        model, rows, tiny.store(), layers=[2], positions=POSITIONS, options=ExtractionOptions(token_budget=1)
    )
    assert np.abs(result.activations(2, "template_end") - alone.activations(2, "template_end")).max() <= 1e-5
    with pytest.raises(PaddingError, match="in a batch padded on the left"):
        extract(
            model,
            rows,
            tiny.store(),
            layers=[2],
            positions=POSITIONS,
            options=ExtractionOptions(padding_side="left"),
        )


def test_a_prompt_longer_than_the_context_is_refused_by_id_or_dropped_and_listed(llama, tiny):
    n_frame = len(render([("x", "a")], llama)[0].token_ids) - 1
    fits, long = "a " * 100, "a " * 140
    rows = render([("ok", "Hi"), ("long", long), ("fits", fits)], llama)
    assert len(rows[1].token_ids) > llama.context >= len(rows[2].token_ids) > n_frame
    store = tiny.store()
    with pytest.raises(
        ExtractionError, match=r"prompt 'long' has \d+ tokens, llama0 takes 128; .*on_too_long"
    ):
        extract(llama, rows, store, layers=[1], positions=POSITIONS)
    assert not store.calls
    result = extract(
        llama, rows, store, layers=[1], positions=POSITIONS, options=ExtractionOptions(on_too_long="drop")
    )
    assert result.dropped == ("long",)
    assert result.ids == ("ok", "fits")
    assert result.activations(1, "template_end").shape == (2, 32)


def test_a_row_exactly_as_long_as_the_context_is_kept_whole(llama, tiny):
    rows = render([(str(n), "a " * n) for n in range(100, 140)], llama)
    [exact] = [row for row in rows if len(row.token_ids) == 128][:1]
    result = extract(llama, [exact], tiny.store(), layers=[1], positions=["template_end"])
    assert result.n_tokens == 128


def test_a_missing_position_is_refused_before_any_forward_pass(llama, rows, tiny):
    store = tiny.store()
    with pytest.raises(PositionError, match="'template_7'"):
        extract(llama, rows, store, layers=[1], positions=["instruction_end", "template_7"])
    assert not store.calls


@pytest.mark.parametrize("layers", [[], [4], [-1]])
def test_layers_the_model_lacks_are_refused(llama, rows, tiny, layers):
    with pytest.raises(
        ExtractionError, match=r"(none is named|no layer (4|-1)); llama0 has layers 0 \(embedding\) to 3"
    ):
        extract(llama, rows, tiny.store(), layers=layers, positions=POSITIONS)


def test_asking_the_result_for_what_was_not_extracted_is_refused(llama, rows, tiny):
    result = extract(llama, rows, tiny.store(), layers=[1], positions=["template_end"])
    with pytest.raises(ExtractionError, match=r"layer 2 at 'template_end' was not extracted"):
        result.activations(2, "template_end")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_non_finite_activation_names_prompt_layer_and_position(tiny, tmp_path, value):
    model = load_model(tiny.build(tmp_path, tiny.llama), dtype="float32", device="cpu")
    token = model.tokenizer("rain", add_special_tokens=False)["input_ids"][-1]
    with torch.no_grad():
        model.model.get_input_embeddings().weight[token] = value
    store = tiny.store()
    rows = render([("good", "Hi"), ("bad", "rain")], model)
    with pytest.raises(
        ExtractionError, match=r"prompt 'bad': .* layer 0, position 'instruction_end' .*NaN or inf"
    ):
        extract(model, rows, store, layers=[0, 1], positions=["instruction_end"])
    assert not store.values


def test_float16_overflow_of_a_bfloat16_model_is_refused(tiny, tmp_path):
    folder = tiny.build(tmp_path, tiny.llama)
    model = load_model(folder, dtype="bfloat16", device="cpu")
    with torch.no_grad():
        model.model.get_input_embeddings().weight.mul_(1e4)
        model.blocks[1].mlp.up_proj.weight.mul_(1e3)
        model.blocks[1].mlp.down_proj.weight.mul_(1e5)
    model.model.save_pretrained(folder)
    wide = load_model(folder, dtype="auto", device="cpu")
    assert wide.dtype == "bfloat16"
    rows = render(PROMPTS, wide)
    assert extract(wide, rows, tiny.store(), layers="all", positions=POSITIONS).n_computed == 13
    narrow = load_model(folder, dtype="float16", device="cpu")
    with pytest.raises(ExtractionError, match=r"layer 2, .* NaN or inf in float16"):
        extract(narrow, rows, tiny.store(), layers="all", positions=POSITIONS)


def test_a_tokenizer_with_more_ids_than_the_model_is_refused_by_id(llama, tiny, tmp_path):
    tokenizer = tiny.tokenizer()
    folder = tiny.build(tmp_path, tiny.llama, tokenizer=tokenizer)
    tokenizer.add_tokens(["breadcrumb"])
    tokenizer.save_pretrained(folder)
    model = load_model(folder, dtype="float32", device="cpu")
    rows = render([("ok", "Hi"), ("new", "breadcrumb")], model)
    with pytest.raises(ExtractionError, match="prompt 'new' has token id"):
        extract(model, rows, tiny.store(), layers=[1], positions=POSITIONS)


class OutOfMemory:
    """Makes a backbone refuse more padded tokens than a limit, as a full device would."""

    def __init__(self, model, limit):
        def check(_module, _args, kwargs):
            if kwargs["input_ids"].numel() > limit:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

        self.handle = model.backbone.register_forward_pre_hook(check, with_kwargs=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.handle.remove()


def test_out_of_memory_halves_the_batch_and_goes_on(llama, rows, tiny, caplog):
    expected = extract(llama, rows, tiny.store(), layers=[2], positions=POSITIONS)
    with OutOfMemory(llama, 60), caplog.at_level(logging.WARNING):
        result = extract(
            llama,
            rows,
            tiny.store(),
            layers=[2],
            positions=POSITIONS,
            options=ExtractionOptions(token_budget=10_000),
        )
    assert result.n_halvings > 2  # the self-check's own among them
    assert "out of memory at" in caplog.text
    assert result.n_computed == 13
    difference = result.activations(2, "template_end") - expected.activations(2, "template_end")
    assert np.abs(difference).max() <= 1e-5


def test_a_row_that_does_not_fit_alone_is_named(llama, rows, tiny):
    with (
        OutOfMemory(llama, 5),
        pytest.raises(ExtractionError, match=r"prompt 'p\d+' \(\d+ tokens\) does not fit"),
    ):
        extract(llama, rows, tiny.store(), layers=[2], positions=POSITIONS)


def test_an_error_that_is_not_about_memory_is_not_swallowed(llama, rows, tiny):
    def fail(*_):
        raise RuntimeError("planted fault")

    handle = llama.backbone.register_forward_pre_hook(fail)
    with pytest.raises(RuntimeError, match="planted fault"):
        extract(llama, rows, tiny.store(), layers=[2], positions=POSITIONS)
    handle.remove()


def test_the_self_check_records_the_deviation_of_rows_in_a_batch(llama, rows, tiny, caplog, monkeypatch):
    result = extract(llama, rows, tiny.store(), layers="all", positions=POSITIONS)
    assert 0 < result.deviation.max_abs <= 1e-5
    assert result.deviation.n_rows == 4
    assert result.deviation.is_within
    monkeypatch.setitem(selfcheck.TOLERANCE, "float32", -1.0)
    with caplog.at_level(logging.WARNING):
        result = extract(llama, rows, tiny.store(), layers="all", positions=POSITIONS)
    assert not result.deviation.is_within
    assert "between running alone and in a batch" in caplog.text


def test_progress_counts_rows_up_to_all_of_them(llama, rows, tiny):
    seen = []
    extract(
        llama,
        rows,
        tiny.store(),
        layers=[1],
        positions=POSITIONS,
        options=ExtractionOptions(token_budget=60, progress=lambda done, total: seen.append((done, total))),
    )
    assert seen == sorted(seen)
    assert seen[-1] == (13, 13)
    assert len(seen) > 3


def test_progress_of_what_is_taken_up_counts_what_the_cache_still_lacks(llama, rows, tmp_path):
    identity, seen = dict(model=llama.name, n="1"), []
    for part in (rows[:5], rows):
        store = ActivationStore.open(tmp_path, identity)
        extract(
            llama, part, store, layers=[1], positions=POSITIONS,
            token_budget=60, progress=lambda done, total: seen.append((done, total)),
        )  # fmt: skip
    n_first = len({row.key for row in rows[:5]})
    n_rest = len({row.key for row in rows}) - n_first
    assert {total for _, total in seen} == {n_first, n_rest}
    assert seen[-1] == (n_rest, n_rest)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40), st.integers(1, 200))
def test_batches_cover_every_row_once_within_the_budget(lengths, budget):
    plan = list(plan_batches(lengths, token_budget=budget))
    assert [i for first, past in plan for i in range(first, past)] == list(range(len(lengths)))
    for first, past in plan:
        assert past - first == 1 or max(lengths[first:past]) * (past - first) <= budget


def test_the_self_check_pads_even_where_nearly_all_rows_are_of_one_length(llama, tiny):
    rows = render(
        [*((f"s{n}", f"{n}") for n in range(9)), ("long", "a much longer prompt than those")], llama
    )
    result = extract(
        llama,
        rows,
        tiny.store(),
        layers=[1],
        positions=POSITIONS,
        options=ExtractionOptions(padding_side="left"),
    )
    assert result.deviation.n_rows == 4


def test_options_by_name_are_those_of_the_object_and_replace_them(llama, rows, tiny):
    by_name = set(get_type_hints(NamedOptions))
    assert by_name == {field.name for field in fields(ExtractionOptions)}
    seen = []
    extract(
        llama, rows, tiny.store(), layers=[1], positions=["template_end"],
        options=ExtractionOptions(token_budget=10_000, progress=lambda *_: seen.append("object")),
        token_budget=1, progress=lambda done, total: seen.append(done),
    )  # fmt: skip
    assert len(seen) == len({row.key for row in rows})  # a row a batch, told by name
    with pytest.raises(ExtractionError, match="padding_side right or left; got 'error', 'middle'"):
        extract(llama, rows, tiny.store(), layers=[1], positions=POSITIONS, padding_side="middle")
