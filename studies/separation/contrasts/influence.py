"""AUROCs with a factor held fixed, and what every row contributes to them."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from unsinter.probes.arrays import FloatArray
from unsinter.probes.weighted_auroc import placements
from unsinter.studies.separation.contrasts.comparison import Comparison


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistic:
    """One number per site with the share that every row has in its sampling error.

    Attributes
    ----------
    value : (n_sites,).
    influence : (n_sites, n) first-order change of the value with the weight of a row in the test.
    training : (n_sites, n) the same with its weight in training.
    least_error : (n_sites,) standard error below which an estimate near its limit is not believed.
    """

    value: FloatArray
    influence: FloatArray
    training: FloatArray
    least_error: FloatArray


def held_fixed_auroc(scores: FloatArray, pull: FloatArray, comparison: Comparison) -> Statistic | None:
    """Return the AUROC of pairs compared within one block only; None where no block holds both classes.

    A row's influence has two parts. As a test row it is DeLong et al.'s (1988), with the weights of blocks
    fixed. As a training row it turns the directions by which rows of other folds are scored: ``pull`` is that
    turn's effect on the mean difference in standard deviations, and an AUROC Phi(m / sqrt 2) follows the mean
    difference m with slope phi(m / sqrt 2) / sqrt 2. Without the second part the standard error at chance
    comes out too small by sqrt 2: every pair of rows counts there once with either as the test row. Near 0
    and 1, where influence vanishes, Hanley and McNeil's (1982) error half a row away from the limit takes
    its place.

    Parameters
    ----------
    scores : (n_sites, n) by the comparison's probe.
    pull : (n_sites, n).
    """
    value = np.zeros(len(scores))
    influence = np.zeros(scores.shape)
    n_wins = n_losses = 0
    weights = comparison.block_weights()
    if not weights:
        return None
    for block, weight in weights.items():
        own = comparison.blocks == block
        wins, losses = np.flatnonzero(own & comparison.positive), np.flatnonzero(own & ~comparison.positive)
        over, under = placements(scores[:, wins], scores[:, losses])
        auroc = over.mean(axis=1)
        value += weight * auroc
        influence[:, wins] = weight * (over - auroc[:, None]) / len(wins)
        influence[:, losses] = weight * (under - auroc[:, None]) / len(losses)
        n_wins, n_losses = n_wins + len(wins), n_losses + len(losses)
    half = norm.ppf(np.clip(value, 1e-6, 1 - 1e-6))
    slope = norm.pdf(half) / np.sqrt(2)
    return Statistic(
        value=value,
        influence=influence,
        training=slope[:, None] * pull,
        least_error=_binormal_error(value, n_wins, n_losses),
    )


def mean_statistic(values: FloatArray) -> Statistic:
    """Return the mean of values (n_sites, n) over rows, with every row's share in its error."""
    mean = values.mean(axis=1)
    return Statistic(
        value=mean,
        influence=(values - mean[:, None]) / values.shape[1],
        training=np.zeros_like(values),
        least_error=np.full(len(values), 1e-9),
    )


def _binormal_error(auroc: FloatArray, n1: int, n0: int) -> FloatArray:
    """Return Hanley and McNeil's standard error, at an AUROC at least half a row away from 0 and 1."""
    edge = 0.5 / min(n1, n0)
    a = np.clip(auroc, edge, 1 - edge)
    a = np.maximum(a, 1 - a)
    wins, losses = a / (2 - a) - a**2, 2 * a**2 / (1 + a) - a**2
    # Which class is called positive is arbitrary: the formula is taken both ways.
    both = (n1 + n0 - 2) * (wins + losses) / 2
    return np.asarray(np.sqrt((a * (1 - a) + both) / (n1 * n0)))
