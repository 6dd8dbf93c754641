"""The family of networks: every task of a site trained in one batch."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray, Layers
from unsinter.probes.families.family import Conditions
from unsinter.probes.families.linear import with_every_class
from unsinter.probes.mlp.batch import fit_mlps
from unsinter.probes.mlp.job import MLPSettings
from unsinter.probes.relu_layers import relu_scores
from unsinter.probes.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkFit:
    """One trained network: the same at every penalty, of which it has none."""

    scores: FloatArray
    converged: NDArray[np.bool_]
    network: Layers

    def layers(self, index: int) -> Layers:
        """Return the maps on raw activations."""
        return self.network


class NetworkSolver:
    """Train the networks of all tasks in one batch; each as if it were alone, up to rounding.

    Parameters
    ----------
    X : (n_examples, d_model) activations.
    conditions : groups and seed of the fit, components read, and settings by the names of ``MLPSettings``.
    """

    def __init__(self, X: FloatArray, conditions: Conditions) -> None:
        self.X = X if X.dtype in (np.float32, np.float64) else X.astype(np.float64)
        self.conditions = conditions
        self.settings = MLPSettings(**dict(conditions.choices), n_components=conditions.components or None)

    def fit(self, tasks: Sequence[Task], penalties: Sequence[float]) -> list[NetworkFit]:
        """Return one fit per task; penalties only say how often its scores are asked for."""
        present = [np.unique(np.asarray(task.codes)[task.trains]) for task in tasks]
        networks = fit_mlps(
            self.X,
            [_of_present(task, known) for task, known in zip(tasks, present, strict=True)],
            self.settings,
            [self.conditions.seed],
            groups=self.conditions.groups,
        )
        fits = []
        for task, known, network in zip(tasks, present, networks, strict=True):
            layers = _with_every_class(tuple(network.layers), known, task.n_classes)
            scores = np.stack([relu_scores(self.X, layers)] * len(penalties))
            fits.append(
                NetworkFit(scores=scores, converged=np.ones(len(penalties), dtype=bool), network=layers)
            )
        return fits


def _of_present(task: Task, known: NDArray[np.intp]) -> Task:
    """Return the task of the classes that have training rows: the first prefixes of a code lack some."""
    codes = np.where(task.trains, np.searchsorted(known, task.codes), -1)
    return Task(codes=codes, n_classes=len(known), weights=task.row_weights)


def _with_every_class(layers: Layers, known: NDArray[np.intp], n_classes: int) -> Layers:
    """Return layers with an output per class; a class without training rows scores minus infinity."""
    if n_classes == 2 or len(known) == n_classes:
        return layers
    weight, bias = (np.asarray(part) for part in layers[-1])
    return (*layers[:-1], with_every_class(weight, bias, known=known, n_classes=n_classes))
