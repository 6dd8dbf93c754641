"""What each model of a study would take here, from its config alone: no weights are read."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from jinja2 import TemplateError
from transformers import AutoConfig, AutoTokenizer, PreTrainedConfig

from unsinter.features.model.devices import check_device
from unsinter.features.model.folder import ModelError
from unsinter.features.model.memory import MemoryEstimate, batch_bytes
from unsinter.features.records.record import PromptRecord
from unsinter.studies.data.load import study_prompts
from unsinter.studies.data.model_paths import find_model
from unsinter.studies.machine.device_speed import Device, measure_device, measure_pace
from unsinter.studies.machine.forecast import ModelShape, PromptSize, forecast, shape_of
from unsinter.studies.machine.predicted import Forecast
from unsinter.studies.study.built_in_targets import topic_of
from unsinter.studies.study.file import Study, StudyError
from unsinter.studies.study.sections import ModelSource

_SENTINELS = ("zebra", "fjord")
"""Texts that hardly any template writes itself: what stands before them is the template's."""

_ITEM = {"float32": 4, "bfloat16": 2, "float16": 2}

_QUANTISED = {"8bit": 1.0, "4bit": 0.5625}
"""Bytes of a parameter in bits; in four of them each block of 64 has a scale in float32 beside."""


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
    """Yield the forecast of each model that is loaded, on this machine as measured just now.

    Parameters
    ----------
    n_prompts : in place of the study's own, taken to be as long as these.

    Raises
    ------
    StudyError : a model's config cannot be read.
    """
    prompts = study_prompts(study)
    cpu = replace(measure_device(torch.float32, device="cpu"), pace=measure_pace())
    n_topics = count_topics(prompts, study.min_groups)
    n_sources = _n_frequent((prompt.source for prompt in prompts), study.min_groups)
    for source in study.models:
        if source.activations is not None:
            continue
        config = _config(source)
        dtype = _dtype(source, config)
        shape = shape_of(config)
        device = measure_device(getattr(torch, dtype), device=_device_of(source))
        memory = MemoryEstimate(
            n_parameters=shape.n_parameters,
            weights=weight_bytes(source, shape, dtype),
            batch=batch_bytes(config.get_text_config().to_dict(), item=_ITEM[dtype]),
            activation=_ITEM[dtype],
        )
        own = prompt_size(source, [prompt.whole_text for prompt in prompts])
        size = replace(own, n_topics=n_topics, n_sources=n_sources)
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


def count_topics(prompts: Sequence[PromptRecord], least: int) -> int:
    """Return how many topics have as many prompts as a class needs groups."""
    return _n_frequent(map(topic_of, prompts), least)


def _n_frequent(values: Iterable[str | None], least: int) -> int:
    """Return how many values stand at least so many times; what has no name does not count."""
    return sum(n >= least for value, n in Counter(values).items() if value)


def weight_bytes(source: ModelSource, shape: ModelShape, dtype: str) -> int:
    """Return the bytes of a model's weights; quantised, embeddings stay as they are stored."""
    if source.quantization is None:
        return shape.n_parameters * _ITEM[dtype]
    n_embedding = shape.n_parameters - shape.n_block_parameters
    return n_embedding * _ITEM[dtype] + round(shape.n_block_parameters * _QUANTISED[source.quantization])


def prompt_size(source: ModelSource, texts: Sequence[str]) -> PromptSize:
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


def _device_of(source: ModelSource) -> str | None:
    """Return the device that a study names for a model; None where it names none of this machine."""
    if source.device == "auto":
        return None
    try:
        return str(check_device(source.device))
    except ModelError:  # said beside the forecast, which is then of the device that there is
        return None


def _config(source: ModelSource) -> PreTrainedConfig:
    path = find_model(source)
    if source.wrap:
        raise StudyError(
            f"model {source.name!r}: its folder's own code makes it (wrap: true), and a forecast runs no "
            "code; take the time of `unsinter extract` on a few of its prompts."
        )
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
