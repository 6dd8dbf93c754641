"""Columns of X on one scale for the arithmetic, and each task's own scaler on top of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unsinter.probes.arrays import FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """X with every column shifted and divided, so that its dtype holds it whatever its units.

    Attributes
    ----------
    values : (n, d) float32 or float64.
    shift, scale : (d,) float64; X = values * scale + shift.
    """

    values: Tensor
    shift: FloatArray
    scale: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Scalers:
    """What standardises each task's own training rows, in the units of ``Columns.values``.

    Attributes
    ----------
    mean, deviation : (n_tasks, d) weighted, of the rows that train the task; deviation is infinite where a
        column is constant there, so that its weight is zero.
    trace : (n_tasks,) of the weighted second moments of the rows, standardised.
    """

    mean: FloatArray
    deviation: FloatArray
    trace: FloatArray

    def pick(self, places: Sequence[int] | NDArray[np.intp]) -> "Scalers":
        """Return the scalers of some of the tasks."""
        places = list(places)
        return Scalers(mean=self.mean[places], deviation=self.deviation[places], trace=self.trace[places])


def shift_and_scale(X: FloatArray, rows: NDArray[np.bool_], *, device: str, dtype: str) -> Columns:
    """Return X (n, d) on the scale of ``rows``; arithmetic depends on which these are, no result does."""
    trained = X if rows.all() else X[rows]
    # Rounded to X's own type before it is subtracted: what is left is then exact, whatever the offset.
    shift = trained.mean(axis=0, dtype=np.float64).astype(X.dtype)
    centred = X - shift
    unit = power_units(np.maximum(centred.max(axis=0, initial=0.0), -centred.min(axis=0, initial=0.0)))
    if (unit != 1).any():
        centred /= unit.astype(X.dtype)
    centred = centred.astype(dtype, copy=False)
    own = centred if rows.all() else centred[rows]
    share = np.full(len(own), 1 / len(own), dtype=own.dtype)
    mean = share @ own
    scale = np.sqrt(np.maximum(share @ np.square(own) - np.square(mean), 0))
    scale[scale == 0] = 1.0
    centred /= scale
    return Columns(
        values=torch.as_tensor(centred, device=device),
        shift=shift.astype(np.float64),
        scale=scale.astype(np.float64) * unit,
    )


def power_units(peak: FloatArray) -> FloatArray:
    """Return a power of two per column (d,): 1, or what brings an extreme column near 1, so that squares fit.

    Division by it is exact, so columns of usual size stay what they are to the last bit.

    Parameters
    ----------
    peak : (d,) largest absolute value of each column.
    """
    peak = peak.astype(np.float64)
    is_extreme = (peak > 2.0**40) | ((peak > 0) & (peak < 2.0**-40))
    return np.where(is_extreme, np.exp2(np.floor(np.log2(np.where(peak > 0, peak, 1.0)))), 1.0)


def fit_scalers(columns: Columns, weights: FloatArray, *, standardize: bool) -> Scalers:
    """Return the weighted mean and deviation of each of T sets of weights.

    Parameters
    ----------
    weights : (T, n) float64 that sum to one in each row; zero keeps a row of X out.
    """
    values = columns.values.cpu().numpy()
    precision = torch.finfo(columns.values.dtype).eps
    typed = weights.astype(values.dtype)
    mean = (typed @ values).astype(np.float64)
    power = (typed @ np.square(values)).astype(np.float64)
    spread = power - mean**2
    # Where the difference of two large numbers is small, it is made again from small ones.
    is_lost = spread < max(1e-6, 1e5 * precision) * power
    for row in np.flatnonzero(is_lost.any(axis=1)):
        lost = np.flatnonzero(is_lost[row])
        part = values[:, lost].astype(np.float64)
        mean[row, lost] = weights[row] @ part
        spread[row, lost] = weights[row] @ np.square(part - mean[row, lost])
    # A column that is constant up to the rounding of its own values is constant.
    rounding = 8 * precision * np.sqrt(np.maximum(power, mean**2))
    deviation = np.where(spread > rounding**2, np.sqrt(np.maximum(spread, 0)), np.inf)
    if not standardize:
        deviation = np.where(np.isfinite(deviation), 1 / columns.scale, np.inf)
    trace = (np.maximum(spread, 0) / np.square(deviation)).sum(axis=1)
    return Scalers(mean=mean, deviation=deviation, trace=trace)


def leading_directions(values: Tensor, *, n: int) -> tuple[Tensor, Tensor]:
    """Return the leading eigenvectors (d, k) and eigenvalues (k,) of the second moments of values (rows, d).

    Exact for d up to 128, else by subspace iteration (Halko et al. 2011, arXiv:0909.4061, algorithm 4.4),
    which is all that a preconditioner needs.
    """
    rows, d = values.shape
    if d <= 128:
        eigenvalues, vectors = torch.linalg.eigh(values.T @ values / rows)
        return vectors.flip(1), eigenvalues.flip(0).clamp_min(0)
    generator = torch.Generator(device=values.device).manual_seed(0)
    k = min(n, d, rows)
    basis = torch.randn(d, k, generator=generator, device=values.device, dtype=values.dtype)
    for _ in range(2):
        basis = torch.linalg.qr(values.T @ (values @ basis)).Q
    small = values @ basis
    eigenvalues, turn = torch.linalg.eigh(small.T @ small / rows)
    return basis @ turn.flip(1), eigenvalues.flip(0).clamp_min(0)
