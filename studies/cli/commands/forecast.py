"""What `doctor --study` shows: each model of a study against this machine, from its config alone."""

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoConfig, PreTrainedConfig

from unsinter.features.model.memory import MemoryEstimate, batch_bytes
from unsinter.studies.data.load import find_model, read_study_prompts
from unsinter.studies.machine.forecast import PromptSize, forecast, measure_device, shape_of
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.sections import ModelSource
from unsinter.studies.tables.columns import Table

_ITEM = {"float32": 4, "bfloat16": 2, "float16": 2}


def forecast_study(path: Path, *, overrides: Sequence[str] = ()) -> list[Table]:
    """Return one table per model: memory, disk and time, on this machine as measured just now.

    No weights are read: a folder or hub id with its config.json is enough.

    Raises
    ------
    StudyError : the study cannot be read, or a model's config cannot.
    """
    study = load_study(path, overrides=overrides)
    prompts = read_study_prompts(study.prompts, seed=study.seed)
    cpu = measure_device(torch.float32, device="cpu")
    tables: list[Table] = []
    for source in study.models:
        config = _config(source)
        dtype = _dtype(source, config)
        shape = shape_of(config)
        device = measure_device(getattr(torch, dtype))
        memory = MemoryEstimate(
            n_parameters=shape.n_parameters,
            weights=shape.n_parameters * _ITEM[dtype],
            batch=batch_bytes(config.get_text_config().to_dict(), item=_ITEM[dtype]),
        )
        prediction = forecast(
            study,
            shape,
            memory,
            device=device,
            cpu=cpu,
            size=PromptSize(
                n_prompts=len(prompts), n_characters=sum(len(prompt.prompt) for prompt in prompts)
            ),
        )
        title = (
            f"{study.name} on {source.name}: {shape.n_parameters / 1e9:.2f} B parameters in {dtype}, "
            f"{len(prompts):,} prompts; {device.name} measured at {device.flops / 1e12:.2g} TFLOP/s"
        )
        tables.append((title, ("what", "predicted, within a factor of three"), prediction.lines()))
    return tables


def _config(source: ModelSource) -> PreTrainedConfig:
    path = find_model(source)
    try:
        return AutoConfig.from_pretrained(path, trust_remote_code=False)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:120].rstrip(" .,")
        raise StudyError(
            f"model {source.name!r}: the config of {path} cannot be read ({reason}); download it once, "
            "or name a folder that holds it in models.path."
        ) from error


def _dtype(source: ModelSource, config: object) -> str:
    stored = str(getattr(config, "dtype", None) or "float32").removeprefix("torch.")
    return source.dtype if source.dtype != "auto" else stored if stored in _ITEM else "float32"
