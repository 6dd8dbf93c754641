"""Does one factor survive the erasure of the other, and was the other really gone?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.concepts import class_codes
from unsinter.probes.erasure import Eraser, fit_leace, fit_permuted_leace, random_eraser
from unsinter.probes.metrics import auroc, observed_and_drawn
from unsinter.probes.ridge import RidgeProbe
from unsinter.studies.data.estimate import Estimate, from_draws
from unsinter.studies.data.row_weights import equal_sums
from unsinter.studies.data.splits import outer_split
from unsinter.studies.study.run_options import part_done

_SPLITS = 3
_PENALTY = 1.0
"""Of ridge probes: in planted worlds at most .05 AUROC below the best of .1, 1 and 10, they up to .14."""

_READS = {
    "whole": ("first", "second"),
    "first_erased": ("first", "second"),
    "second_erased": ("first", "second"),
    "random": ("first", "second"),
    "first_permuted": ("second",),
    "second_permuted": ("first",),
}
"""Which factors a fresh probe reads, by what was erased before."""

ERASURE_PARTS = _SPLITS * len(_READS)
"""Parts of the work: what was erased, in each split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErasureEvidence:
    """What one erasure each way left, on groups that fitted neither eraser nor probe.

    "Kept" is [AUROC after erasure - 1/2] / [AUROC before - 1/2]: 1 nothing lost, 0 all. Every AUROC compares
    rows of one split with the other factor held fixed.

    Attributes
    ----------
    kept_first : share of the first factor kept after the second was erased; ``kept_second`` the reverse.
        NaN where the factor could not be read before.
    check_first, check_second : AUROC of a fresh probe of that factor after that very factor was erased;
        ``check_second`` is what decides whether ``kept_first`` means anything.
    kept_first_random, kept_second_random : the same share with one random direction erased instead.
    kept_first_permuted : the same with the eraser of the second factor's permuted labels, and so on.
    """

    kept_first: Estimate
    kept_second: Estimate
    check_first: Estimate
    check_second: Estimate
    kept_first_random: Estimate
    kept_second_random: Estimate
    kept_first_permuted: Estimate
    kept_second_permuted: Estimate


def erasure_evidence(
    X: FloatArray,
    z: LabelArray,
    w: LabelArray,
    *,
    groups: LabelArray,
    seed: int = 0,
    n_draws: int = 500,
) -> ErasureEvidence:
    """Erase each factor and read both again, with erasers, probes and scores on three sets of groups.

    On the rows that fitted an eraser class means are equal by construction and any probe fails; so the splits
    are three, rotated until every group was scored once. The second factor is erased inside levels of the
    first and the reverse, by LEACE. Fresh ridge probes weigh the four cells equally. Intervals draw whole
    groups, given the fits.

    Parameters
    ----------
    X : (n, d).
    z, w : (n,) codes of the first and second factor: 1, 0, or -1 where missing, which leaves the row out.
    groups : (n,) what stays on one side of every split.

    Raises
    ------
    ValueError : lengths differ, a code is none of 1, 0, -1, NaN or inf in X, or a split lacks a cell.
    """
    X, codes, groups = known_rows(X, z, w, groups)
    folds = _three_splits(codes, groups, seed=seed)
    scores = _scores(X, codes, groups, folds=folds, seed=seed)
    weights = observed_and_drawn(groups, n_draws=n_draws, seed=seed)
    held_fixed = {"first": 2 * folds + codes["second"], "second": 2 * folds + codes["first"]}
    aurocs = {
        (erased, factor): auroc(own, codes[factor], weights=weights, strata=held_fixed[factor])
        for (erased, factor), own in scores.items()
    }
    return _evidence(aurocs)


def known_rows(
    X: FloatArray, z: LabelArray, w: LabelArray, groups: LabelArray
) -> tuple[FloatArray, dict[str, NDArray[np.intp]], NDArray[np.intp]]:
    """Return X, codes of both factors and group codes of the rows where both factors are known.

    Raises
    ------
    ValueError : lengths differ, a code is none of 1, 0, -1, or NaN or inf in X.
    """
    X, z, w = np.asarray(X), np.asarray(z), np.asarray(w)
    if X.ndim != 2 or not len(X) == len(z) == len(w) == len(groups):
        raise ValueError(
            f"X must be (n, d) with a code of z, of w and a group per row, got shape {X.shape}, {len(z)}, "
            f"{len(w)} and {len(groups)}."
        )
    for name, factor in (("z", z), ("w", w)):
        if not np.isin(factor, (-1, 0, 1)).all():
            raise ValueError(f"{name} must hold 1, 0 or -1 (missing), got {np.unique(factor)!s:.60}.")
    rows = np.flatnonzero((z >= 0) & (w >= 0))
    if not np.isfinite(X[rows]).all():
        raise ValueError("X holds NaN or inf; extract those rows again or leave them out.")
    codes = {"first": z[rows].astype(np.intp), "second": w[rows].astype(np.intp)}
    return X[rows], codes, class_codes(groups, len(X), name="groups")[rows]


