"""The angle between the directions of two factors, with everything needed to judge it."""

from dataclasses import dataclass

import numpy as np

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.geometry.contrasts import contrast_rows, residuals
from unsinter.probes.geometry.geometry import (
    cosine,
    covariance_within,
    disattenuated_cosine,
    half_weights,
    permuted_contrasts,
    split_half_reliability,
)
from unsinter.probes.metrics import observed_and_drawn, percentile_interval
from unsinter.studies.data.estimate import NAN, UNKNOWN, Estimate, from_draws
from unsinter.studies.separation.supporting.erasure_evidence import known_rows
from unsinter.studies.study.run_options import part_done

_SPLITS = 20
"""Divisions into halves behind reliability and disattenuated cosine."""

_SPLITS_OF_A_DRAW = 3
"""Fewer, since the draws average them too; they make the interval a little wider."""

_BLOCK = 64
"""Draws whose directions are held at once."""

_N_DRAWS = 500

GEOMETRY_PARTS = 2 + -(-_N_DRAWS // _BLOCK)
"""Parts of the work: directions, blocks of draws, and the null."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeometryEvidence:
    """Cosines in the metric of what varies within cells; a small cosine alone separates nothing.

    Attributes
    ----------
    cosine : of the two double-difference directions, sampling noise included. Its interval is the spread of
        the draws, moved so that its middle is the value: every draw adds noise, and with it bias, once more.
    disattenuated : the cosine without noise, see ``disattenuated_cosine``; may leave [-1, 1]. NaN where a
        direction is noise, its interval also where it is so in more than 5 % of the draws.
    reliability_first, reliability_second : split half, see ``split_half_reliability``.
    null : (low, high) central 95 % of ``cosine`` where labels of one factor are permuted in whole groups
        inside levels of the other; the wider end of both factors. NaN where no labels can move.
    """

    cosine: Estimate
    disattenuated: Estimate
    reliability_first: float
    reliability_second: float
    null: tuple[float, float]


def geometry_evidence(
    X: FloatArray,
    z: LabelArray,
    w: LabelArray,
    *,
    groups: LabelArray,
    seed: int = 0,
    n_draws: int = _N_DRAWS,
) -> GeometryEvidence:
    """Return the whitened cosine of the two factors' directions, its interval, reliability and null.

    The metric is fitted once, to the rows as they are, and stays fixed in every draw, half and permutation:
    the interval says how cell means vary with the groups drawn, not how the metric does. All is unknown where
    rows do not vary inside the cells: then there is no metric.

    Parameters
    ----------
    X : (n, d).
    z, w : (n,) codes of the first and second factor: 1, 0, or -1 where missing, which leaves the row out.
    groups : (n,) what is drawn, halved and permuted whole.

    Raises
    ------
    ValueError : lengths differ, a code is none of 1, 0, -1, NaN or inf in X, or a cell is empty.
    """
    X, codes, groups = known_rows(X, z, w, groups)
    z, w = codes["first"], codes["second"]
    cells = 2 * z + w
    if len(np.unique(cells)) < 4:
        raise ValueError(
            f"every cell of z and w needs rows, got cells {np.unique(cells)} of 0 to 3 (2 z + w)."
        )
    if not residuals(X - X.mean(axis=0), cells).any():
        return GeometryEvidence(
            cosine=UNKNOWN,
            disattenuated=UNKNOWN,
            reliability_first=NAN,
            reliability_second=NAN,
            null=(NAN, NAN),
        )
    metric = covariance_within(X, cells)
    # Contrasts sum to zero, so centring changes nothing but the rounding.
    whitened = metric.whiten(X - X.mean(axis=0)).astype(np.float32)
    weights = observed_and_drawn(groups, n_draws=n_draws, seed=seed)
    draws = _directions(contrast_rows(z, w, weights=weights), whitened)
    part_done()
    halves = half_weights(groups, n_splits=_SPLITS, seed=seed)
    reliability = split_half_reliability(_halved(weights[:1], halves, z, w, whitened)[0])
    null = _null(whitened, z, w, groups=groups, seed=seed)
    part_done()
    return GeometryEvidence(
        cosine=_around_value(cosine(draws[:, 0], draws[:, 1])),
        disattenuated=_disattenuated(weights, halves, z, w, whitened),
        reliability_first=float(reliability[0]),
        reliability_second=float(reliability[1]),
        null=null,
    )


def _directions(rows: FloatArray, whitened: FloatArray) -> FloatArray:
    """Return directions (k, 2, d) of contrast rows (k, 2, n) over whitened X (n, d)."""
    flat = rows.reshape(-1, rows.shape[-1]).astype(np.float32)
    return (flat @ whitened).reshape(*rows.shape[:2], -1)


def _halved(
    weights: FloatArray, halves: FloatArray, z: LabelArray, w: LabelArray, whitened: FloatArray
) -> FloatArray:
    """Return directions (n_weightings, n_splits, 2, 2, d) in halves (n_splits, 2, n) of weighted rows."""
    own = (weights[:, None, None] * halves).reshape(-1, weights.shape[1])
    return _directions(contrast_rows(z, w, weights=own), whitened).reshape(
        len(weights), len(halves), 2, 2, whitened.shape[1]
    )


def _disattenuated(
    weights: FloatArray, halves: FloatArray, z: LabelArray, w: LabelArray, whitened: FloatArray
) -> Estimate:
    value = disattenuated_cosine(_halved(weights[:1], halves, z, w, whitened))
    blocks = []
    for start in range(1, len(weights), _BLOCK):
        own = weights[start : start + _BLOCK]
        blocks.append(disattenuated_cosine(_halved(own, halves[:_SPLITS_OF_A_DRAW], z, w, whitened)))
        part_done()
    estimate = from_draws(np.concatenate([value, *blocks]))
    n_noise = int(np.isnan(np.concatenate(blocks)).sum())
    return Estimate(estimate.value) if n_noise > 0.05 * (len(weights) - 1) else estimate


def _around_value(draws: FloatArray) -> Estimate:
    estimate = from_draws(draws)
    shift = estimate.value - float(np.nanmedian(draws[1:]))
    return Estimate(estimate.value, max(estimate.low + shift, -1.0), min(estimate.high + shift, 1.0))


def _null(
    whitened: FloatArray, z: LabelArray, w: LabelArray, *, groups: LabelArray, seed: int
) -> tuple[float, float]:
    try:
        permuted = permuted_contrasts(z, w, groups=groups, n=200, seed=seed)
    except ValueError:  # no group can trade
        return float("nan"), float("nan")
    drawn = [_directions(rows, whitened) for rows in permuted]
    ends = [percentile_interval(cosine(V[:, 0], V[:, 1])) for V in drawn]
    return min(low for low, _ in ends), max(high for _, high in ends)
