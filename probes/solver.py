"""Every penalty, fold and target of one layer in shared matrix products: L2-penalised logistic fits."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, as_tensor

from unsinter.probes.arrays import FloatArray, Layers
from unsinter.probes.penalty_path import Path, Stopping, solve_path
from unsinter.probes.plain_arrays import plain_array
from unsinter.probes.scaling import Columns, fit_scalers, leading_directions, shift_and_scale
from unsinter.probes.tasks import Task

_DIRECTIONS = 64
"""Leading directions that the preconditioner knows where d is above 128."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridFit:
    """One task at every penalty.

    Attributes
    ----------
    penalties : (P,).
    objective : (P,) nats; weighted mean log loss + penalty / 2 x |standardised weights|^2.
    n_iter : (P,) iterations used.
    converged : (P,).
    scores : (P, n) log-odds of class 1 for two classes, else (P, n, n_classes) logits, of ALL rows of X.
    """

    penalties: FloatArray
    objective: FloatArray
    n_iter: NDArray[np.intp]
    converged: NDArray[np.bool_]
    scores: FloatArray
    path: Path
    row: int

    def weights(self, index: int) -> tuple[FloatArray, FloatArray]:
        """Return coef (1 | n_classes, d) and intercept (1 | n_classes,) at penalty ``index``, float64.

        They act on raw activations. A class without training rows has weights 0 and intercept minus infinity.
        """
        return self.path.weights(self.row, index)

    def layers(self, index: int) -> Layers:
        """Return the one affine map of a linear probe at penalty ``index`` (see ``weights``)."""
        return (self.weights(index),)


class GridSolver:
    """Fit every task at every penalty on one layer's activations.

    The objective of a fit is its weighted mean log loss plus penalty / 2 x the squared weights, in units of
    the columns' weighted deviation over the task's own training rows; the intercept is not penalised. That is
    scikit-learn's ``LogisticRegression`` after ``StandardScaler`` with C = 1 / (penalty x sum of weights).

    Parameters
    ----------
    X : (n, d) activations, of any float dtype.
    device : a torch device.
    dtype : of the products, "float32" or "float64"; sums and scalers are float64 in both.
    standardize : False leaves columns in their own units.

    Raises
    ------
    ValueError : X is not a matrix, or holds NaN or inf. TypeError : X holds no real numbers.
    """

    def __init__(
        self,
        X: FloatArray | Tensor,
        *,
        device: str = "cpu",
        dtype: Literal["float32", "float64"] = "float32",
        standardize: bool = True,
    ) -> None:
        self.X = plain_array(X, name="X")
        if self.X.dtype.kind not in "biuf":
            raise TypeError(f"X must hold numbers, got {self.X.dtype}.")
        if self.X.ndim != 2:
            raise ValueError(f"X must be (n_examples, d_model), got shape {self.X.shape}.")
        if not np.isfinite(self.X).all():
            raise ValueError("X holds NaN or inf; extract those rows again or leave them out.")
        if self.X.dtype not in (np.float32, np.float64):
            self.X = self.X.astype(np.float32 if self.X.dtype.kind == "f" else np.float64)
        self.device, self.dtype, self.standardize = device, dtype, standardize
        self._ready: tuple[bytes, Columns, tuple[Tensor, Tensor]] | None = None

    def fit(
        self,
        tasks: Sequence[Task],
        penalties: Sequence[float],
        *,
        tolerance: float = 3e-5,
        max_iter: int = 300,
    ) -> list[GridFit]:
        """Return one fit per task, each at every penalty.

        ``tolerance`` is the relative distance from the least objective at which a fit counts as converged.
        Numbers do not depend on which tasks share a call, up to that tolerance.

        Raises
        ------
        ValueError : a penalty that is not above zero, or a task of another length than X.
        """
        penalties = [float(p) for p in penalties]
        if not penalties or not all(p > 0 and np.isfinite(p) for p in penalties):
            raise ValueError(f"penalties must be above zero, got {penalties}.")
        for task in tasks:
            if len(task.codes) != len(self.X):
                raise ValueError(f"a task has {len(task.codes)} rows, X has {len(self.X)}.")
        columns, directions = self._columns(tasks)
        scalers = fit_scalers(columns, tasks, standardize=self.standardize)
        by_classes: dict[int, list[int]] = defaultdict(list)
        for place, task in enumerate(tasks):
            by_classes[task.n_classes].append(place)
        fits: dict[int, GridFit] = {}
        for places in by_classes.values():
            path = solve_path(
                [tasks[i] for i in places],
                penalties,
                columns,
                scalers.pick(places),
                directions,
                stopping=Stopping(tolerance=tolerance, max_iter=max_iter),
            )
            fits |= {place: _grid_fit(path, row, penalties) for row, place in enumerate(places)}
        return [fits[place] for place in range(len(tasks))]

    def _columns(self, tasks: Sequence[Task]) -> tuple[Columns, tuple[Tensor, Tensor]]:
        """Return X on the scale of the rows that train any task; made anew when these rows change."""
        rows = np.any([task.trains for task in tasks], axis=0)
        if self._ready is None or self._ready[0] != rows.tobytes():
            columns = shift_and_scale(self.X, rows, device=self.device, dtype=self.dtype)
            trained = columns.values[as_tensor(rows, device=self.device)]
            self._ready = (rows.tobytes(), columns, leading_directions(trained, n=_DIRECTIONS))
        return self._ready[1], self._ready[2]


def _grid_fit(path: Path, row: int, penalties: Sequence[float]) -> GridFit:
    return GridFit(
        penalties=np.array(penalties),
        objective=path.objective[row],
        n_iter=path.n_iter[row],
        converged=path.converged[row],
        scores=path.scores[row],
        path=path,
        row=row,
    )
