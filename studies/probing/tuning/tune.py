"""Tuning of one target: a fixed budget of trials on the inner folds, resumed where it stopped."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import optuna
import pandas as pd
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState
from threadpoolctl import threadpool_limits

from unsinter.studies.data.site_readers import ReadSite
from unsinter.studies.data.sites import Rows, Site
from unsinter.studies.probing.sweep import N_EXAMPLES, SitePlan, choose_operation, site_controls, tasks_of
from unsinter.studies.probing.tuning.ledger import Ledger, seconds_of
from unsinter.studies.probing.tuning.space import Candidate, SearchSpace, make_space, next_batch, pruning_bars
from unsinter.studies.probing.tuning.storage import TrialStore, open_storage
from unsinter.studies.probing.tuning.trial import (
    TrainingRows,
    TrainRows,
    fit_candidate,
    penalties_of,
    run_trial,
    run_trial_at,
)
from unsinter.studies.probing.types import SiteFit
from unsinter.studies.store.step_store import StepKind
from unsinter.studies.study.families import spaces_of_their_own
from unsinter.studies.study.sections import Tuning
from unsinter.studies.tables.columns import TRIALS
from unsinter.studies.workers.spread import n_workers, spread_sites

_WAIT = 0.2

TUNING = StepKind(name="trials", version=2)
"""The trials in a storage; where their numbers change, those of the step of a target change too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialWorkers:
    """How many trials run at once, and who is told: called with finished trials and the budget."""

    n_jobs: int = 1
    progress: Callable[[int, int], object] = lambda done, total: None


ALONE = TrialWorkers()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """What tuning leaves: the best probe, refitted, and every finished trial.

    Attributes
    ----------
    trials : columns of ``tables.TRIALS`` without model and target; ``number`` is the place in the budget.
    """

    fit: SiteFit
    trials: pd.DataFrame


def tune(
    read: ReadSite,
    sites: Sequence[Site],
    *,
    plan: SitePlan,
    tuning: Tuning,
    store: TrialStore,
    workers: TrialWorkers = ALONE,
) -> Tuned:
    """Run what is left of the budget, refit the best on all training rows, score the held-out rows once.

    The trials follow from seed, training rows and space alone: not from the number of jobs, nor from how
    often the process was killed, nor from how many processes fill one storage at a time. A trial is a probe
    of the inner folds; held-out rows and their labels have no part in any.

    Parameters
    ----------
    plan : target, rows, groups and seed of the sweep, with the controls that stand beside the best probe.

    Raises
    ------
    TuningError : the storage cannot be opened.
    """
    rows, training = plan.rows, _training_rows(plan)
    space = _space(read, sites, training, rows, tuning)
    digest = TUNING.key(_parts(training, space, store.content))
    with _quiet(), open_storage(store.storage, store.folder) as opened:
        ledger = Ledger.open(opened, f"{store.name}-{digest[:16]}")
        finished = _fill(ledger, space, training, TrainRows(read, rows.train), workers)
    kept = list(finished.items())[: tuning.trials]
    best, trial = max(
        ((place, trial) for place, trial in kept if trial.state is TrialState.COMPLETE),
        key=lambda item: (item[1].value, -item[0]),
    )
    return Tuned(
        fit=_refit(read, plan, space.candidate(trial.params), training, best),
        trials=pd.DataFrame(
            [_row(place, trial, space) for place, trial in kept],
            columns=[column for column in TRIALS if column not in ("model", "target")],
        ),
    )


