"""What `doctor --study` shows: each model of a study against this machine, from its config alone."""

from collections.abc import Sequence
from pathlib import Path

from unsinter.studies.machine.accelerators import REACHED, read_fleet
from unsinter.studies.machine.fleet_forecast import fleet_lines
from unsinter.studies.machine.forecast import forecast
from unsinter.studies.machine.sizes import count_text
from unsinter.studies.machine.study_forecast import model_forecasts
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.sections import ModelSource
from unsinter.studies.tables.columns import Table

_COLUMNS = ("what", "predicted")

_MOST_PROMPTS = 10**12


def forecast_study(
    path: Path, *, overrides: Sequence[str] = (), n_prompts: int | None = None, devices: str | None = None
) -> list[Table]:
    """Return tables per model: memory, disk and time, on this machine as measured just now.

    No weights are read: a folder or hub id with its config.json is enough. ``n_prompts`` in place of the
    study's own are taken to be as long as these; ``devices`` such as ``64xH100`` add a table for them.

    Raises
    ------
    StudyError : the study cannot be read, a model's config cannot, devices are not known, or ``n_prompts``
        are named for saved activations.
    """
    fleet = None if devices is None else read_fleet(devices)
    if n_prompts is not None and not 1 <= n_prompts <= _MOST_PROMPTS:
        raise StudyError(f"--prompts must be from 1 to {_MOST_PROMPTS:,}, got {n_prompts:,}.")
    study = load_study(path, overrides=overrides)
    saved = [source.name for source in study.models if source.activations is not None]
    if n_prompts is not None and saved:
        raise StudyError(
            f"--prompts {n_prompts:,} cannot be predicted for {', '.join(saved)}: saved activations have the "
            "rows that their files hold; leave it out, or name a study whose models are loaded."
        )
    models = model_forecasts(study, n_prompts=n_prompts)
    tables: list[Table] = []
    for source in study.models:
        if source.activations is not None:
            tables.append(_saved(study.name, source))
            continue
        model = next(models)
        n, name = model.size.n_prompts, f"{study.name} on {source.name}"
        title = (
            f"{name}: {count_text(model.shape.n_parameters)} parameters in {_format(source, model.dtype)}, "
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


def _format(source: ModelSource, dtype: str) -> str:
    return (
        dtype if source.quantization is None else f"{source.quantization.replace('bit', ' bits')} and {dtype}"
    )
