"""The main job: records, split, one outcome per model, files."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from unsinter.studies.config import SCHEMA_VERSION, Study
from unsinter.studies.dataset import Dataset, make_dataset
from unsinter.studies.model_study import ModelOutcome, study_model
from unsinter.studies.run_folder import RunFolder
from unsinter.studies.settings import Settings
from unsinter.studies.sources import read_study_prompts
from unsinter.studies.versions import describe_machine, package_versions


def run_study(study: Study, settings: Settings) -> dict[str, Any]:
    """Run a study into ``settings.folder`` and return its summary.

    Activations and answers already on disk are used again, so an interrupted run goes on where it stopped.

    Raises
    ------
    StudyError, RecordError, ExtractionError, CacheError : bad input, before anything is written for it.
    """
    started = time.monotonic()
    dataset = make_dataset(read_study_prompts(study.prompts, seed=study.seed), study)
    folder = RunFolder.claim(settings.folder, study)
    told = replace(settings, on_read=lambda: folder.start(split_table(dataset)))
    outcomes = []
    for source in study.models:
        step = time.monotonic()
        outcomes.append(study_model(study, source, dataset, told))
        folder.log("model", model=source.name, seconds=round(time.monotonic() - step, 1))
    write_tables(folder, outcomes)
    summary = summarise(study, dataset, outcomes, seconds=time.monotonic() - started)
    folder.write_outcomes(outcomes, summary)
    folder.log("done", seconds=round(time.monotonic() - started, 1))
    return summary


def split_table(dataset: Dataset) -> pd.DataFrame:
    """Return one row per prompt: which side of the study's split it is on."""
    return pd.DataFrame(
        {
            "id": dataset.ids,
            "group": dataset.groups,
            "category": dataset.categories,
            "held_out": dataset.is_test,
        }
    )


def write_tables(folder: RunFolder, outcomes: Sequence[ModelOutcome]) -> None:
    """Write results, floors, predictions and transfer; a table that no model filled is not written."""
    for name in ("results", "floors", "predictions"):
        parts = [table for outcome in outcomes for table in getattr(outcome, name)]
        if parts:
            folder.write_table(name, pd.concat(parts, ignore_index=True))
    matrices = [outcome.transfer for outcome in outcomes if outcome.transfer is not None]
    if matrices:
        folder.write_table("transfer", pd.concat(matrices, ignore_index=True))


def summarise(
    study: Study, dataset: Dataset, outcomes: Sequence[ModelOutcome], *, seconds: float
) -> dict[str, Any]:
    """Return what `summary.json` holds: one entry per model, and what the numbers rest on."""
    return {
        "schema_version": SCHEMA_VERSION,
        "study": study.name,
        "seed": study.seed,
        "seconds": round(seconds, 1),
        "prompts": len(dataset.prompts),
        "groups": len(set(dataset.groups)),
        "split_digest": dataset.split.digest,
        "held_out_prompts": int(dataset.is_test.sum()),
        "machine": describe_machine(),
        "versions": package_versions(),
        "models": {outcome.name: _summarise_model(outcome) for outcome in outcomes},
    }


def _summarise_model(outcome: ModelOutcome) -> dict[str, Any]:
    selected = [row for table in outcome.results for row in json.loads(_selected(table))]
    return {
        "identity": outcome.identity,
        "extraction": outcome.extraction,
        "groups_per_cell": outcome.cells,
        "selected": selected,
        "not_studied": outcome.not_studied,
    }


def _selected(table: pd.DataFrame) -> str:
    return str(table[table["selected"]].to_json(orient="records"))
