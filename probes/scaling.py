"""Columns of X on one scale for the arithmetic, and each task's own scaler on top of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unsinter.probes.arrays import FloatArray
from unsinter.probes.tasks import Task


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
    """

    mean: FloatArray
    deviation: FloatArray

    def pick(self, tasks: Sequence[int]) -> "Scalers":
        """Return the scalers of some of the tasks."""
        places = list(tasks)
        return Scalers(mean=self.mean[places], deviation=self.deviation[places])


def shift_and_scale(X: FloatArray, rows: NDArray[np.bool_], *, device: str, dtype: str) -> Columns:
    """Return X (n, d) on the scale of ``rows``; arithmetic depends on which these are, no result does."""
    trained = X if rows.all() else X[rows]
    # Rounded to X's own type before it is subtracted: what is left is then exact, whatever the offset.
    shift = trained.mean(axis=0, dtype=np.float64).astype(X.dtype)
    centred = X - shift
    unit = power_units(np.abs(centred).max(axis=0, initial=0.0))
    if (unit != 1).any():
        centred = centred / unit
    values = torch.as_tensor(centred.astype(dtype), device=device)
    own = values if rows.all() else values[torch.as_tensor(rows, device=device)]
    scale = own.std(dim=0, correction=0)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    values /= scale
    own_units = scale.double().cpu().numpy()
    return Columns(values=values, shift=shift.astype(np.float64), scale=own_units * unit)


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


def fit_scalers(columns: Columns, tasks: Sequence[Task], *, standardize: bool) -> Scalers:
    """Return each task's weighted mean and deviation over its own training rows."""
    values = columns.values.double().cpu().numpy()
    weights = np.stack([task.row_weights for task in tasks])
    weights /= weights.sum(axis=1, keepdims=True)
    mean = weights @ values
    power = weights @ np.square(values)
    spread = power - mean**2
    # Where the difference of two large numbers is small, it is made again from small ones.
    for row, column in np.argwhere(spread < 1e-6 * power):
        spread[row, column] = weights[row] @ (values[:, column] - mean[row, column]) ** 2
    # A column that is constant up to the rounding of its own values is constant.
    rounding = 8 * torch.finfo(columns.values.dtype).eps * np.sqrt(power)
    deviation = np.where(spread > rounding**2, np.sqrt(np.maximum(spread, 0)), np.inf)
    if not standardize:
        deviation = np.where(np.isfinite(deviation), 1 / columns.scale, np.inf)
    return Scalers(mean=mean, deviation=deviation)


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
