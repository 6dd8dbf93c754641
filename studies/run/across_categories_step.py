"""The study over categories, detached or sintered, of one model as a step of a run."""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from unsinter.studies.across_categories.analysis import AcrossPlan, across_site, plan_across
from unsinter.studies.across_categories.data import make_data
from unsinter.studies.across_categories.rule import AcrossRule
from unsinter.studies.across_categories.table import across_table
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.sites import Site
from unsinter.studies.run.model import ModelOutcome
from unsinter.studies.run.step_kinds import ACROSS_CATEGORIES
from unsinter.studies.run.transfer_step import comparison_parts
from unsinter.studies.store.step_store import StepStore
from unsinter.studies.study.built_in_targets import HARM
from unsinter.studies.study.file import Study
from unsinter.studies.study.run_options import Settings, counted


def answer_across(
    outcome: ModelOutcome, study: Study, dataset: Dataset, settings: Settings, store: StepStore
) -> None:
    """Add to the outcome whether wording is detached from category, and harm one axis over categories.

    At the sites that the training rows chose for wording and for detection; the first is the selected one.
    """
    if not study.separation.pairs or not {"D", "W"} <= set(outcome.steps):
        return
    facts = [outcome.steps[name].facts for name in ("W", "D")]
    sites: list[Site] = list(dict.fromkeys((f["layer"], f["position"]) for f in facts))
    rule = across_rule(study)
    parts = comparison_parts(outcome, study, dataset) | {
        "across": asdict(rule),
        "sites": [list(site) for site in sites],
        "wordings": _wordings(outcome),
        "topics": dataset.topics,
    }
    name, key = f"{outcome.name}-across", ACROSS_CATEGORIES.key(parts)
    outcome.others["across"] = store.find(name, key) or store.keep(
        name,
        key,
        tables={"across_categories": _table(outcome, sites, _plan(outcome, dataset, rule), settings)},
        facts={},
    )


def across_rule(study: Study) -> AcrossRule:
    """Return the rule of the study over categories, with the thresholds of the verdicts."""
    own, defaults = study.separation, AcrossRule()
    return AcrossRule(
        effect_floor=own.effect_floor,
        margin=defaults.margin if own.margin is None else own.margin,
        min_groups=defaults.min_groups if own.min_groups is None else own.min_groups,
        level=own.level,
        n_folds=own.folds,
        n_draws=own.draws,
        seed=study.seed,
    )


def _plan(outcome: ModelOutcome, dataset: Dataset, rule: AcrossRule) -> AcrossPlan:
    present = outcome.reading.is_present
    harm = np.select([dataset.harm == HARM[True], dataset.harm == HARM[False]], [1, 0], -1)
    data = make_data(
        harm[present],
        categories=dataset.topics[present],
        wording=_wordings(outcome)[present],
        groups=dataset.groups[present],
    )
    return plan_across(data, rule)


def _table(
    outcome: ModelOutcome, sites: Sequence[Site], plan: AcrossPlan, settings: Settings
) -> pd.DataFrame:
    results = {}
    for site in counted(sites, settings.progress, f"{outcome.name}: across categories", len(sites)):
        X = outcome.reading.activations(*site)[outcome.reading.is_present]
        results[outcome.name, *site] = across_site(X, plan)
    return across_table(results)


def _wordings(outcome: ModelOutcome) -> np.ndarray:
    """Return the wording of each refusal (n_prompts,); empty where not refused."""
    names = [
        (r.wording or "") if r is not None and r.refusal == "refusal" else ""
        for r in outcome.reading.responses
    ]
    return np.array(names, dtype=np.str_)
