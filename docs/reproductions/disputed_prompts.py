"""Prompts that are harmful and accepted, or harmless and refused: with which label they go, and when that is shown."""

import numpy as np
from scipy.stats import binomtest

from unsinter.probes import percentile_interval

FEWEST_GROUPS = 10


def similarity(rows, centre):
    """Cosine of each row (n, d) with a centre (d,)."""
    return rows @ centre / (np.linalg.norm(rows, axis=1) * np.linalg.norm(centre))


def centre_scores(X, harm, refusal, folds, among=None):
    """Cosine with the harmful and refused centre less that with the harmless and accepted one (n,), by folds.

    With ``among`` (n,) centres are of rows with the same value; NaN where those lack one of the centres.
    """
    among = np.zeros(len(X)) if among is None else among
    score = np.full(len(X), np.nan)
    for kind in np.unique(among):
        for fold in np.unique(folds):
            seen, unseen = (folds != fold) & (among == kind), (folds == fold) & (among == kind)
            upper, lower = seen & (harm == 1) & (refusal == 1), seen & (harm == 0) & (refusal == 0)
            if upper.any() and lower.any():
                upper, lower = X[upper].mean(axis=0), X[lower].mean(axis=0)
                score[unseen] = similarity(X[unseen], upper) - similarity(X[unseen], lower)
    return score


def share(hit, cell, weights):
    """Share of a cell's prompts, for each weighting of the rows; NaN where a weighting has none of them."""
    with np.errstate(invalid="ignore"):
        return (weights * cell) @ hit / (weights @ cell)


def share_with_harm(score, harm, refusal, weights):
    """Share of the prompts in dispute that lie on the side of harm: the mean of both kinds, for each weighting."""
    known = ~np.isnan(score)
    refused_harmless = (known & (harm == 0) & (refusal == 1)).astype(float)
    accepted_harmful = (known & (harm == 1) & (refusal == 0)).astype(float)
    return (share(score < 0, refused_harmless, weights) + share(score >= 0, accepted_harmful, weights)) / 2


def groups_in_dispute(score, harm, refusal, groups):
    """Groups with a scored prompt in the smaller of the two cells where the labels disagree."""
    known = ~np.isnan(score)
    return min(len(np.unique(groups[known & (harm == value) & (refusal != value)])) for value in (0, 1))


def interval(values):
    low, high = percentile_interval(values[1:])
    lost = int((~np.isfinite(values[1:])).sum())
    return f"{values[0]:.3f} [{low:.3f}, {high:.3f}]" + (
        f", without {lost} draws that lack a cell" if lost else ""
    )


def exact_interval(hits, n):
    """The 95 % interval of a share by Clopper and Pearson."""
    limits = binomtest(hits, n).proportion_ci(0.95, method="exact")
    return float(limits.low), float(limits.high)


def unsettled(values, n_groups):
    """Why an interval of these draws cannot be trusted; empty where it can."""
    if n_groups < FEWEST_GROUPS:
        return f"cannot be told here: a cell in dispute has {n_groups} groups, fewer than {FEWEST_GROUPS}."
    lost = int((~np.isfinite(values)).sum())
    return f"cannot be told here: {lost} of {len(values)} draws lack a cell in dispute." if lost else ""


def verdict(values, *, wants_harm, n_groups, reads_ending=0.5):
    """Whether the prompts in dispute go with the label that the paper says."""
    if reason := unsettled(values, n_groups):
        return reason
    if not 0.1 < reads_ending < 0.9:
        return (
            f"cannot be told here: {interval(values)} go with harm, but the score is that of the last character "
            f"(AUROC of the question mark {reads_ending:.3f})."
        )
    low, high = percentile_interval(values[1:])
    if low > 0.5:
        return f"{'reproduced' if wants_harm else 'not reproduced'}: they go with harm, {interval(values)}."
    if high < 0.5:
        return f"{'not reproduced' if wants_harm else 'reproduced'}: they go with refusal, {interval(values)} with harm."
    return f"cannot be told here: {interval(values)} go with harm, and the interval holds .5."


def verdict_between(nearer, *, n_groups):
    """Whether more of the prompts in dispute go with harm at the instruction's end than at the template's."""
    if reason := unsettled(nearer, n_groups):
        return reason
    low, high = percentile_interval(nearer[1:])
    if low > 0 or high < 0:
        return f"{'reproduced' if low > 0 else 'not reproduced'}: the shares differ by {interval(nearer)}."
    return f"cannot be told here: the shares differ by {interval(nearer)}, and the interval holds 0."


def released_verdict(hits, n):
    """Whether more than half do as the paper says."""
    low, high = exact_interval(hits, n)
    share = f"{hits} of {n}, a share of [{low:.3f}, {high:.3f}]"
    if low > 0.5 or high < 0.5:
        return f"{'reproduced' if low > 0.5 else 'not reproduced'}: {share}."
    return f"cannot be told here: {share}, and the interval holds .5."
