"""Predictions are checked against models of known size and against what a real run leaves on disk."""

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoModel, Gemma2Config, LlamaConfig

from unsinter.features.model.memory import MemoryEstimate, estimate_memory
from unsinter.features.model.model import load_model
from unsinter.features.rendering.rendering import render
from unsinter.studies.cli.commands.run import demo_study_file
from unsinter.studies.machine import device_speed
from unsinter.studies.machine.device_speed import Device, measure_device, measure_pace
from unsinter.studies.machine.forecast import (
    ModelShape,
    PromptSize,
    forecast,
    shape_of,
)
from unsinter.studies.machine.predicted import duration_text
from unsinter.studies.machine.sizes import count_text
from unsinter.studies.machine.study_forecast import prompt_size, weight_bytes
from unsinter.studies.planted import model_folder
from unsinter.studies.study.causal import Causal
from unsinter.studies.study.file import Study, load_study
from unsinter.studies.study.sections import ModelSource

BENCHMARKS = Path(__file__).parents[3] / "benchmarks" / "results"

GEMMA_2_9B = Gemma2Config(
    hidden_size=3584,
    intermediate_size=14336,
    num_hidden_layers=42,
    num_attention_heads=16,
    num_key_value_heads=8,
    head_dim=256,
    vocab_size=256000,
)


def predict(study, shape, *, flops=1e12, bandwidth=1e11, n_prompts=1000):
    memory = MemoryEstimate(n_parameters=shape.n_parameters, weights=2 * shape.n_parameters, batch=0)
    device = Device(name="cpu", flops=flops, bytes_per_second=bandwidth)
    size = PromptSize(n_prompts=n_prompts, n_characters=400 * n_prompts)
    return forecast(study, shape, memory, device=device, cpu=device, size=size)


def test_parameters_are_counted_without_making_them():
    config = LlamaConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4, vocab_size=500
    )
    shape, real = shape_of(config), AutoModel.from_config(config)
    assert shape.n_parameters == sum(p.numel() for p in real.parameters())
    assert shape.n_block_parameters == shape.n_parameters - 500 * 64
    assert (shape.n_layers, shape.d_model) == (3, 64)


def test_gemma_2_9b_has_its_published_size():
    shape = shape_of(GEMMA_2_9B)
    assert round(shape.n_parameters / 1e9, 2) == 9.24
    assert (shape.n_layers, shape.d_model) == (42, 3584)


def test_the_meta_count_agrees_with_the_headers_of_a_shipped_model():
    from transformers import AutoConfig

    folder = model_folder("detached")
    counted = shape_of(AutoConfig.from_pretrained(folder)).n_parameters
    stored = estimate_memory(folder).n_parameters
    assert counted <= stored  # the headers also hold the head, unless it is tied
    assert counted > 0.8 * stored


def test_reading_takes_two_operations_per_block_parameter_and_token():
    study = load_study(demo_study_file(), overrides=["controls.random_model=false"])
    shape = shape_of(GEMMA_2_9B)
    tokens = 1000 * (100 + 12)
    # Seven tenths of the speed of one large matrix product.
    assert predict(study, shape, flops=1e14).reading_seconds == pytest.approx(
        2 * shape.n_block_parameters * tokens / 0.7e14
    )
    both = predict(load_study(demo_study_file()), shape)
    assert both.reading_seconds == 2 * predict(study, shape).reading_seconds
    assert both.random_seconds == both.reading_seconds / 2
    assert any(what == "of that, the random-weight control" for what, _ in both.lines())


SMOL = LlamaConfig(
    hidden_size=576, intermediate_size=1536, num_hidden_layers=30, num_attention_heads=9,
    num_key_value_heads=3, vocab_size=49152,
)  # fmt: skip


def test_a_real_study_is_predicted_within_a_factor_of_three():
    """893 prompts of 77 tokens, 62 of them the template's, at .063 TFLOP/s: 366 s for answers of 12 tokens,
    331 s for reading and 315 s for the random-weight control, of the processor.
    """
    study = load_study(demo_study_file(), overrides=["responses={max_new_tokens: 12}"])
    shape = shape_of(SMOL)
    memory = MemoryEstimate(n_parameters=shape.n_parameters, weights=4 * shape.n_parameters, batch=0)
    device = Device(name="cpu", flops=0.063e12, bytes_per_second=1e10)
    size = PromptSize(n_prompts=893, n_characters=0, n_text_tokens=893 * 15, n_template_tokens=62)
    result = forecast(study, shape, memory, device=device, cpu=device, size=size)
    assert 646 / 3 < result.reading_seconds < 646 * 3
    assert 366 / 3 < result.answering_seconds < 366 * 3
    shared = replace(size, n_shared_tokens=58)
    faster = forecast(study, shape, memory, device=device, cpu=device, size=shared)
    assert faster.answering_seconds < result.answering_seconds / 2
    assert faster.reading_seconds == result.reading_seconds


