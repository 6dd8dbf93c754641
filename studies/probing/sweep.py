"""Every site of a target: penalty chosen on inner folds, probe and controls fitted, held-out rows scored."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.calibration_fit import fit_calibration
from unsinter.probes.codelength import CodePlan, code_length
from unsinter.probes.families.family import Conditions, Family, Solver
from unsinter.probes.families.registry import family_of
from unsinter.probes.tasks import Task
from unsinter.probes.thresholds import balanced_threshold, threshold_at_fpr
from unsinter.studies.data.site_readers import FloatArray, ReadSite
from unsinter.studies.data.sites import NAN, Rows, Site
from unsinter.studies.data.targets import Target
from unsinter.studies.probing.controls import ControlTask
from unsinter.studies.probing.types import Operation, SiteControls, SiteFit, score
from unsinter.studies.workers.spread import spread_sites

N_EXAMPLES = 8
"""Activations stored with each probe, so that its exported file can test itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePlan:
    """What is the same at every site of a target.

    Attributes
    ----------
    weights : (n_examples,) weight of each row in training; rows outside ``rows.train`` are not looked at.
    penalties : tried on the inner folds; of equals the strongest is taken.
    shuffled : draws of codes (n_examples,) shuffled over groups in the training rows; empty leaves it out.
    family : its name, or the entry itself, which a worker of another process then need not have registered.
    control, code : None leaves them out.
    groups, seed : (n_examples,) what never straddles the split, and the seed, for a family that asks.
    """

    target: Target
    rows: Rows
    weights: FloatArray
    family: str | Family
    penalties: Sequence[float]
    shuffled: Sequence[NDArray[np.intp]]
    control: ControlTask | None
    code: CodePlan | None
    groups: NDArray[np.str_] | None = None
    seed: int = 0

    @property
    def tried(self) -> Sequence[float]:
        """Penalties that are tried; one that nothing reads where the family has none."""
        return self.penalties if family_of(self.family).has_penalty else self.penalties[:1]


def fit_sites(
    read: ReadSite,
    sites: Sequence[Site],
    plan: SitePlan,
    *,
    n_jobs: int = 1,
    on_site: Callable[[], None] = lambda: None,
) -> list[SiteFit]:
    """Fit one probe per site, in the order of ``sites``; the number of workers changes no number."""
    fits = spread_sites(fit_site, read, ([site] for site in sites), shared=[plan], n_jobs=n_jobs)
    done = []
    for fit in fits:
        done.append(fit)
        on_site()
    return done


def fit_site(X: FloatArray, site: Site, plan: SitePlan) -> SiteFit:
    """Choose the penalty, fit the probe and its controls in one solve, score the held-out rows."""
    family = family_of(plan.family)
    solver = family.make_solver(X, Conditions(groups=plan.groups, seed=plan.seed))
    penalty, inner_score, out_of_fold = choose_penalty(solver, plan)
    tasks = tasks_of(plan)
    fits = dict(zip(tasks, solver.fit(list(tasks.values()), [penalty]), strict=True))
    probe = fits["probe"]
    return SiteFit(
        site=site,
        family=family.name,
        penalty=penalty if family.has_penalty else NAN,
        inner_score=inner_score,
        scores=probe.scores[0][plan.rows.test],
        layers=probe.layers(0),
        operation=choose_operation(plan.target, out_of_fold, plan.target.codes[plan.rows.train]),
        controls=site_controls(plan, {name: fit.scores[0] for name, fit in fits.items()}),
        converged=bool(probe.converged[0]),
        examples=np.asarray(X[plan.rows.test[:N_EXAMPLES]], dtype=np.float32),
    )


def choose_penalty(solver: Solver, plan: SitePlan) -> tuple[float, float, FloatArray]:
    """Return the penalty with the best mean score over the inner folds, that score, and the scores behind it.

    The scores are (n_train,) or (n_train, n_classes): of every training row by the fold that did not see it.
    """
    rows, target = plan.rows, plan.target
    folds = np.unique(rows.inner)
    fits = solver.fit([_task(plan, rows.train[rows.inner != fold]) for fold in folds], plan.tried)
    values = np.empty((len(folds), len(plan.tried)))
    for place, (fold, fit) in enumerate(zip(folds, fits, strict=True)):
        unseen = rows.train[rows.inner == fold]
        for column, scores in enumerate(fit.scores):
            values[place, column] = score(target, scores[unseen], target.labels[unseen])[0]
    means = values.mean(axis=0)
    best = max(range(len(means)), key=lambda column: (means[column], plan.tried[column]))
    out_of_fold = np.empty_like(fits[0].scores[best][rows.train])
    for fold, fit in zip(folds, fits, strict=True):
        part = rows.inner == fold
        out_of_fold[part] = fit.scores[best][rows.train[part]]
    return float(plan.tried[best]), float(means[best]), out_of_fold


def choose_operation(target: Target, out_of_fold: FloatArray, codes: NDArray[np.intp]) -> Operation:
    """Fit threshold and calibration on scores of training rows by probes that had not seen them."""
    calibration = fit_calibration(out_of_fold, codes)
    if not target.is_binary:
        return Operation(threshold=0.0, strict_threshold=NAN, calibration=calibration)
    positive = codes == 1
    return Operation(
        threshold=balanced_threshold(out_of_fold, positive),
        strict_threshold=threshold_at_fpr(out_of_fold, positive, fpr=0.01),
        calibration=calibration,
    )


def _task(plan: SitePlan, train: NDArray[np.intp], codes: NDArray[np.intp] | None = None) -> Task:
    weights = np.zeros(len(plan.weights))
    weights[train] = plan.weights[train]
    codes = plan.target.codes if codes is None else codes
    return Task(codes=codes, n_classes=len(plan.target.order), weights=weights)


def tasks_of(plan: SitePlan) -> dict[str, Task]:
    """Return what a site is asked, by name: the probe, its controls, and the prefixes of its code."""
    tasks = {"probe": _task(plan, plan.rows.train)}
    for draw, codes in enumerate(plan.shuffled):
        tasks[f"shuffled {draw}"] = _task(plan, plan.rows.train, codes)
    if plan.control is not None:
        tasks["control"] = plan.control.task
    if plan.code is not None:
        tasks |= {f"code {i}": task for i, task in enumerate(plan.code.tasks)}
    return tasks


def site_controls(plan: SitePlan, scores: Mapping[str, FloatArray]) -> SiteControls:
    """Return the controls, from the scores of all rows by the fits of ``tasks_of``."""
    control = low = high = shuffled = spread = bits = compression = NAN
    truth = plan.target.labels[plan.rows.test]
    if plan.shuffled:
        draws = [scores[f"shuffled {draw}"][plan.rows.test] for draw in range(len(plan.shuffled))]
        values = [score(plan.target, drawn, truth)[0] for drawn in draws]
        shuffled = float(np.mean(values))
        spread = float(np.std(values, ddof=1)) if len(values) > 1 else NAN
    if plan.control is not None:
        control = plan.control.score(scores["control"])
        low, high = plan.control.interval(scores["control"])
    if plan.code is not None:
        prefixes = [scores[f"code {i}"] for i in range(len(plan.code.tasks))]
        length = code_length(plan.code, prefixes)
        bits, compression = length.bits, length.compression
    return SiteControls(
        control=control,
        control_low=low,
        control_high=high,
        control_groups=plan.control.n_groups if plan.control is not None else 0,
        shuffled=shuffled,
        shuffled_sd=spread,
        code_bits=bits,
        compression=compression,
    )
