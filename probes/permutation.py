"""Labels permuted in whole groups, and p-values of held-out scores from them, adjusted over all sites."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import BoolArray, FloatArray, LabelArray
from unsinter.probes.plain_arrays import plain_array
from unsinter.probes.row_values import class_indices, known_values, refuse_not_finite
from unsinter.probes.traded_labels import Pieces
from unsinter.probes.weighted_auroc import LabellingAuroc

_BLOCK = 512
"""Permutations whose labels are held at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePermutation:
    """What chance explains of the scores of every site.

    Attributes
    ----------
    observed : (n_sites,) the statistic on the true labels.
    p_raw : (n_sites,) one-sided p of each site alone.
    p_value : (n_sites,) p adjusted for having looked at all sites.
    """

    observed: FloatArray
    p_raw: FloatArray
    p_value: FloatArray


def group_permutation_p(
    scores: FloatArray,
    codes: LabelArray,
    groups: LabelArray,
    *,
    units: LabelArray | None = None,
    n_permutations: int = 1000,
    seed: int = 0,
) -> SitePermutation:
    """Return, for every site, how often permuted labels score as high as the true ones.

    The probes were fitted on other groups, so their held-out scores are fixed numbers here. Under the null
    hypothesis that they say nothing of the held-out labels, permuting those labels is an exact test given the
    fit: nothing is refitted. p = (b + 1) / (m + 1) (Phipson & Smyth 2010). Sites are adjusted by the largest
    standardised statistic of each permutation (single-step max-T, Westfall & Young 1993), which holds the
    chance of any false alarm over all sites, however correlated they are.

    Labels move in whole groups, between groups of equal size, and are reordered inside each: where every
    group is a harmful/harmless twin pair, moving groups alone would change nothing. A group that is alone in
    its size keeps its labels but for their order. Cutting labels anew to fit other sizes would take them from
    their cluster: with one group of each size from 5 to 24 that raised false alarms from 5 % to 20 %. For the
    same reason, that labels depend on the size of a group is no finding.

    Parameters
    ----------
    scores : (n_sites, n_test) scores of class 1, statistic AUROC; or (n_sites, n_test, n_classes), statistic
        macro-F1 of the likeliest class.
    codes : (n_test,) class codes from 0.
    groups : (n_test,) what must stay together.
    units : (n_test,) what inside a group keeps its labels together and trades with units of its size, as
        samples of a prompt, which one by one would show chance as too narrow; None: each row.

    Raises
    ------
    ValueError : shapes differ, NaN among scores, a missing code or group, codes out of range, fewer than one
        permutation, or the labels hold one class only.
    """
    scores, codes = plain_array(scores, name="scores"), class_indices(codes)
    groups = known_values(groups, name="groups")
    units = np.arange(len(groups)) if units is None else known_values(units, len(groups), name="units")
    if scores.ndim not in (2, 3) or scores.shape[1] != len(codes) or len(codes) != len(groups):
        raise ValueError(
            f"scores must be (n_sites, {len(codes)}) or (n_sites, {len(codes)}, n_classes), one row per code "
            f"and group, got {scores.shape} and {len(groups)} groups."
        )
    _refuse_bad(scores, codes, n_permutations)
    statistic = _auroc_of(scores, codes) if scores.ndim == 2 else _MacroF1(scores, codes)
    observed = statistic(codes[:, None])
    drawn = [statistic(block) for block in _permuted(codes, groups, units, n_permutations, seed)]
    statistics = np.concatenate([observed, *drawn], axis=1)
    # The true labels are one of the equally likely labellings, so they take part in mean and deviation.
    centred = statistics - statistics.mean(axis=1, keepdims=True)
    spread = statistics.std(axis=1, keepdims=True)
    T = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-12)
    T = np.round(T, 9)  # equal labellings must count as equal whatever the order of their sums
    return SitePermutation(
        observed=observed[:, 0],
        p_raw=(T[:, :1] <= T).mean(axis=1),
        p_value=(T[:, :1] <= T.max(axis=0)[None]).mean(axis=1),
    )


def stratified_permutations(
    y: LabelArray, *, groups: LabelArray, strata: LabelArray | None = None, n: int = 1, seed: int = 0
) -> LabelArray:
    """Return ``n`` permuted copies of y (n, n_examples); counts of every label in every stratum are kept.

    The rows of one group in one stratum are a piece. Pieces of equal size in the same stratum trade labels,
    which are then reordered inside each; a piece alone in its size keeps its labels but for their order.

    Parameters
    ----------
    y, groups, strata : (n_examples,); strata None is one stratum.

    Raises
    ------
    ValueError : lengths differ, an entry is missing (NaN or None), or every piece is alone in its size and of
        one label, so that nothing moves.

    References
    ----------
    Phipson & Smyth (2010) for p-values from such draws.
    """
    y, groups = known_values(y, name="y"), known_values(groups, name="groups")
    strata = np.zeros(len(y), dtype=int) if strata is None else known_values(strata, name="strata")
    if n < 1:
        raise ValueError(f"n must be at least 1, got {n!r}.")
    if not len(y) == len(groups) == len(strata):
        raise ValueError(
            f"y has {len(y)} rows, groups {len(groups)}, strata {len(strata)}; give one per row."
        )
    sets = Pieces.trading(groups, strata)
    if all(len(np.unique(y[pieces.rows])) == 1 for pieces in sets):
        raise ValueError("no two groups of equal size differ in their label inside a stratum; nothing moves.")
    rng = np.random.default_rng(seed)
    drawn = np.tile(y, (n, 1))
    for pieces in sets:
        drawn[:, pieces.rows.ravel()] = pieces.traded(y, n, rng)
    return drawn


