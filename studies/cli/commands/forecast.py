"""What `doctor --study` shows: each model of a study against this machine, from its config alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jinja2 import TemplateError
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig

from unsinter.features.model.memory import MemoryEstimate, batch_bytes
from unsinter.studies.data.load import find_model, read_study_prompts
from unsinter.studies.machine.accelerators import REACHED, read_fleet
from unsinter.studies.machine.device_speed import Device, measure_device
from unsinter.studies.machine.fleet_forecast import fleet_lines
from unsinter.studies.machine.forecast import Forecast, ModelShape, PromptSize, forecast, shape_of
from unsinter.studies.study.file import Study, StudyError, load_study
from unsinter.studies.study.sections import ModelSource
from unsinter.studies.tables.columns import Table

_SENTINELS = ("zebra", "fjord")
"""Texts that hardly any template writes itself: what stands before them is the template's."""

_COLUMNS = ("what", "predicted, within a factor of three")

_MOST_PROMPTS = 10**12

_ITEM = {"float32": 4, "bfloat16": 2, "float16": 2}

_QUANTISED = {"8bit": 1.0, "4bit": 0.5625}
"""Bytes of a parameter in bits; in four of them each block of 64 has a scale in float32 beside."""


def forecast_study(
    path: Path, *, overrides: Sequence[str] = (), n_prompts: int | None = None, devices: str | None = None
) -> list[Table]:
    """Return tables per model: memory, disk and time, on this machine as measured just now.

    No weights are read: a folder or hub id with its config.json is enough. ``n_prompts`` in place of the
    study's own are taken to be as long as these; ``devices`` such as ``64xH100`` add a table for them.

    Raises
    ------
    StudyError : the study cannot be read, a model's config cannot, or devices are not known.
    """
    fleet = None if devices is None else read_fleet(devices)
    if n_prompts is not None and not 1 <= n_prompts <= _MOST_PROMPTS:
        raise StudyError(f"--prompts must be from 1 to {_MOST_PROMPTS:,}, got {n_prompts:,}.")
    study = load_study(path, overrides=overrides)
    models = model_forecasts(study, n_prompts=n_prompts)
    tables: list[Table] = []
    for source in study.models:
        if source.activations is not None:
            tables.append(_saved(study.name, source))
            continue
        model = next(models)
        n, name = model.size.n_prompts, f"{study.name} on {source.name}"
        title = (
            f"{name}: {model.shape.n_parameters / 1e9:.2f} B parameters in {_format(source, model.dtype)}, "
            f"{n:,} prompts; {model.device.name} measured at {model.device.flops / 1e12:.2g} TFLOP/s"
        )
        tables.append((title, _COLUMNS, model.forecast.lines()))
        if fleet is not None:
            there = forecast(
                study, model.shape, model.memory, device=fleet.device, cpu=model.cpu, size=model.size
            )
            lines = fleet_lines(study, model.shape, model.memory, there, fleet=fleet, n_prompts=n)
            reached = f"{fleet.kind.flops / 1e12:,.0f} TFLOP/s stated, {REACHED:.0%} of it taken"
            tables.append((f"{name}, {fleet.name}: {reached}", _COLUMNS, lines))
    return tables


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelForecast:
    """What one model of a study would take here, and from what that was computed."""

    dtype: str
    shape: ModelShape
    memory: MemoryEstimate
    size: PromptSize
    device: Device
    cpu: Device
    forecast: Forecast


def model_forecasts(study: Study, *, n_prompts: int | None = None) -> Iterator[ModelForecast]:
    """Yield the forecast of each model that is loaded; see `forecast_study`."""
    prompts = read_study_prompts(study.prompts, seed=study.seed)
    cpu = measure_device(torch.float32, device="cpu")
    for source in study.models:
        if source.activations is not None:
            continue
        config = _config(source)
        dtype = _dtype(source, config)
        shape = shape_of(config)
        device = measure_device(getattr(torch, dtype))
        memory = MemoryEstimate(
            n_parameters=shape.n_parameters,
            weights=_weight_bytes(source, shape, dtype),
            batch=batch_bytes(config.get_text_config().to_dict(), item=_ITEM[dtype]),
            activation=_ITEM[dtype],
        )
        size = _prompt_size(source, [prompt.prompt for prompt in prompts])
        if n_prompts is not None:
            size = size.scaled_to(n_prompts)
        yield ModelForecast(
            dtype=dtype,
            shape=shape,
            memory=memory,
            size=size,
            device=device,
            cpu=cpu,
            forecast=forecast(study, shape, memory, device=device, cpu=cpu, size=size),
        )


