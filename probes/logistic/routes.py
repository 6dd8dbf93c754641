"""Which space each fit of a call is solved in, and the solving."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unsinter.probes.arrays import BoolArray, FloatArray
from unsinter.probes.logistic.fits import Fits
from unsinter.probes.logistic.penalty_path import Stop, solve_path
from unsinter.probes.logistic.shared_scale import costs, is_hopeless, quick_excess, shared_deviation
from unsinter.probes.logistic.solution import Solution, WeightFrame
from unsinter.probes.logistic.spaces import LeadingDirections, RowSpace, WeightSpace
from unsinter.probes.logistic.stopping import Stopping
from unsinter.probes.logistic.vectors import Vectors, product
from unsinter.probes.scaling import Columns, leading_directions

N_DIRECTIONS = 64
"""Leading directions that the preconditioner knows; with 32, 128 or 256 there is more to do."""

_ITERATIONS = 3
"""Products per fit and penalty on a path of penalties, by which the two spaces are compared."""

_GRAM_SPEED = 2.0
"""How much faster a Gram matrix is made, per operation, than the narrow products of the iterations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What one call asks of all its fits.

    Attributes
    ----------
    directions : makes the leading ones of the columns' training rows, for fits in the space of weights.
    shares_scale : whether fits on nearly the same rows may share one scale.
    """

    columns: Columns
    penalties: Sequence[float]
    stopping: Stopping
    directions: Callable[[], LeadingDirections]
    shares_scale: bool = True


def pays(n_rows: int, d: int, *, n_products: int) -> bool:
    """Whether fits take fewer operations in the space of n rows, Gram matrix included, than of weights.

    Where products are many this is n < 2 d.
    """
    return n_rows * (d / _GRAM_SPEED + 2 * n_products) < 4 * n_products * d


def solve(fits: Fits, call: Call) -> list[Solution]:
    """Return the solution of each fit, in their order.

    Fits on nearly the same rows share one scale and one Gram matrix, unless that may cost one of them more
    than a share of the tolerance: it is then solved in its own scale.
    """
    alike = _alike(fits, call) if call.shares_scale else np.empty(0, dtype=np.intp)
    solutions = {
        place: solution
        for place, solution in _in_rows(fits, alike, call).items()
        if solution.is_scale_good(call.stopping)
    }
    rest = np.array([i for i in range(len(fits.tasks)) if i not in solutions], dtype=np.intp)
    others = []
    for rule in np.unique(fits.rule[rest]):
        places = rest[fits.rule[rest] == rule]
        if _pays(fits, places, call):
            solutions |= _in_rows(fits, places, call)
        else:
            others.append(places)
    if others:
        solutions |= _in_weights(fits, np.concatenate(others), call)
    return [solutions[i] for i in range(len(fits.tasks))]


def _alike(fits: Fits, call: Call) -> NDArray[np.intp]:
    """Return the fits that one scale will likely do for, if their row space pays."""
    places = np.arange(len(fits.tasks))
    while len(places) and _pays(fits, places, call):
        deviation = fits.scalers.deviation[places]
        cost = costs(deviation, shared_deviation(deviation))
        hopeless = is_hopeless(cost, tolerance=call.stopping.tolerance)
        if not hopeless.any():
            return places
        places = places[~hopeless]
    return places[:0]


def _pays(fits: Fits, places: NDArray[np.intp], call: Call) -> bool:
    n_rows = int(np.any(fits.weights[places] > 0, axis=0).sum())
    n_products = _ITERATIONS * len(call.penalties) * int(fits.n_columns[places].sum())
    return pays(n_rows, call.columns.values.shape[1], n_products=n_products)


def _in_rows(fits: Fits, places: NDArray[np.intp], call: Call) -> dict[int, Solution]:
    """Solve fits in the row space of the mean of their scales."""
    if not len(places):
        return {}
    places = fits.sorted(places)
    own, columns = fits.pick(places), call.columns
    rows = np.flatnonzero(own.trains)
    deviation, mean = shared_deviation(own.scalers.deviation), own.scalers.mean.mean(axis=0)
    scaled = _rows_of(columns.values, rows) - _like(mean, columns)
    scaled *= _like(1 / deviation, columns)
    gram = product(scaled, scaled.T)
    losses = own.losses(rows, scaled)
    trace = torch.cat([block.weights @ gram.diagonal() for block in losses.blocks]).double()
    space = RowSpace(gram, n_directions=N_DIRECTIONS)
    stops = solve_path(losses, space, call.penalties, trace=trace, stopping=call.stopping)
    cost = costs(own.scalers.deviation, deviation)
    quick = quick_excess(own, cost, scaled, stops) if cost.any() else np.zeros((len(places), len(stops)))
    frame = WeightFrame(
        columns=columns,
        rows=rows,
        rest=cache(partial(_rest_of, columns.values, rows)),
        values=scaled,
        inverse=1 / deviation,
        mean=mean,
    )
    return _solutions(own, places, stops, [frame] * len(places), (cost, quick))


def _in_weights(fits: Fits, places: NDArray[np.intp], call: Call) -> dict[int, Solution]:
    """Solve fits in the space of weights, each in its own scale."""
    places = fits.sorted(places)
    own, columns = fits.pick(places), call.columns
    rows = np.flatnonzero(own.trains)
    values = _rows_of(columns.values, rows)
    losses = own.losses(rows, values)
    inverse = 1 / own.scalers.deviation
    owner = losses.owner.cpu().numpy()
    space = WeightSpace(
        values, _like(own.scalers.mean[owner], columns), _like(inverse[owner], columns), call.directions()
    )
    trace = torch.as_tensor(own.scalers.trace, device=values.device)
    stops = solve_path(losses, space, call.penalties, trace=trace, stopping=call.stopping)
    rest = cache(partial(_rest_of, columns.values, rows))
    frames = [
        WeightFrame(
            columns=columns, rows=rows, rest=rest, values=None, inverse=inverse[i], mean=own.scalers.mean[i]
        )
        for i in range(len(places))
    ]
    exact = np.zeros(own.scalers.mean.shape), np.zeros((len(places), len(stops)))
    return _solutions(own, places, stops, frames, exact)


def _solutions(
    own: Fits,
    places: NDArray[np.intp],
    stops: Sequence[Stop],
    frames: Sequence[WeightFrame],
    scale: tuple[FloatArray, FloatArray],
) -> dict[int, Solution]:
    edges = np.r_[0, np.cumsum(own.n_columns)].tolist()
    return {
        int(place): Solution(
            stops=stops,
            part=slice(edges[i], edges[i + 1]),
            place=i,
            frame=frames[i],
            classes=own.classes[i],
            n_classes=own.tasks[i].n_classes,
            deviation=own.scalers.deviation[i],
            cost=scale[0][i],
            quick_excess=scale[1][i],
        )
        for i, place in enumerate(places)
    }


def weight_directions(columns: Columns, rows: BoolArray) -> LeadingDirections:
    """Return leading directions of the columns on some rows (n,)."""
    vectors, eigenvalues = leading_directions(_rows_of(columns.values, np.flatnonzero(rows)), n=N_DIRECTIONS)
    basis = vectors.T.contiguous()
    return LeadingDirections(basis=Vectors(basis, basis), eigenvalues=eigenvalues)


def _rows_of(values: Tensor, rows: NDArray[np.intp]) -> Tensor:
    return values if len(rows) == len(values) else values[torch.as_tensor(rows, device=values.device)]


def _rest_of(values: Tensor, rows: NDArray[np.intp]) -> Tensor:
    is_rest = np.ones(len(values), dtype=bool)
    is_rest[rows] = False
    return values[torch.as_tensor(is_rest, device=values.device)]


def _like(array: FloatArray, columns: Columns) -> Tensor:
    return torch.as_tensor(array).to(columns.values)