def test_the_causal_check_of_a_real_study_is_predicted_within_a_factor_of_three():
    """400 prompts of 107 tokens, 87 of them before every prompt: 328 s of the processor for D and R, with
    what they share read once; 794 s before that.
    """
    study = load_study(demo_study_file(), overrides=["causal={}", "targets=[D, R]", "separation={pairs: []}"])
    shape = shape_of(SMOL)
    memory = MemoryEstimate(n_parameters=shape.n_parameters, weights=4 * shape.n_parameters, batch=0)
    device = Device(name="cpu", flops=0.063e12, bytes_per_second=1e10)
    size = PromptSize(
        n_prompts=400, n_characters=0, n_text_tokens=400 * 15, n_template_tokens=92, n_shared_tokens=87
    )
    seconds = forecast(study, shape, memory, device=device, cpu=device, size=size).causal_seconds
    assert 328 / 3 < seconds < 328 * 3
    alone = replace(size, n_shared_tokens=0)
    assert forecast(study, shape, memory, device=device, cpu=device, size=alone).causal_seconds > 2 * seconds


def test_a_prompt_is_as_long_as_the_models_own_tokens_and_template_make_it():
    from unsinter.features.model.model import load_model
    from unsinter.features.rendering.rendering import render

    texts = ["How do I bake bread?", "Tell me of the sea and of the rain."]
    size = prompt_size(ModelSource(name="m", path="planted:detached"), texts)
    rows = render(list(zip("ab", texts, strict=True)), load_model(model_folder("detached"), dtype="float32"))
    assert size.n_tokens == sum(len(row.token_ids) for row in rows)
    assert size.n_shared_tokens == rows[0].instruction[0]


def test_turns_before_every_prompt_are_counted_as_the_run_renders_them():
    """Against the tokens of the run's own rendering."""
    model = load_model(model_folder("detached"), device="cpu")
    source = ModelSource.model_validate({
        "name": "m", "path": "planted:detached",
        "examples": [{"user": "how do i bake bread", "assistant": "here is how"}],
    })  # fmt: skip
    texts = ["how do i fix a bicycle", "tell me about the sea"]
    size = prompt_size(source, texts)
    rows = render([(str(n), text) for n, text in enumerate(texts)], model, beside=source.beside)
    assert size.n_text_tokens + len(texts) * size.n_template_tokens == sum(len(r.token_ids) for r in rows)
    bare = prompt_size(ModelSource(name="m", path="planted:detached"), texts)
    assert size.n_shared_tokens > bare.n_shared_tokens + 5


def test_without_a_tokenizer_lengths_are_by_rule_of_thumb(tmp_path):
    size = prompt_size(ModelSource(name="m", path=str(tmp_path)), ["four" * 100])
    assert (size.n_text_tokens, size.n_tokens) == (None, 100 + 12)
    # Of a config alone transformers makes a tokenizer that knows no word.
    GEMMA_2_9B.save_pretrained(tmp_path)
    size = prompt_size(ModelSource(name="m", path=str(tmp_path)), ["four" * 100])
    assert (size.n_text_tokens, size.n_tokens) == (None, 100 + 12)


def test_the_cache_holds_every_layer_position_and_prompt_in_two_bytes():
    study = load_study(demo_study_file(), overrides=["controls.random_model=false"])
    result = predict(study, shape_of(GEMMA_2_9B))
    assert result.cache == 43 * len(study.positions) * 1000 * 3584 * 2


def test_recorded_answers_take_no_time():
    study = load_study(demo_study_file())
    assert predict(study, shape_of(GEMMA_2_9B)).answering_seconds > 0
    recorded = study.model_copy(update={"responses": None})
    assert predict(recorded, shape_of(GEMMA_2_9B)).answering_seconds == 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_device_is_measured_by_the_product_that_layers_compute(dtype):
    """In float16 a CPU may take 20 times as long for one whose second matrix is not transposed."""
    layer = torch.nn.Linear(256, 256, bias=False).to(dtype)
    x, seconds = torch.randn(256, 256).to(dtype), []
    with torch.inference_mode():
        for _ in range(20):
            started = time.perf_counter()
            layer(x)
            seconds.append(time.perf_counter() - started)
    ratio = measure_device(dtype, device="cpu", size=256).flops * min(seconds) / (2 * 256**3)
    assert 0.4 < ratio < 2.5


def test_a_measured_device_has_a_plausible_speed():
    result = measure_device(torch.float32, device="cpu", size=256)
    assert 1e8 < result.flops < 1e14
    assert 1e7 < result.bytes_per_second < 1e13


def test_sources_causes_categories_and_other_models_are_counted_where_the_study_has_them():
    study, shape = load_study(demo_study_file()), shape_of(SMOL)
    bare = study.model_copy(
        update={"hold_out": (), "causal": None, "models": study.models[:1], "targets": ("D", "R")}
    )
    fields = ("held_out_seconds", "causal_seconds", "comparing_seconds", "across_seconds")
    assert {getattr(predict(bare, shape), name) for name in fields} == {0.0}
    for name, changes in {
        "held_out_seconds": {"hold_out": ("category",)},
        "causal_seconds": {"causal": Causal()},
        "comparing_seconds": {"models": (study.models[0],) * 2},
        "across_seconds": {"targets": ("D", "R", "W")},
    }.items():
        own = bare.model_copy(update=changes)
        result = predict(own, shape)
        assert getattr(result, name) > 0, name
        assert all(getattr(result, other) == 0 for other in fields if other != name)
        twice = predict(own, shape, n_prompts=2000)
        assert 1.5 < getattr(twice, name) / getattr(result, name) <= 2.1, name
        assert result.seconds > predict(bare, shape).seconds
        assert len(result.lines()) == len(predict(bare, shape).lines()) + 1