def _weight_bytes(source: ModelSource, shape: ModelShape, dtype: str) -> int:
    """Return the bytes of a model's weights; quantised, embeddings stay as they are stored."""
    if source.quantization is None:
        return shape.n_parameters * _ITEM[dtype]
    n_embedding = shape.n_parameters - shape.n_block_parameters
    return n_embedding * _ITEM[dtype] + round(shape.n_block_parameters * _QUANTISED[source.quantization])


def _prompt_size(source: ModelSource, texts: Sequence[str]) -> PromptSize:
    """Return how long prompts are in the model's own tokens and template; by rule of thumb without them."""
    known = PromptSize(n_prompts=len(texts), n_characters=sum(map(len, texts)))
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            find_model(source), trust_remote_code=False, revision=source.revision or "main"
        )
        tokenizer.chat_template = source.template_text or tokenizer.chat_template
        n_text = sum(map(len, tokenizer(list(texts), add_special_tokens=False)["input_ids"]))
        # Of a folder without its files transformers makes a tokenizer that knows no word: one token a text.
        if n_text <= len(texts) < known.n_characters / 8:
            return known
        if source.template == "raw" or not tokenizer.chat_template:
            return replace(known, n_text_tokens=n_text, n_template_tokens=len(tokenizer("")["input_ids"]))
        whole, other = (
            str(
                tokenizer.apply_chat_template(
                    source.beside.messages(text),
                    add_generation_prompt=True,
                    tokenize=False,
                    **source.beside.options,
                )
            )
            for text in _SENTINELS
        )
    except (OSError, ValueError, TypeError, AttributeError, ImportError, TemplateError):
        return known  # what the sizes are judged by then is said in the table
    before = whole.partition(_SENTINELS[0])[0]
    template = [len(tokenizer(part, add_special_tokens=False)["input_ids"]) for part in (before, whole)]
    n_sentinel = len(tokenizer(_SENTINELS[0], add_special_tokens=False)["input_ids"])
    return replace(
        known,
        n_text_tokens=n_text,
        n_template_tokens=max(template[1] - n_sentinel, 0),
        n_shared_tokens=template[0] if before == other.partition(_SENTINELS[1])[0] else 0,
    )


def _saved(study: str, source: ModelSource) -> Table:
    """Return what is known of a model that is not loaded: its files, without reading them."""
    assert source.activations is not None
    files = source.activations.files()
    size = sum(path.stat().st_size for path in files)
    rows = [
        ("files", f"{len(files):,}, {size / 1e9:.2f} GB; as much again in the cache"),
        ("model", "not loaded"),
    ]
    return f"{study} on {source.name}: saved activations, nothing is extracted", ("what", "state"), rows


def _config(source: ModelSource) -> PreTrainedConfig:
    path = find_model(source)
    try:
        return AutoConfig.from_pretrained(path, trust_remote_code=False, revision=source.revision or "main")
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:120].rstrip(" .,")
        raise StudyError(
            f"model {source.name!r}: the config of {path} cannot be read ({reason}); download it once, "
            "or name a folder that holds it in models.path."
        ) from error


def _dtype(source: ModelSource, config: object) -> str:
    stored = str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")
    return source.dtype if source.dtype != "auto" else stored if stored in _ITEM else "float32"


def _format(source: ModelSource, dtype: str) -> str:
    return (
        dtype if source.quantization is None else f"{source.quantization.replace('bit', ' bits')} and {dtype}"
    )
