"""What `extract` does: a study file in, a filled cache out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unsinter.cache import CacheError, Share, default_root
from unsinter.studies.activations.model_reading import (
    count_missing,
    extract_into_cache,
    extraction_facts,
    load_source,
)
from unsinter.studies.activations.rendered_prompts import render_prompts
from unsinter.studies.activations.saved_reading import import_saved
from unsinter.studies.data.load import study_prompts
from unsinter.studies.machine.loading import check_loading
from unsinter.studies.study.file import StudyError, load_study
from unsinter.studies.study.run_options import Progress, Settings
from unsinter.studies.tables.columns import Table
from unsinter.studies.workers.backend import HERE, Backend


def extract_verb(
    study_file: Path,
    *,
    overrides: Sequence[str],
    progress: Progress,
    shard: str | None = None,
    runs_code: bool = False,
    backend: Backend = HERE,
) -> tuple[list[Table], list[str]]:
    """Fill the cache with the activations of a study's prompts, model by model.

    With a shard such as 3/8, of eight processes that share the work this is the third. Returns tables, and
    lines on what of other shards is missing.
    """
    if backend.name == "dask":
        raise StudyError("extract works on --backend ray, whose workers can hold a model; Dask serves fits.")
    if backend.name == "ray" and shard is not None:
        raise StudyError("--shard and --backend ray both deal out the work; give one of the two.")
    with backend.working():
        return _extract(study_file, overrides=overrides, progress=progress, shard=shard, runs_code=runs_code)


def _extract(
    study_file: Path,
    *,
    overrides: Sequence[str],
    progress: Progress,
    shard: str | None,
    runs_code: bool,
) -> tuple[list[Table], list[str]]:
    share = None if shard is None else read_share(shard)
    study = load_study(study_file, overrides=overrides)
    check_loading(study.models, runs_code=runs_code)
    prompts = study_prompts(study)
    # No run folder yet: the study file itself is what needs these activations.
    settings = Settings(
        folder=study_file, cache_root=default_root(), progress=progress, share=share, runs_code=runs_code
    )
    rows, lines = [], []
    for source in study.models:
        if source.activations is not None:
            *_, facts = import_saved(study, source, [p.id for p in prompts], settings)
            rows.append((source.name, *_extraction_row(facts)))
            continue
        model = load_source(source, notes=settings.cache_root, runs_code=runs_code)
        rendered = render_prompts(prompts, model, source)
        extraction = extract_into_cache(study, source, model, rendered, settings)
        n_missing = 0 if share is None else count_missing(extraction)
        facts = extraction_facts(model, extraction)
        facts["rows_from_cache"] -= n_missing
        rows.append((source.name, *_extraction_row(facts)))
        if share is not None:
            lines.append(_share_line(source.name, shard, n_missing))
    header = (
        "model",
        "layers",
        "positions",
        "rows computed",
        "from cache",
        "dropped",
        "tokens/s",
        "deviation",
    )
    return [(f"{study.name}: activations in {settings.cache_root}", header, rows)], lines


def read_share(text: str) -> Share:
    """Return the share of a text such as 3/8.

    Raises
    ------
    StudyError : it is none.
    """
    number, slash, n_shares = text.partition("/")
    try:
        if not (slash and number.isdecimal() and n_shares.isdecimal()):
            raise ValueError("numbers")
        share = int(number), int(n_shares)
        if not share[0] > share[1] > 0:
            return Share(number=share[0], n_shares=share[1])
    except (ValueError, CacheError) as error:
        raise StudyError(
            f"--shard takes i/n, i from 1 to n, as in 3/8 for the third of eight; got {text!r} (a Slurm "
            "array counts from 1 with --array=1-8)."
        ) from error
    raise StudyError(
        f"--shard {number:.12}/{n_shares:.12}: there is no part {number:.12} of {n_shares:.12}; i/n takes i "
        "from 1 to n, as in 3/8 for the third of eight. Write the number of all parts for n: where one task "
        "of a Slurm array is sent off again, SLURM_ARRAY_TASK_COUNT counts it alone."
    )


def _share_line(model: str, shard: str | None, n_missing: int) -> str:
    rest = f"{n_missing:,} rows of other shards are missing" if n_missing else "no row is missing"
    return f"{model}: shard {shard} is stored; {rest}."


def _extraction_row(facts: dict[str, Any]) -> tuple[str, ...]:
    deviation = facts["batch_deviation"]
    return (
        str(len(facts["layers"])),
        ", ".join(facts["positions"]),
        f"{facts['rows_computed']:,}",
        f"{facts['rows_from_cache']:,}",
        str(len(facts["dropped"])),
        f"{facts['tokens'] / facts['seconds']:,.0f}" if facts["rows_computed"] and facts["tokens"] else "-",
        "-" if deviation is None else f"{deviation['max_relative']:.1e}",
    )