def _three_splits(codes: Mapping[str, LabelArray], groups: LabelArray, *, seed: int) -> NDArray[np.intp]:
    """Return the split (n,) of each row; ValueError where one of them lacks a cell."""
    cells = 2 * codes["first"] + codes["second"]
    for cell in range(4):
        if (n := len(np.unique(groups[cells == cell]))) < _SPLITS:
            raise ValueError(
                f"the cell z={cell // 2}, w={cell % 2} holds {n} groups; erasure needs at least "
                f"{_SPLITS}, one for each split."
            )
    names = [f"{row:09d}" for row in range(len(groups))]
    split = outer_split(
        names, [f"{g:09d}" for g in groups], strata=cells.tolist(), n_folds=_SPLITS, seed=seed
    )
    folds = np.asarray(split.folds)
    if len(np.unique(4 * folds + cells)) < 4 * _SPLITS:
        raise ValueError("whole groups cannot spread every cell of z and w over three splits; add groups.")
    return folds


def _scores(
    X: FloatArray,
    codes: Mapping[str, LabelArray],
    groups: LabelArray,
    *,
    folds: NDArray[np.intp],
    seed: int,
) -> dict[tuple[str, str], FloatArray]:
    """Return scores (n,) by (what was erased, factor read); eraser and probe have not seen a row's group."""
    scores: dict[tuple[str, str], FloatArray] = {
        (erased, factor): np.empty(len(X)) for erased, read in _READS.items() for factor in read
    }
    cells = (2 * codes["first"] + codes["second"]).astype(str)
    for test in range(_SPLITS):
        fit, probe, scored = (np.flatnonzero(folds == (test + step) % _SPLITS) for step in (1, 2, 0))
        own = {factor: code[fit] for factor, code in codes.items()}
        erasers = _erasers(X[fit], own, groups[fit], seed=seed + test)
        weights = equal_sums(cells, probe)[probe]
        for erased, read in _READS.items():
            seen, unseen = X[probe], X[scored]
            if erased in erasers:
                seen, unseen = erasers[erased](seen), erasers[erased](unseen)
            for factor in read:
                ridge = RidgeProbe(penalty=_PENALTY).fit(seen, codes[factor][probe], sample_weight=weights)
                scores[erased, factor][scored] = ridge.decision_function(unseen)
            part_done()
    return scores


def _erasers(
    X: FloatArray, codes: Mapping[str, LabelArray], groups: LabelArray, *, seed: int
) -> dict[str, Eraser]:
    first, second = codes["first"], codes["second"]
    return {
        "first_erased": fit_leace(X, first, within=second),
        "second_erased": fit_leace(X, second, within=first),
        "random": random_eraser(X.shape[1], 1, seed=seed, centre=X.mean(axis=0)),
        "first_permuted": fit_permuted_leace(X, first, groups=groups, within=second, seed=seed),
        "second_permuted": fit_permuted_leace(X, second, groups=groups, within=first, seed=seed),
    }


def _evidence(aurocs: Mapping[tuple[str, str], FloatArray]) -> ErasureEvidence:
    def kept(factor: str, erased: str) -> Estimate:
        if not from_draws(aurocs["whole", factor]).low > 0.5:
            return Estimate()
        above = aurocs["whole", factor] - 0.5
        share = np.divide(
            aurocs[erased, factor] - 0.5, above, out=np.full_like(above, np.nan), where=above > 0
        )
        return from_draws(share)

    return ErasureEvidence(
        kept_first=kept("first", "second_erased"),
        kept_second=kept("second", "first_erased"),
        check_first=from_draws(aurocs["first_erased", "first"]),
        check_second=from_draws(aurocs["second_erased", "second"]),
        kept_first_random=kept("first", "random"),
        kept_second_random=kept("second", "random"),
        kept_first_permuted=kept("first", "second_permuted"),
        kept_second_permuted=kept("second", "first_permuted"),
    )
