"""The main job: records, split, one outcome per model, comparisons, files, report."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from unsinter.studies.data.dataset import Dataset, make_dataset
from unsinter.studies.data.load import read_study_prompts
from unsinter.studies.export.probe_facts import data_licences
from unsinter.studies.machine.environment import describe_machine, package_versions
from unsinter.studies.report import write_page
from unsinter.studies.report.run_data import gather_evidence
from unsinter.studies.run.across_categories_step import answer_across
from unsinter.studies.run.fingerprint import study_fingerprint
from unsinter.studies.run.model import ModelOutcome, study_model
from unsinter.studies.run.outputs import write_outputs
from unsinter.studies.run.prompt_tables import prompt_table, row_table
from unsinter.studies.run.separation_step import separate_factors
from unsinter.studies.run.transfer_step import compare_models, compare_within
from unsinter.studies.store.run_folder import RunFolder
from unsinter.studies.store.step_store import Step, StepStore
from unsinter.studies.study.file import SCHEMA_VERSION, Study
from unsinter.studies.study.run_options import Settings
from unsinter.studies.tables.transfer_columns import with_target


def run_study(study: Study, settings: Settings) -> dict[str, Any]:
    """Run a study into ``settings.folder`` and return its summary.

    Activations, answers and finished steps on disk are used again: an interrupted run goes on where it
    stopped, a finished one is only read, and a changed report is only written anew.

    Raises
    ------
    StudyError, RecordError, ExtractionError, CacheError : bad input, before anything is written for it.

    Examples
    --------
    >>> import json
    >>> from pathlib import Path
    >>> from unsinter.studies import Run, Settings, Study, demo_prompts, run_study
    >>> records = demo_prompts(pairs=8, wrapped=2, wrapped_twins=2, over_refused=2)
    >>> _ = Path("prompts.jsonl").write_text("\\n".join(map(json.dumps, records)))
    >>> study = Study.model_validate({
    ...     "name": "mine", "models": [{"name": "tiny", "path": "planted:detached"}],
    ...     "prompts": {"path": ["prompts.jsonl"]}, "targets": ["D"], "separation": {"pairs": []}})
    >>> _ = run_study(study, Settings(folder=Path("runs/mine")))
    >>> Run.open("runs/mine").probe("D").classes
    ('harmless', 'harmful')
    """
    fingerprint = study_fingerprint(study)
    folder = RunFolder.claim(settings.folder, study, fingerprint=fingerprint)
    if (finished := folder.finished_summary()) is not None:
        if folder.report_is_stale():
            not_drawn = folder.rewrite_report(lambda files: write_page(gather_evidence(files, finished)))
            return finished | {"not_drawn": not_drawn}
        return finished
    started = time.monotonic()
    dataset = make_dataset(read_study_prompts(study.prompts, seed=study.seed), study)
    noted = replace(
        settings, on_read=lambda: folder.start(split_table(dataset)), progress=folder.timed(settings.progress)
    )
    store = StepStore(folder=settings.folder / "steps")
    outcomes = []
    for source in study.models:
        outcome = study_model(study, source, dataset, noted, store)
        compare_within(outcome, study, dataset, noted, store)
        separate_factors(outcome, study, dataset, noted, store)
        answer_across(outcome, study, dataset, noted, store)
        outcomes.append(outcome)
    crossed = compare_models(outcomes, study, dataset, store)
    tables = collect_tables(outcomes, crossed)
    tables |= {"prompts": prompt_table(dataset), "rows": row_table(outcomes, dataset)}
    summary = summarise(study, dataset, outcomes, tables)
    summary |= {"seconds": round(time.monotonic() - started, 1), "fingerprint": fingerprint}
    summary = write_outputs(folder, outcomes, tables, summary)
    folder.seal()
    folder.log("done", seconds=summary["seconds"])
    return summary


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
    steps = [pair for o in outcomes for pair in (*o.steps.items(), *o.others.items())]
    for step_name, step in [*steps, *([("cross_model", crossed)] if crossed else [])]:
        for name, table in step.tables.items():
            if name == "transfer":
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
        "extraction": outcome.extraction,
        "groups_per_cell": outcome.cells,
        "wording_by_category": outcome.wording_by_category,
        "unlabelled": dict(outcome.unlabelled.reasons),
        "cut_answers": outcome.unlabelled.advice,
        "selected": [] if own is None else _records(own[own["selected"]]),
        "tuned": [] if own is None else _records(own[own["tuned"]]),
        "not_studied": {target: str(reason) for target, reason in outcome.not_studied.items()},
        "not_separated": {pair: str(reason) for pair, reason in outcome.not_separated.items()},
        "reasons": {
            what: reason.as_json() for what, reason in (outcome.not_studied | outcome.not_separated).items()
        },
    }


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = json.loads(table.to_json(orient="records"))
    return records