def test_large_numbers_are_said_in_three_digits_and_a_word():
    shown = [
        count_text(n) for n in (999, 1_246_848, 9_241_705_984, 999_600, 70_553_706_496, 12_300, 2 * 10**12)
    ]
    assert shown == [
        "999", "1.25 million", "9.24 billion", "1 million", "70.6 billion", "12.3 thousand", "2,000 billion",
    ]  # fmt: skip


def test_durations_are_said_in_words():
    assert [duration_text(s) for s in (0.2, 75, 600, 9000)] == [
        "about 1 s", "about 75 s", "about 10 min", "about 2.5 h",
    ]  # fmt: skip


@pytest.mark.parametrize(("quantization", "of_a_block"), [(None, 4), ("8bit", 1), ("4bit", 0.5625)])
def test_bits_of_linear_layers_make_the_weights_smaller_and_embeddings_stay(quantization, of_a_block):
    source = ModelSource(name="m", path="planted:detached", quantization=quantization)
    shape = shape_of(SMOL)
    n_embedding = SMOL.vocab_size * SMOL.hidden_size
    expected = 4 * n_embedding + of_a_block * (shape.n_parameters - n_embedding)
    assert weight_bytes(source, shape, "float32") == expected


def test_activations_of_a_quantised_model_are_stored_in_its_own_type():
    study, shape = load_study(demo_study_file()), shape_of(SMOL)
    whole = MemoryEstimate(n_parameters=shape.n_parameters, weights=2 * shape.n_parameters, batch=0)
    quantised = replace(whole, weights=shape.n_parameters, activation=2)
    device = Device(name="cpu", flops=1e12, bytes_per_second=1e11)
    size = PromptSize(n_prompts=10, n_characters=400)
    stored = [
        forecast(study, shape, memory, device=device, cpu=device, size=size).cache
        for memory in (whole, quantised)
    ]
    assert stored[0] == stored[1] > 0


def test_a_slower_machine_takes_longer_by_its_pace_and_by_its_products():
    study, shape = load_study(demo_study_file()), shape_of(SMOL)
    memory = MemoryEstimate(n_parameters=shape.n_parameters, weights=0, batch=0)
    device = Device(name="cpu", flops=1e11, bytes_per_second=1e10)
    size = PromptSize(n_prompts=2000, n_characters=320_000)
    here, slow = (
        forecast(study, shape, memory, device=device, cpu=cpu, size=size)
        for cpu in (device, replace(device, pace=3.0, flops=device.flops / 3))
    )
    for name in ("start_seconds", "record_seconds", "probing_seconds", "judging_seconds", "transfer_seconds"):
        assert getattr(slow, name) == pytest.approx(3 * getattr(here, name))
    assert slow.reading_seconds == here.reading_seconds  # by the device that holds the model
    assert dict(here.lines())["together"] == duration_text(here.seconds)


def measured_runs():
    figures = json.loads((BENCHMARKS / "scale.json").read_text(encoding="utf-8"))["runs"]
    answers = {"responses": {"path": ["responses.jsonl"], "model": "tiny"}}
    study = Study.model_validate(figures["study"] | answers)
    return [pytest.param(study, run, id=str(run["prompts"])) for run in figures["runs"]]


@pytest.mark.parametrize(("study", "run"), measured_runs())
def test_runs_that_were_measured_are_predicted_within_thirty_percent(study, run):
    """Whole runs with the machine's speed measured before each (benchmarks/scale.py), by this code."""
    known = run["predicted_from"]
    result = forecast(
        study,
        ModelShape(**known["shape"]),
        MemoryEstimate(**known["memory"]),
        device=Device(**known["device"]),
        cpu=Device(**known["cpu"]),
        size=PromptSize(**known["size"]),
    )
    assert run["seconds"] / 1.3 < result.seconds < 1.3 * run["seconds"]


def test_the_pace_is_how_long_both_fits_take_beside_what_they_take_where_constants_were_measured(monkeypatch):
    def fit_of_ten_milliseconds(texts, codes, *, train, test, kind, penalty):
        assert (len(texts), len(train), len(test)) == (400, 300, 100)
        assert set(codes) == {0, 1}
        time.sleep(0.01)

    monkeypatch.setattr(device_speed, "floor_scores", fit_of_ten_milliseconds)
    monkeypatch.setattr(device_speed, "_N_FITS", 5)
    measure_pace.cache_clear()
    pace = measure_pace()
    measure_pace.cache_clear()
    assert 0.02 / 0.049 <= pace < 10 * 0.02 / 0.049  # two kinds of words; a busy machine sleeps longer
