"""One model of a study: activations, answers, probes, transfer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from unsinter.features.extract import Extraction
from unsinter.features.model import load_model
from unsinter.features.rendering import render
from unsinter.studies.config import ModelSource, Study
from unsinter.studies.dataset import Dataset, target_rows
from unsinter.studies.floors import category_floor, text_floors
from unsinter.studies.outcome import ask, floor_table, prediction_table, result_table
from unsinter.studies.sources import find_model
from unsinter.studies.sweep import Rows, Site, SiteFit, chosen, shuffle_over_groups, sweep
from unsinter.studies.targets import Response, Target, make_target
from unsinter.studies.transfer import study_transfer

Progress = Callable[[str, int, int], None]
"""(step in words, done, total)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What cannot change a number: where things go and how many workers fit."""

    folder: Path
    cache_root: Path
    n_jobs: int = 1
    progress: Progress = lambda step, done, total: None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenProbe:
    """The probe of one target at the site that the training rows chose."""

    target: Target
    fit: SiteFit
    examples: np.ndarray
    """A few activations (n, d_model) that the exported file stores to test itself."""


@dataclass(slots=True, kw_only=True)
class ModelOutcome:
    """Everything one model adds to the run's tables."""

    name: str
    identity: dict[str, Any]
    extraction: dict[str, Any]
    cells: dict[str, int]
    results: list[pd.DataFrame] = field(default_factory=list)
    floors: list[pd.DataFrame] = field(default_factory=list)
    predictions: list[pd.DataFrame] = field(default_factory=list)
    transfer: pd.DataFrame | None = None
    probes: list[ChosenProbe] = field(default_factory=list)
    not_studied: dict[str, str] = field(default_factory=dict)


def study_model(study: Study, source: ModelSource, dataset: Dataset, settings: Settings) -> ModelOutcome:
    """Extract, answer, probe and compare for one model."""
    model = load_model(find_model(source), dtype=source.dtype)
    rendered = render([(p.id, p.prompt) for p in dataset.prompts], model, template=source.template)
    extraction = _extract(study, source, model, rendered, settings)
    responses = _responses(study, source, model, rendered, dataset, settings)
    del model
    outcome = ModelOutcome(
        name=source.name,
        identity=extraction.identity,
        extraction=extraction.summary(),
        cells=count_cells(dataset, responses),
    )
    sites = [(layer, position) for position in study.positions for layer in extraction.layers]
    for name in study.targets:
        _study_target(name, study, dataset, responses, extraction, sites, settings, outcome)
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
    name: str,
    study: Study,
    dataset: Dataset,
    responses: Sequence[Response | None],
    extraction: Extraction,
    sites: Sequence[Site],
    settings: Settings,
    outcome: ModelOutcome,
) -> None:
    target = make_target(name, dataset.prompts, responses, groups=dataset.groups, min_groups=study.min_groups)
    if (reason := target.refusal_to_fit) is not None:
        outcome.not_studied[name] = reason
        return
    rows = target_rows(dataset, target, n_folds=study.inner_folds, seed=study.seed)
    fits = _sweep(study, dataset, target, rows, extraction, sites, settings, outcome.name)
    floors = text_floors(target, [p.prompt for p in dataset.prompts], rows)
    if name == "W":
        floors.append(category_floor(target, dataset.categories, rows))
    question = ask(
        outcome.name,
        target,
        rows,
        ids=dataset.ids,
        groups=dataset.groups,
        n_draws=study.bootstrap_draws,
        seed=study.seed,
    )
    outcome.floors.append(floor_table(question, floors))
    outcome.results.append(result_table(question, fits, floors))
    outcome.predictions.append(prediction_table(question, fits))
    best = chosen(fits)
    examples = extraction.activations(*best.site)[rows.test[:8]]
    outcome.probes.append(ChosenProbe(target=target, fit=best, examples=examples))
    if name == "D" and "C" in study.targets:
        outcome.transfer = study_transfer(
            outcome.name, dataset, extraction.activations(*best.site), best, study
        )


def _sweep(
    study: Study,
    dataset: Dataset,
    target: Target,
    rows: Rows,
    extraction: Extraction,
    sites: Sequence[Site],
    settings: Settings,
    model: str,
) -> list[SiteFit]:
    done = 0

    def on_site() -> None:
        nonlocal done
        done += 1
        settings.progress(f"{model}: probes for {target.name}", done, len(sites))

    control = shuffle_over_groups(target.labels[rows.train], dataset.groups[rows.train], seed=study.seed)
    return sweep(
        extraction.activations,
        sites,
        target,
        rows,
        penalties=study.penalties,
        control_labels=control,
        n_jobs=settings.n_jobs,
        on_site=on_site,
    )