def shuffles_within(
    values: FloatArray, blocks: NDArray[np.intp], *, n: int, rng: np.random.Generator
) -> FloatArray:
    """Return ``n`` copies of values (n, n_examples), each with the rows of every block in a random order.

    Rows move by themselves, not with their group; ``blocks`` (n_examples,) are codes.
    """
    order = np.argsort(blocks, kind="stable")
    drawn = np.empty((n, len(values)))
    for row in drawn:
        row[order] = values[np.lexsort((rng.random(len(values)), blocks))]
    return drawn


def pure_and_mixed_permutations(
    labels: BoolArray, groups: LabelArray, *, n: int, rng: np.random.Generator
) -> BoolArray:
    """Return ``n`` permuted copies of labels (n, n_examples): groups of one label trade it as a whole.

    Groups that hold both labels, as twins do, keep their counts, and their rows are reordered. Unlike in
    ``stratified_permutations`` groups of unequal size trade too, so the number of positive rows may change.
    """
    _, group = np.unique(groups, return_inverse=True)
    n_positive, sizes = np.bincount(group, weights=labels), np.bincount(group)
    is_pure = (n_positive == 0) | (n_positive == sizes)
    mixed = ~is_pure[group]
    in_groups = np.argsort(group, kind="stable")
    drawn = np.empty((n, len(labels)), dtype=bool)
    for draw in drawn:
        moved = n_positive > 0
        moved[is_pure] = rng.permutation(moved[is_pure])
        draw[:] = moved[group]
        # Within groups of both labels: rows in random order take the group's labels in their own order.
        order = np.lexsort((rng.random(len(labels)), group))
        draw[order[mixed[order]]] = labels[in_groups[mixed[in_groups]]]
    return drawn


def shuffle_over_groups(
    labels: LabelArray, groups: LabelArray, *, seed: int, units: LabelArray | None = None
) -> LabelArray:
    """Return labels (n,) dealt out again in blocks, group after group in a random order.

    Rows that shared a group get labels that shared one, so labels stay as clustered as they were (to within
    the edges of blocks), but tell nothing of their new rows, not even how large the row's group is. Labels
    are reordered inside each block: where every group is a twin pair, moving blocks alone changes nothing.

    Parameters
    ----------
    units : (n,) rows of one group that stand side by side and whose labels stay side by side, as the samples
        of a prompt; None: each row by itself.
    """
    rng = np.random.default_rng(seed)
    _, index = np.unique(groups, return_inverse=True)
    _, unit = np.unique(np.arange(len(labels)) if units is None else units, return_inverse=True)
    n_groups = int(index.max()) + 1
    dealt = np.argsort(rng.permutation(n_groups)[index] + rng.random(unit.max() + 1)[unit], kind="stable")
    taken = np.argsort(rng.permutation(n_groups)[index], kind="stable")
    shuffled = labels.copy()
    shuffled[taken] = labels[dealt]
    return shuffled


def _refuse_bad(scores: FloatArray, codes: LabelArray, n_permutations: int) -> None:
    """Raise ValueError for scores (n_sites, n_test, ...) that rank nothing, or codes that have no score."""
    n_classes = scores.shape[2] if scores.ndim == 3 else 2
    class_indices(codes, n_classes=n_classes)
    if scores.ndim == 3:
        if np.isnan(scores).any():
            raise ValueError(
                f"scores holds NaN ({int(np.isnan(scores).sum())} values); leave those rows out."
            )
    else:
        refuse_not_finite(scores.T, name="scores")
    if n_permutations < 1:
        raise ValueError(f"n_permutations must be at least 1, got {n_permutations!r}.")
    if len(np.unique(codes)) < 2:
        raise ValueError("the labels hold one class only; a permutation of them changes nothing.")


def _auroc_of(scores: FloatArray, codes: LabelArray) -> Callable[[LabelArray], FloatArray]:
    """Return the AUROC of every site as a function of codes (n_test, n_labellings)."""
    of_labels = LabellingAuroc(scores, n_positive=int((codes == 1).sum()))
    return lambda drawn: of_labels(drawn == 1)


class _MacroF1:
    """Mean F1 over the classes present, for every site and labels (n_test, n_labellings)."""

    def __init__(self, scores: FloatArray, codes: LabelArray) -> None:
        self.predicted = scores.argmax(axis=2)
        self.present, self.counts = np.unique(codes, return_counts=True)

    def __call__(self, codes: LabelArray) -> FloatArray:
        total = np.zeros((len(self.predicted), codes.shape[1]))
        for label, count in zip(self.present, self.counts, strict=True):
            claimed = (self.predicted == label).astype(np.float32)  # sums of ones: exact
            hits = claimed @ (codes == label).astype(np.float32)
            total += 2 * hits / (claimed.sum(axis=1, keepdims=True) + count)
        return total / len(self.present)


def _permuted(
    codes: LabelArray, groups: LabelArray, units: LabelArray, n: int, seed: int
) -> Iterator[NDArray[np.integer]]:
    """Yield labels (n_test, up to _BLOCK) until ``n`` permutations are given."""
    rng = np.random.default_rng(seed)
    sets = Pieces.trading(groups, np.zeros(len(groups), dtype=int), units)
    for start in range(0, n, _BLOCK):
        m = min(_BLOCK, n - start)
        labels = np.empty((len(codes), m), dtype=codes.dtype)
        for pieces in sets:
            labels[pieces.rows.ravel()] = pieces.traded(codes, m, rng).T
        yield labels
