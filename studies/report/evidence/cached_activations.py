"""What a run keeps of its prompts, and the activations that it left in the cache: no model is loaded."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unsinter.cache.lookup import find_store
from unsinter.features.rendering.position_names import reads_answer
from unsinter.studies.report.evidence.run_data import ReportError
from unsinter.studies.tables.prompt_columns import KEPT_PROMPTS, KEPT_ROWS
from unsinter.studies.tables.read import RunReader


class Activations(NamedTuple):
    """Activations of one model at one site, and whose they are."""

    ids: NDArray[np.object_]
    """(n_prompts,) ids of the prompts, in the order of the run; prompts dropped as too long are left out."""

    values: NDArray[np.float32]
    """(n_prompts, d_model) the residual stream, in the model's own units."""


KEPT = {"prompts": KEPT_PROMPTS, "rows": KEPT_ROWS}
"""Tables that no report is made of, with the columns that each must have."""


def read_kept(run: Path, name: str) -> pd.DataFrame:
    """Return a table of a run that its report does without, such as ``prompts``.

    Raises
    ------
    ReportError : the run is of a version that did not write it, or the file is damaged.
    """
    table = RunReader.open(run, error=ReportError).table(name, columns=KEPT[name])
    if table is None:
        raise ReportError(
            f"{run} has no {name}.parquet (an earlier version wrote the run); run its study again."
        )
    return table


def read_cached(
    run: Path, rows: pd.DataFrame, extraction: dict[str, Any], *, layer: int, position: str, cache: Path
) -> Activations:
    """Return what the cache holds of one model's rows at one site.

    Parameters
    ----------
    run : the run's folder, for errors.
    rows : of the run's table ``rows``, those of the model.
    extraction : how the model's activations were extracted, from the run's summary.

    Raises
    ------
    ReportError : the run read no such site, or the cache holds it no longer.
    CacheError : a file of the cache is damaged or cannot be read.
    """
    layers, positions = extraction.get("layers", []), extraction.get("positions", [])
    if layer not in layers or position not in positions:
        raise ReportError(
            f"{run}: layer {layer} at {position!r} was not read; the run has layers "
            f"{', '.join(map(str, layers))} at {', '.join(map(str, positions))}."
        )
    present = rows[rows["row"] != ""]
    names = present["row"].tolist()
    store = find_store(cache, str(extraction.get("cache_key", "")))
    if store is None or store.missing(names, layers=[layer], positions=[position]):
        raise ReportError(
            f"{run}: the cache {cache} does not hold the activations of layer {layer} at {position!r}; name "
            f"the cache that does, Run.open(..., cache=FOLDER), or {_filling(run, positions)}."
        )
    return Activations(ids=present["id"].to_numpy(dtype=object), values=store.read(layer, position, names))


def _filling(run: Path, positions: list[str]) -> str:
    """Say how the cache is filled again."""
    if any(reads_answer(str(name)) for name in positions):  # rows are prompts with their answers
        return f"run the study into a new folder: `unsinter run {run / 'study.yaml'} --out NEW`"
    return f"fill it again: `unsinter extract {run / 'study.yaml'}`"
