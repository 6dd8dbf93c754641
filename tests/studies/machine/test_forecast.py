"""Predictions are checked against models of known size and against what a real run leaves on disk."""

import torch
from transformers import AutoModel, Gemma2Config, LlamaConfig

from unsinter.features.model.memory import MemoryEstimate, estimate_memory
from unsinter.studies.cli.commands.run import demo_study_file
from unsinter.studies.machine.forecast import (
    Device,
    PromptSize,
    duration_text,
    forecast,
    measure_device,
    shape_of,
)
from unsinter.studies.planted import model_folder
from unsinter.studies.study.file import load_study

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
    assert predict(study, shape, flops=1e14).reading_seconds == 2 * shape.n_block_parameters * tokens / 1e14
    both = load_study(demo_study_file())
    assert predict(both, shape).reading_seconds == 2 * predict(study, shape).reading_seconds


def test_the_cache_holds_every_layer_position_and_prompt_in_two_bytes():
    study = load_study(demo_study_file(), overrides=["controls.random_model=false"])
    found = predict(study, shape_of(GEMMA_2_9B))
    assert found.cache == 43 * len(study.positions) * 1000 * 3584 * 2


def test_recorded_answers_take_no_time():
    study = load_study(demo_study_file())
    assert predict(study, shape_of(GEMMA_2_9B)).answering_seconds > 0
    recorded = study.model_copy(update={"responses": None})
    assert predict(recorded, shape_of(GEMMA_2_9B)).answering_seconds == 0


def test_a_measured_device_has_a_plausible_speed():
    found = measure_device(torch.float32, device="cpu", size=256)
    assert 1e8 < found.flops < 1e14
    assert 1e7 < found.bytes_per_second < 1e13


def test_durations_are_said_in_words():
    assert [duration_text(s) for s in (0.2, 75, 600, 9000)] == [
        "about 1 s", "about 75 s", "about 10 min", "about 2.5 h",
    ]  # fmt: skip