def _fill(
    ledger: Ledger,
    space: SearchSpace,
    training: TrainingRows,
    data: TrainRows,
    workers: TrialWorkers,
) -> dict[int, FrozenTrial]:
    """Work on the first unfinished batch until the budget is spent; return the finished trials by place."""
    budget, size, planned_for = space.tuning.trials, space.tuning.batch, -1
    n_jobs = n_workers(workers.n_jobs)
    while True:
        finished = ledger.finished()
        workers.progress(sum(place < budget for place in finished), budget)
        missing = [place for place in range(budget) if place not in finished]
        if not missing:
            return finished
        if (start := missing[0] // size * size) != planned_for:
            before = [finished[place] for place in range(start)]
            planned = next_batch(space, before, seed=training.seed)
            bars = pruning_bars(before if space.tuning.pruning else [], n_folds=len(training.folds))
            planned_for = start
        batch = {start + i: trial for i, trial in enumerate(planned) if start + i < budget}
        claims = ledger.claim(batch, n_jobs)
        if not claims:
            time.sleep(_WAIT)  # other processes are at work on the rest of the batch
            continue
        candidates = [space.candidate(batch[claim.place].params) for claim in claims]
        results = spread_sites(
            run_trial_at,
            data.read,
            ([candidate.site, candidate] for candidate in candidates),
            shared=(data.train, training, bars),
            n_jobs=min(len(claims), n_jobs),
        )
        for claim, result in zip(claims, results, strict=True):
            is_pruned = max(result.values) < bars[len(result.values) - 1]
            ledger.tell(claim, result.values, is_pruned=is_pruned, seconds=result.seconds)


def _training_rows(plan: SitePlan) -> TrainingRows:
    target, rows = plan.target, plan.rows
    return TrainingRows(
        target=replace(target, labels=target.labels[rows.train]),
        weights=np.asarray(plan.weights, dtype=np.float64)[rows.train],
        inner=rows.inner,
        groups=_groups(plan)[rows.train],
        penalties=tuple(plan.penalties),
        seed=plan.seed,
    )


def _groups(plan: SitePlan) -> NDArray[Any]:
    """Return what never straddles folds (n_examples,); every row by itself where the plan has no groups."""
    return np.arange(len(plan.weights)) if plan.groups is None else np.asarray(plan.groups)


def _space(
    read: ReadSite, sites: Sequence[Site], training: TrainingRows, rows: Rows, tuning: Tuning
) -> SearchSpace:
    smallest = min(int((training.inner != fold).sum()) for fold in training.folds)
    return make_space(sites, tuning, n_rows=smallest, d_model=read(*sites[0]).shape[1])


def _parts(training: TrainingRows, space: SearchSpace, content: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that the trials depend on; a larger budget goes on with the same trials."""
    return {
        "content": dict(content),
        "labels": training.target.labels,
        "classes": list(training.target.classes),
        "weights": training.weights,
        "inner": training.inner,
        "groups": training.groups.astype(str),
        "penalties": list(training.penalties),
        "layers": {position: list(layers) for position, layers in space.layers.items()},
        "reductions": list(space.reductions),
        "space": space.tuning.model_copy(update={"trials": 0}),
        "seed": training.seed,
        # Left out where every choice is the study's, so that trials of earlier runs keep their digest.
        **({"own spaces": own} if (own := spaces_of_their_own(space.tuning.families)) else {}),
    }


def _refit(
    read: ReadSite,
    plan: SitePlan,
    candidate: Candidate,
    training: TrainingRows,
    number: int,
) -> SiteFit:
    """Fit the best candidate on all training rows, with its controls; here the held-out rows are opened."""
    X, rows = read(*candidate.site), plan.rows
    result = run_trial(
        X[rows.train], candidate, training, [float("-inf")] * len(training.folds), is_last=True
    )
    penalties = penalties_of(candidate, training) if np.isnan(result.penalty) else [result.penalty]
    with threadpool_limits(limits=1):
        tasks = tasks_of(plan)
        conditions = candidate.conditions(groups=_groups(plan), seed=training.seed)
        fitted = fit_candidate(
            X, candidate, tasks=list(tasks.values()), penalties=penalties, conditions=conditions
        )
        fits = dict(zip(tasks, fitted, strict=True))
    probe = fits["probe"]
    return SiteFit(
        site=candidate.site,
        family=candidate.family.name,
        penalty=result.penalty,
        inner_score=result.values[-1],
        scores=probe.scores[0][rows.test],
        layers=probe.layers[0],
        operation=choose_operation(training.target, result.out_of_fold, training.target.codes),
        controls=site_controls(plan, {name: fit.scores[0] for name, fit in fits.items()}),
        converged=bool(probe.converged[0]),
        examples=np.asarray(X[rows.test[:N_EXAMPLES]], dtype=np.float32),
        trial=number,
    )


def _row(place: int, trial: FrozenTrial, space: SearchSpace) -> dict[str, Any]:
    candidate = space.candidate(trial.params)
    return {
        "number": place,
        "state": trial.state.name.lower(),
        "value": trial.value,
        "family": candidate.family.name,
        "layer": candidate.site[0],
        "position": candidate.site[1],
        "params": candidate.as_json(),
        "seconds": seconds_of(trial),
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Optuna from logging every study it makes."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
