"""Description length of labels by an online code: how much data a probe needs, not only how well it ends."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.row_values import class_indices, known_values
from unsinter.probes.tasks import Task

PERCENTS = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.25, 12.5, 25.0, 50.0, 100.0)
"""Ends of the blocks in per cent of the rows (Voita & Titov 2020)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodePlan:
    """Which rows are sent in which block, and the fits that predict them.

    Attributes
    ----------
    codes : (n_examples,) class codes from 0; -1 where missing.
    block : (n_examples,) block of each row in the order of sending; -1 for rows that are not sent.
    fitted : blocks that have a fit, which trains on all blocks before; the others are sent by counts.
    tasks : one per fitted block.
    """

    codes: LabelArray
    n_classes: int
    block: NDArray[np.intp]
    fitted: tuple[int, ...]
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeLength:
    """Bits to send the labels of the planned rows.

    Attributes
    ----------
    bits : with the probe, learning as it goes.
    uniform_bits : with equal probabilities, n log2(n_classes).
    prior_bits : with the true class shares known for free, n x entropy; the fair rival of unequal classes.
    """

    bits: float
    uniform_bits: float
    prior_bits: float

    @property
    def compression(self) -> float:
        """How many times shorter than the code of class shares; 1 or below: the probe learns nothing."""
        return self.prior_bits / self.bits


def plan_code(
    codes: LabelArray, groups: LabelArray, n_classes: int, *, rows: NDArray[np.intp], seed: int
) -> CodePlan:
    """Return the blocks of an online code over ``rows``, with a task per block that can be fitted.

    Groups stand in a random order and each is sent whole, in the block in which its first row falls, so that
    no row is predicted from its own paraphrase. The first block has nothing before it and is sent uniformly.

    Parameters
    ----------
    codes, groups : (n_examples,) of all rows of X; -1 is missing.
    rows : training rows; unlabelled ones are not sent.

    Raises
    ------
    ValueError : a code out of range, a row without a group, or fewer than two classes.
    """
    codes = class_indices(codes, n_classes=n_classes, least=-1)
    groups = known_values(groups, len(codes), name="groups")
    rows = class_indices(rows, n_classes=len(codes), name="rows")
    rows = rows[codes[rows] >= 0]
    if len(np.unique(codes[rows])) < 2:
        raise ValueError("a code needs rows of two classes, got one; drop the target.")
    _, index = np.unique(groups[rows], return_inverse=True)
    place = np.random.default_rng(seed).permutation(index.max() + 1)[index]
    before = np.r_[0, np.cumsum(np.bincount(place))][place]
    ends = np.array(PERCENTS) / 100 * len(rows)
    _, block = np.unique(np.searchsorted(ends, before, side="right"), return_inverse=True)
    sent = np.full(len(codes), -1, dtype=np.intp)
    sent[rows] = block
    fitted, tasks = [], []
    for number in range(1, block.max() + 1):
        prefix = np.where((sent >= 0) & (sent < number), codes, -1)
        if len(np.unique(prefix[prefix >= 0])) > 1:
            fitted.append(number)
            tasks.append(Task(codes=prefix, n_classes=n_classes))
    return CodePlan(codes=codes, n_classes=n_classes, block=sent, fitted=tuple(fitted), tasks=tuple(tasks))


def code_length(plan: CodePlan, scores: Sequence[FloatArray]) -> CodeLength:
    """Return the bits of an online code (Voita & Titov 2020, 2003.12298) given each fit's scores.

    A block is sent with probabilities (1 - e) p + e q: p the softmax of the fit on all rows sent before, q
    their smoothed shares (count + 1) / (t + K) for t rows and K classes, e = K / (t + K). So a class not seen
    yet, or a fit sure of the wrong one, costs finite bits; e vanishes as rows are seen. A block that has no
    fit (one class before it) is sent with q alone; the first has q = 1 / K, which is uniform.

    Parameters
    ----------
    scores : one array per ``plan.tasks``: (n_examples,) log-odds of class 1 for two classes, else
        (n_examples, n_classes) logits, minus infinity for a class that the task lacks.

    Raises
    ------
    ValueError : another number of arrays, another shape, or NaN.
    """
    if len(scores) != len(plan.tasks):
        raise ValueError(f"{len(plan.tasks)} tasks need as many arrays of scores, got {len(scores)}.")
    shape = plan.codes.shape if plan.n_classes == 2 else (*plan.codes.shape, plan.n_classes)
    for place, own in enumerate(scores):
        if own.shape != shape or np.isnan(own).any():
            raise ValueError(f"scores of task {place} must be {shape} without NaN, got shape {own.shape}.")
    of_block = dict(zip(plan.fitted, scores, strict=True))
    K, bits = plan.n_classes, 0.0
    for number in range(plan.block.max() + 1):
        now = np.flatnonzero(plan.block == number)
        seen = plan.codes[(plan.block >= 0) & (plan.block < number)]
        shares = (np.bincount(seen, minlength=K) + 1) / (len(seen) + K)
        sent = shares[plan.codes[now]]
        if number in of_block:
            e = K / (len(seen) + K)
            sent = (1 - e) * _probability(of_block[number][now], plan.codes[now]) + e * sent
        bits -= float(np.log2(sent).sum())
    counts = np.bincount(plan.codes[plan.block >= 0], minlength=K)
    shares = counts[counts > 0] / counts.sum()
    return CodeLength(
        bits=bits,
        uniform_bits=float(counts.sum() * np.log2(K)),
        prior_bits=float(-counts.sum() * (shares * np.log2(shares)).sum()),
    )


def _probability(scores: FloatArray, codes: LabelArray) -> FloatArray:
    """Return the probability (n,) of each row's own class."""
    if scores.ndim == 1:
        return expit(np.where(codes == 1, scores, -scores))
    return softmax(scores, axis=1)[np.arange(len(codes)), codes]
