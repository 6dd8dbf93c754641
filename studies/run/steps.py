"""The steps of a run: records, split, one outcome per model, comparisons, files, report."""

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from unsinter.studies.causal.used import with_used
from unsinter.studies.data.bootstrap import Bootstrap
from unsinter.studies.data.dataset import Dataset, make_dataset
from unsinter.studies.data.load import study_prompts
from unsinter.studies.export.probe_facts import data_licences
from unsinter.studies.machine.environment import describe_machine, package_versions
from unsinter.studies.machine.loading import check_loading
from unsinter.studies.probing.model_differences import model_differences
from unsinter.studies.run.answer_facts import source_counts
from unsinter.studies.run.model import ModelOutcome
from unsinter.studies.run.outputs import write_outputs
from unsinter.studies.run.prompt_tables import prompt_table, row_table
from unsinter.studies.run.side_by_side import study_models
from unsinter.studies.run.transfer_step import compare_models
from unsinter.studies.store.run_folder import RunFolder
from unsinter.studies.store.step_log import StepLog
from unsinter.studies.store.step_store import Step, StepStore
from unsinter.studies.study.file import SCHEMA_VERSION, Study
from unsinter.studies.study.run_options import Progress, Settings, StepCount
from unsinter.studies.tables.transfer_columns import with_target

logger = logging.getLogger(__name__)


def run_steps(study: Study, settings: Settings, folder: RunFolder, *, fingerprint: str) -> dict[str, Any]:
    """Run what is not yet done of a study, write and seal its folder, and return its summary."""
    started = time.monotonic()
    check_loading(study.models, runs_code=settings.runs_code)
    _check_storage(study, settings)
    log = StepLog(log=folder.log)
    progress = log.follow(settings.progress)
    dataset = _read_dataset(study, progress)

    def start() -> None:
        folder.start(split_table(dataset))
        log.open()

    noted = replace(settings, on_read=start, progress=progress)
    outcomes = study_models(study, dataset, noted, folder)
    for outcome in outcomes:
        if server := outcome.answers.get("server"):
            folder.log("answers of a server", of=outcome.name, **server)
    store = StepStore(folder=settings.folder / "steps")
    crossed = compare_models(outcomes, study, dataset, store, progress=progress)
    tables = collect_tables(outcomes, crossed)
    if "verdicts" in tables:
        tables["verdicts"] = with_used(tables["verdicts"], tables.get("causal"))
    if len(outcomes) > 1 and {"results", "predictions"} <= set(tables):
        bootstrap = Bootstrap(n_draws=study.bootstrap_draws, seed=study.seed)
        differences = model_differences(tables["results"], tables["predictions"], bootstrap=bootstrap)
        tables |= {"model_differences": differences} if len(differences) else {}
    tables |= {"prompts": prompt_table(dataset, study.own_targets), "rows": row_table(outcomes, dataset)}
    summary = summarise(study, dataset, outcomes, tables)
    summary |= {"seconds": round(time.monotonic() - started, 1), "fingerprint": fingerprint}
    drawing = StepCount(progress=progress, step="figures and report", total=1)
    with folder.finishing():
        summary = write_outputs(folder, outcomes, tables, summary)
        drawing.end()
        folder.seal()
    folder.log("done", seconds=summary["seconds"])
    return summary


def _check_storage(study: Study, settings: Settings) -> None:
    """Open a storage of trials that was named: its fault is said before hours of reading, not after them."""
    if settings.storage is None:
        return
    if not study.tuning.trials:
        logger.warning("--storage is not used: the study tunes nothing (tuning.trials is 0).")
        return
    from unsinter.studies.probing.tuning.storage import open_storage

    with open_storage(settings.storage, settings.folder):
        pass


def _read_dataset(study: Study, progress: Progress) -> Dataset:
    reading = StepCount(progress=progress, step="prompts", total=1)
    prompts = study_prompts(study)
    dataset = make_dataset(prompts, study, progress=progress)
    reading.end()
    return dataset


def split_table(dataset: Dataset) -> pd.DataFrame:
    """Return one row per prompt: which side of the study's split it is on."""
    return pd.DataFrame(
        {
            "id": dataset.ids,
            "group": dataset.groups,
            "harmful": [record.harmful for record in dataset.prompts],
            "category": dataset.categories,
            "held_out": dataset.is_test,
        }
    )


def collect_tables(outcomes: Sequence[ModelOutcome], crossed: Step | None) -> dict[str, pd.DataFrame]:
    """Return the run's tables by name, the steps' parts one below the other; empty ones are left out."""
    parts: dict[str, list[pd.DataFrame]] = {}
    steps = [pair for o in outcomes for pair in (*o.steps.items(), *o.shares.items(), *o.others.items())]
    for step_name, step in [*steps, *([("cross_model", crossed)] if crossed else [])]:
        for name, table in step.tables.items():
            if name in ("transfer", "held_out"):
                table = with_target(table, step_name.partition("-")[2] or "D")
            if len(table):
                parts.setdefault(name, []).append(table)
    return {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}


def summarise(
    study: Study, dataset: Dataset, outcomes: Sequence[ModelOutcome], tables: Mapping[str, pd.DataFrame]
) -> dict[str, Any]:
    """Return what `summary.json` holds: one entry per model, and what the numbers rest on."""
    return {
        "schema_version": SCHEMA_VERSION,
        "study": study.name,
        "seed": study.seed,
        "prompts": len(dataset.prompts),
        "groups": len(set(dataset.groups)),
        "split_digest": dataset.split.digest,
        "held_out_prompts": int(dataset.is_test.sum()),
        "sources": source_counts(dataset),
        "notes": list(dataset.notes),
        "licences": data_licences(dataset.prompts),
        "machine": describe_machine(),
        "versions": package_versions(),
        "models": {outcome.name: _summarise_model(outcome, tables) for outcome in outcomes},
    }


def _summarise_model(outcome: ModelOutcome, tables: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    results = tables.get("results")
    own = None if results is None else results[results["model"] == outcome.name]
    return {
        "identity": outcome.identity,
        "context": outcome.context,
        "extraction": _extraction(outcome),
        "groups_per_cell": outcome.cells,
        "wording_by_category": outcome.wording_by_category,
        "answers": dict(outcome.answers),
        "rendered": outcome.rendered,
        "unlabelled": dict(outcome.unlabelled.reasons),
        "cut_answers": None if outcome.unlabelled.advice is None else f"{outcome.unlabelled.advice}.",
        "selected": [] if own is None else _records(own[own["selected"]]),
        "tuned": [] if own is None else _records(own[own["tuned"]]),
        "not_studied": {target: str(reason) for target, reason in outcome.not_studied.items()},
        "not_separated": {pair: str(reason) for pair, reason in outcome.not_separated.items()},
        **({"not_caused": f"{outcome.not_caused}."} if outcome.not_caused else {}),
        "reasons": {what: reason.as_json() for what, reason in outcome.reasons.items()},
    }


def _extraction(outcome: ModelOutcome) -> dict[str, Any]:
    """Return how the extraction went, with what it lacks in sentences."""
    lacking = {name: f"{reason}." for name, reason in outcome.reading.not_had.items()}
    return {**outcome.extraction, **({"not_had": lacking} if lacking else {})}


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(table.to_json(orient="records"))
    return records
