"""Every penalty, fold and target of one layer in shared matrix products: L2-penalised logistic fits."""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unsinter.probes.arrays import FloatArray, Layers
from unsinter.probes.logistic.fits import Fits
from unsinter.probes.logistic.routes import Call, solve, weight_directions
from unsinter.probes.logistic.solution import Solution
from unsinter.probes.logistic.spaces import LeadingDirections
from unsinter.probes.logistic.stopping import Stopping, usual_tolerance
from unsinter.probes.plain_arrays import plain_array
from unsinter.probes.scaling import Columns, shift_and_scale
from unsinter.probes.tasks import Task


class GridFit:
    """One task at every penalty.

    Attributes
    ----------
    penalties : (P,).
    n_iter : (P,) iterations used.
    converged : (P,).
    """

    def __init__(self, solution: Solution) -> None:
        self._solution = solution
        stops, place = solution.stops, solution.place
        self.penalties: FloatArray = np.array([stop.penalty for stop in stops])
        self.n_iter: NDArray[np.intp] = np.array([int(stop.n_iter[place]) for stop in stops])
        self.converged: NDArray[np.bool_] = np.array([bool(stop.converged[place]) for stop in stops])

    @property
    def objective(self) -> FloatArray:
        """Weighted mean log loss + penalty / 2 x |standardised weights|^2 (P,), nats."""
        return self._solution.objective

    @property
    def certificate(self) -> FloatArray:
        """Bound (P,) on how far the objective is above its least, as a share of the objective.

        It holds the gap of the solver, and what a scale shared with the other tasks of the call may cost.
        """
        return self._solution.certificate

    @property
    def scores(self) -> FloatArray:
        """Log-odds of class 1 (P, n) for two classes, else logits (P, n, n_classes), of ALL rows of X."""
        return self._solution.scores

    def weights(self, index: int) -> tuple[FloatArray, FloatArray]:
        """Return coef (1 | n_classes, d) and intercept (1 | n_classes,) at penalty ``index``, float64.

        They act on raw activations. A class without training rows has weights 0 and intercept minus infinity.
        """
        return self._solution.weights(index)

    def layers(self, index: int) -> Layers:
        """Return the one affine map of a linear probe at penalty ``index`` (see ``weights``)."""
        return (self.weights(index),)


class GridSolver:
    """Fit every task at every penalty on one layer's activations.

    The objective of a fit is its weighted mean log loss plus penalty / 2 x the squared weights, in units of
    the columns' weighted deviation over the task's own training rows; the intercept is not penalised. That is
    scikit-learn's ``LogisticRegression`` after ``StandardScaler`` with C = 1 / (penalty x sum of weights).

    Tasks of a call that train on nearly the same rows (folds) may be solved in one scale, that of the rows
    that train any of them, where a bound on what it costs each is a small part of the tolerance
    (``GridFit.certificate`` holds it). Rows that train no task of the call enter nothing.

    Parameters
    ----------
    X : (n, d) activations, of any float dtype.
    device : a torch device.
    dtype : of the products, "float32" or "float64"; sums and scalers are float64 in both.
    standardize : False leaves columns in their own units.

    Raises
    ------
    ValueError : X is not a matrix, or holds NaN or inf.
    TypeError : X holds no real numbers.
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
        self._ready: tuple[bytes, Columns, Callable[[], LeadingDirections]] | None = None

    def fit(
        self,
        tasks: Sequence[Task],
        penalties: Sequence[float],
        *,
        tolerance: float | None = None,
        max_iter: int = 300,
        shares_scale: bool = True,
    ) -> list[GridFit]:
        """Return one fit per task, each at every penalty.

        ``tolerance`` bounds the relative distance from the least objective at which a fit has converged;
        below a penalty of 1e-2 it grows as one over the root of the penalty, at most ten times. A fit goes on
        until the bound is below ``tolerance`` of what was gained over the intercepts, too. None: 1e-3, and
        less of few rows, see ``usual_tolerance``. Numbers do not depend on which tasks share a call, up to
        that tolerance. ``shares_scale=False`` is for tasks that are scored on rows which train another task
        of the call: each is then solved in its own scale.

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
        fits = Fits.of(tasks, columns, standardize=self.standardize)
        if tolerance is None:
            tolerance = usual_tolerance(int(fits.trains.sum()))
        stopping = Stopping(tolerance=tolerance, max_iter=max_iter)
        call = Call(
            columns=columns,
            penalties=penalties,
            stopping=stopping,
            directions=directions,
            shares_scale=shares_scale,
        )
        return [GridFit(solution) for solution in solve(fits, call)]

    def _columns(self, tasks: Sequence[Task]) -> tuple[Columns, Callable[[], LeadingDirections]]:
        """Return X on the scale of the rows that train any task; made anew when these rows change."""
        rows = np.any([task.trains for task in tasks], axis=0)
        if self._ready is None or self._ready[0] != rows.tobytes():
            columns = shift_and_scale(self.X, rows, device=self.device, dtype=self.dtype)
            self._ready = (rows.tobytes(), columns, cache(partial(weight_directions, columns, rows)))
        return self._ready[1], self._ready[2]
