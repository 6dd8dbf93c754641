"""The separation verdicts of one model as a step of a run."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from unsinter.studies.activations.untrained import LAYER0_MEAN, read_layer0_mean
from unsinter.studies.data.dataset import Dataset
from unsinter.studies.data.sites import Site
from unsinter.studies.run.model import ModelOutcome
from unsinter.studies.run.step_kinds import SEPARATION
from unsinter.studies.run.transfer_step import comparison_parts
from unsinter.studies.separation.inputs.record_covariates import record_covariates
from unsinter.studies.separation.inputs.study_pairs import PairContrast, study_pairs
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.separation.judge import judge_pairs
from unsinter.studies.separation.site.obstacles import find_obstacle
from unsinter.studies.separation.supporting.site_evidence import EVIDENCE_PARTS, SiteEvidence, site_evidence
from unsinter.studies.separation.verdict_rows import verdict_rows
from unsinter.studies.store.step_store import StepStore
from unsinter.studies.study.file import Study
from unsinter.studies.study.run_options import Settings, StepCount, parts_counted


def separate_factors(
    outcome: ModelOutcome, study: Study, dataset: Dataset, settings: Settings, store: StepStore
) -> None:
    """Add the verdict on every pair that the study asks about, at every site, to the model's outcome."""
    if not study.separation.pairs:
        return
    contrasts, left_out = study_pairs(
        dataset,
        outcome.reading.responses,
        study.separation,
        targets=study.targets,
        is_present=outcome.reading.is_present,
        embedding=read_layer0_mean(study, outcome.reading, settings)(*LAYER0_MEAN)
        if outcome.reading.has_floor("layer0_mean")
        else None,
    )
    outcome.not_separated.update(left_out)
    if not contrasts:
        return
    chosen = _chosen_sites(outcome, contrasts)
    labels = [[a.name, a.first_class, a.second_class, a.pair.z, a.pair.w, a.pair.strata] for a in contrasts]
    parts = comparison_parts(outcome, study, dataset) | {
        "separation": study.separation,
        "labels": [[part for part in row if part is not None] for row in labels],
        "chosen": {first: list(site) for first, site in chosen.items()},
    }
    beside = {name: values for name, values in record_covariates(dataset.prompts).items() if name != "source"}
    parts |= {"covariates": beside} if beside else {}
    name, key = f"{outcome.name}-separation", SEPARATION.key(parts)
    outcome.others["separation"] = store.find(name, key) or store.keep(
        name,
        key,
        tables={"verdicts": _table(outcome, contrasts, chosen, study, settings)},
        facts={},
    )


def rule_of(study: Study) -> Rule:
    """Return the decision rule with the study's thresholds."""
    own = study.separation
    defaults = Rule()
    return Rule(
        effect_floor=own.effect_floor,
        margin=defaults.margin if own.margin is None else own.margin,
        least_bits=own.least_bits,
        min_groups=defaults.min_groups if own.min_groups is None else own.min_groups,
        level=own.level,
        n_folds=own.folds,
        n_splits=own.splits,
        n_draws=own.draws,
        seed=study.seed,
    )


def _table(
    outcome: ModelOutcome,
    contrasts: Sequence[PairContrast],
    chosen: dict[str, Site],
    study: Study,
    settings: Settings,
) -> pd.DataFrame:
    sites: list[Site] = [(layer, p) for p in study.positions for layer in outcome.reading.layers]
    rule = rule_of(study)

    def progress(part: str, done: int, total: int) -> None:
        settings.progress(f"{outcome.name}: {part}", done, total)

    read = outcome.reading.reader
    pairs = [contrast.pair for contrast in contrasts]
    verdicts = judge_pairs(read, sites, pairs, rule, n_jobs=settings.n_jobs, progress=progress)
    more: dict[tuple[int, int, str], SiteEvidence] = {}
    looked_at = _looked_at(contrasts, rule, study.separation.erased_contrasts)
    erased = looked_at if chosen else []
    step = f"{outcome.name}: erasure"
    count = StepCount(progress=settings.progress, step=step, total=len(erased) * EVIDENCE_PARTS)
    for number, place in enumerate(erased):
        count.reach(number * EVIDENCE_PARTS)
        site = chosen[contrasts[place].letters[0]]
        other = next((p for p in study.positions if p != site[1]), None)
        elsewhere = None if other is None else read(site[0], other)
        with parts_counted(count.one):
            more[place, *site] = site_evidence(read(*site), elsewhere, pairs[place], rule)
    count.end()
    rows: list[dict[str, Any]] = verdict_rows(contrasts, verdicts, more)
    return pd.DataFrame([{"model": outcome.name, **row} for row in rows])


def _chosen_sites(outcome: ModelOutcome, contrasts: Sequence[PairContrast]) -> dict[str, Site]:
    """Return the site that the training rows chose for each target, by its name.

    For the first factor of a pair without one it is that of the first target.
    """
    sites: dict[str, Site] = {
        name: (step.facts["layer"], step.facts["position"]) for name, step in outcome.steps.items()
    }
    first = next(iter(sites.values()), None)
    wanted = dict.fromkeys(["D", "C", *(contrast.letters[0] for contrast in contrasts)])
    return sites | {name: first for name in wanted if name not in sites and first is not None}


def _looked_at(contrasts: Sequence[PairContrast], rule: Rule, limit: int) -> list[int]:
    """Return the places of contrasts that erasure is tried on: of each pair those with most to compare."""
    kept = []
    for name in dict.fromkeys(contrast.name for contrast in contrasts):
        own = [
            place
            for place, contrast in enumerate(contrasts)
            if contrast.name == name and find_obstacle(contrast.pair, rule) is None
        ]
        fewest = {place: _fewest_off_diagonal(contrasts[place]) for place in own}
        kept += sorted(own, key=lambda place: (-fewest[place], place))[:limit]
    return kept


def _fewest_off_diagonal(contrast: PairContrast) -> int:
    counts = contrast.pair.groups_per_cell()
    return int(np.min([counts["first_only"], counts["second_only"]]))
