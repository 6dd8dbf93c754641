"""What a network sees: standardised training rows, reduced to their leading principal components."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from unsinter.probes.arrays import BoolArray, FloatArray
from unsinter.probes.scaling import power_units
from unsinter.probes.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Inputs of one set of training rows, and the map that made them.

    Attributes
    ----------
    rows : (n_rows,) indices of the rows held, training and validation.
    values : (n_rows, n_columns) float32; (x - mean) / scale @ basis
    mean, scale : (d_model,) float64, of the fitted rows.
    basis : (d_model, n_columns) float64 principal directions of standardised columns; None: all columns.
    """

    rows: NDArray[np.intp]
    values: torch.Tensor
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    basis: NDArray[np.float64] | None

    @property
    def n_columns(self) -> int:
        """Columns of ``values``."""
        return self.values.shape[1]

    def fold(
        self, weight: NDArray[np.float64], bias: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the first layer (n_out, n_columns), (n_out,) as one on raw activations."""
        raw = (weight if self.basis is None else weight @ self.basis.T) / self.scale
        return raw, bias - raw @ self.mean


def reduced_inputs(X: FloatArray, fitted: BoolArray, used: BoolArray, components: int | None) -> Inputs:
    """Return inputs of the ``used`` rows; scaler and components are those of the ``fitted`` rows alone."""
    rows = np.flatnonzero(used)
    rows_of_training = np.asarray(X[rows])
    own = fitted[rows]
    if not np.isfinite(rows_of_training).all():
        raise ValueError(
            f"X holds NaN or inf in training rows, first in row {_first_bad(rows_of_training, rows)}."
        )
    fine = rows_of_training.astype(np.promote_types(rows_of_training.dtype, np.float32), copy=False)
    unit = power_units(np.abs(fine).max(axis=0, initial=0.0))
    if (unit != 1).any():
        fine = (fine / unit).astype(fine.dtype)
    # The mean is rounded once, so that the folded first layer subtracts what training subtracted.
    mean = fine[own].mean(axis=0, dtype=np.float64).astype(fine.dtype)
    centred = fine - mean
    deviation = np.sqrt(np.einsum("ij,ij->j", centred[own], centred[own]) / own.sum())
    scale = np.where(deviation > 10 * np.finfo(np.float32).eps * np.abs(mean), deviation, 1.0)
    scale[scale == 0] = 1.0
    centred /= scale.astype(fine.dtype)
    Z = torch.from_numpy(centred.astype(np.float32, copy=False))
    mean, scale = mean.astype(np.float64) * unit, scale.astype(np.float64) * unit
    fitted_rows = Z[torch.from_numpy(own)]
    if components is None or components >= min(fitted_rows.shape):
        return Inputs(rows=rows, values=Z, mean=mean, scale=scale, basis=None)
    basis, size = leading_components(fitted_rows, components)
    values = (Z @ basis) / size
    return Inputs(rows=rows, values=values, mean=mean, scale=scale, basis=basis.double().numpy() / size)


def leading_components(Z: torch.Tensor, components: int) -> tuple[torch.Tensor, float]:
    """Return leading principal directions (d_model, components) of centred Z and their mean deviation.

    Randomised range finder, two power iterations (Halko et al. 2011, arXiv:0909.4061), always the same draw.
    """
    draw = torch.randn(
        Z.shape[1],
        min(components + 8, *Z.shape),
        generator=torch.Generator().manual_seed(0),
    )
    for _ in range(2):
        draw = torch.linalg.qr(Z.T @ (Z @ draw)).Q
    _, values, right = torch.linalg.svd(Z @ draw, full_matrices=False)
    size = float((values[:components].square().mean() / len(Z)).sqrt())
    return draw @ right[:components].T, max(size, 1e-12)


def without_absent(
    layers: list[tuple[FloatArray, FloatArray]], task: Task
) -> list[tuple[FloatArray, FloatArray]]:
    """Return layers whose classes without training rows score minus infinity."""
    if task.n_classes > 2:
        present = np.isin(np.arange(task.n_classes), np.asarray(task.codes)[task.trains])
        weight, bias = layers[-1]
        layers[-1] = (weight, np.where(present, bias, -np.inf))
    return layers


def _first_bad(values: FloatArray, rows: NDArray[np.intp]) -> int:
    return int(rows[np.flatnonzero(~np.isfinite(values).all(axis=1))[0]])
