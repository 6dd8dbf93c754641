"""One model of a study: activations, answers, probes, transfer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from unsinter.studies.config import ModelSource, Study
from unsinter.studies.dataset import Dataset, refusal_to_score, target_rows
from unsinter.studies.floors import label_floor, text_floors
from unsinter.studies.outcome import Question, ask, floor_table, prediction_table, result_table
from unsinter.studies.reading import Reading, read_model
from unsinter.studies.settings import Settings
from unsinter.studies.sweep import FloatArray, SiteFit, chosen, shuffled_labels, sweep
from unsinter.studies.targets import Response, Target, make_target
from unsinter.studies.transfer import study_transfer


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenProbe:
    """The probe of one target at the site that the training rows chose."""

    target: Target
    fit: SiteFit
    examples: FloatArray
    """A few activations (n, d_model) that the exported file stores to test itself."""


@dataclass(slots=True, kw_only=True)
class ModelOutcome:
    """Everything one model adds to the run's tables."""

    name: str
    identity: dict[str, Any]
    extraction: Mapping[str, Any]
    cells: dict[str, int]
    results: list[pd.DataFrame] = field(default_factory=list)
    floors: list[pd.DataFrame] = field(default_factory=list)
    predictions: list[pd.DataFrame] = field(default_factory=list)
    transfer: pd.DataFrame | None = None
    probes: list[ChosenProbe] = field(default_factory=list)
    not_studied: dict[str, str] = field(default_factory=dict)


def study_model(study: Study, source: ModelSource, dataset: Dataset, settings: Settings) -> ModelOutcome:
    """Extract, answer, probe and compare for one model."""
    reading = read_model(study, source, dataset, settings)
    outcome = ModelOutcome(
        name=source.name,
        identity=reading.identity,
        extraction=reading.facts,
        cells=count_cells(dataset, reading.responses),
    )
    for name in study.targets:
        target = make_target(
            name,
            dataset.prompts,
            reading.responses,
            groups=dataset.groups,
            min_groups=study.min_groups,
            is_present=reading.is_present,
        )
        if (reason := target.refusal_to_fit) is not None:
            outcome.not_studied[name] = reason
        else:
            _study_target(target, study, dataset, reading, settings, outcome)
    return outcome


def count_cells(dataset: Dataset, responses: Sequence[Response | None]) -> dict[str, int]:
    """Return independent groups per cell of D x R, named ``harmful/refusal`` and so on."""
    cells: dict[str, set[str]] = {}
    for prompt, response, group in zip(dataset.prompts, responses, dataset.groups, strict=True):
        if prompt.harmful is not None and response is not None and response.refusal is not None:
            name = f"{'harmful' if prompt.harmful else 'harmless'}/{response.refusal}"
            cells.setdefault(name, set()).add(group)
    return {name: len(groups) for name, groups in sorted(cells.items())}


def _study_target(
    target: Target,
    study: Study,
    dataset: Dataset,
    reading: Reading,
    settings: Settings,
    outcome: ModelOutcome,
) -> None:
    rows = target_rows(dataset, target, n_folds=study.inner_folds, seed=study.seed)
    if (reason := refusal_to_score(target, rows)) is not None:
        outcome.not_studied[target.name] = reason
        return
    question = ask(
        outcome.name,
        target,
        rows,
        ids=dataset.ids,
        groups=dataset.groups,
        n_draws=study.bootstrap_draws,
        seed=study.seed,
    )
    fits = _fit_sites(question, study, reading, settings)
    floors = text_floors(target, [prompt.prompt for prompt in dataset.prompts], rows)
    if target.name in ("R", "W"):
        floors.append(label_floor("harm", target, dataset.harm, rows))
        floors.append(label_floor("category", target, dataset.topics, rows))
    outcome.floors.append(floor_table(question, floors))
    outcome.results.append(result_table(question, fits, floors))
    outcome.predictions.append(prediction_table(question, fits))
    best = chosen(fits)
    X = reading.activations(*best.site)
    outcome.probes.append(ChosenProbe(target=target, fit=best, examples=X[rows.test[:8]]))
    if target.name == "D" and "C" in study.targets:
        present = np.flatnonzero(reading.is_present)
        outcome.transfer = study_transfer(outcome.name, dataset, X, best, study, present=present)


def _fit_sites(question: Question, study: Study, reading: Reading, settings: Settings) -> list[SiteFit]:
    sites = [(layer, position) for position in study.positions for layer in reading.layers]
    done = 0

    def on_site() -> None:
        nonlocal done
        done += 1
        settings.progress(f"{question.model}: probes for {question.target.name}", done, len(sites))

    return sweep(
        reading.activations,
        sites,
        question.target,
        question.rows,
        penalties=study.penalties,
        control_labels=shuffled_labels(question.target, question.rows, question.groups, seed=study.seed),
        n_jobs=settings.n_jobs,
        on_site=on_site,
    )
