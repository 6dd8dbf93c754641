"""Many small networks trained at once: every layer, fold and seed in one set of batched matrix products."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.mlp.inputs import Inputs, reduced_inputs, without_absent
from unsinter.probes.mlp.job import Job, MLPSettings
from unsinter.probes.mlp.linear_part import linear_map
from unsinter.probes.mlp.step import NetworkStack
from unsinter.probes.mlp.validation import validation_rows
from unsinter.probes.relu_layers import relu_scores
from unsinter.probes.tasks import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A trained network on raw activations: scaler and components are folded into the first layer.

    Attributes
    ----------
    layers : weight (n_out, n_in) and bias (n_out,) in float64, ReLU between; the last gives log-odds of
        class 1 (1 output) for two classes, else one logit per class. One alone where a linear map of all
        columns had a lower validation loss than the network on components.
    validation_loss : lowest validation loss, nats.
    """

    layers: list[tuple[FloatArray, FloatArray]] = field(repr=False)
    n_epochs: int
    validation_loss: float

    def scores(self, X: FloatArray) -> FloatArray:
        """Return log-odds of class 1 (n_examples,), or logits (n_examples, n_classes), in nats."""
        return relu_scores(X, self.layers)


def fit_mlps(
    X: FloatArray,
    tasks: Sequence[Task],
    settings: MLPSettings,
    seeds: Sequence[int],
    groups: LabelArray | None = None,
) -> list[Network]:
    """Train every layer x task x seed at once; return networks in that order, the seed fastest.

    A network's result does not depend, up to rounding, on what else is in the batch. Rows of weight zero and
    rows without a label have no influence. Runs on one thread.

    Parameters
    ----------
    X : (n_examples, d_model), or (n_layers, n_examples, d_model) for several layers.
    seeds : of initial weights, order of rows, dropout and the choice of validation rows.
    groups : (n_examples,); a group of rows trains or validates as a whole. None: every row is its own.

    Raises
    ------
    ValueError : a task or groups of another length than X; NaN or inf in a training row.
    """
    layers = X[None] if X.ndim == 2 else X
    if any(len(task.codes) != layers.shape[1] for task in tasks):
        lengths = sorted({len(task.codes) for task in tasks})
        raise ValueError(f"tasks must label each of {layers.shape[1]} rows of X, got lengths {lengths}.")
    share = settings.validation_fraction
    validation = {
        (at, seed): validation_rows(np.where(task.trains, task.codes, -1), groups, fraction=share, seed=seed)
        for at, task in enumerate(tasks)
        for seed in seeds
    }
    jobs = [
        Job(task=task, validation=validation[at, seed], seed=seed, layer=layer)
        for layer in range(len(layers))
        for at, task in enumerate(tasks)
        for seed in seeds
    ]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return train_networks(layers, jobs, settings)
    finally:
        torch.set_num_threads(threads)


def train_networks(X: FloatArray, jobs: Sequence[Job], settings: MLPSettings) -> list[Network]:
    """Train one network per job, each as if it were alone, up to rounding.

    Parameters
    ----------
    X : (n_examples, d_model), or (n_layers, n_examples, d_model).

    Raises
    ------
    ValueError : NaN or inf in a training row.
    """
    layers = X[None] if X.ndim == 2 else X
    seen: dict[tuple[int, bytes], Inputs] = {}
    inputs = []
    for job in jobs:
        fitted = job.task.trains & ~job.validation
        key = (job.layer, fitted.tobytes())
        if key not in seen:
            seen[key] = reduced_inputs(layers[job.layer], fitted, job.task.trains, settings.n_components)
        inputs.append(seen[key])
    networks: dict[int, Network] = {}
    shapes = [(job.task.n_classes, part.n_columns) for job, part in zip(jobs, inputs, strict=True)]
    for shape in sorted(set(shapes)):
        members = [k for k, own in enumerate(shapes) if own == shape]
        trained = _train_alike([jobs[k] for k in members], [inputs[k] for k in members], settings)
        networks.update(zip(members, trained, strict=True))
    return [
        _or_linear(networks[k], layers[job.layer], job, part)
        for k, (job, part) in enumerate(zip(jobs, inputs, strict=True))
    ]


def _train_alike(jobs: Sequence[Job], inputs: Sequence[Inputs], settings: MLPSettings) -> list[Network]:
    n_outputs = 1 if jobs[0].task.n_classes == 2 else jobs[0].task.n_classes
    stack = NetworkStack(
        jobs,
        inputs,
        [inputs[0].n_columns, *[settings.width] * settings.depth, n_outputs],
        settings,
    )
    best = stack.flat.clone()
    lowest = torch.full((len(jobs),), float("inf"))
    waited = torch.zeros(len(jobs), dtype=torch.long)
    epochs = torch.zeros(len(jobs), dtype=torch.long)
    alive = torch.arange(len(jobs))
    for _ in range(settings.max_epochs):
        stack.epoch()
        loss = stack.validation_loss()
        epochs[alive] += 1
        better = loss < lowest[alive] - 1e-4
        best[alive[better]] = stack.flat[better]
        lowest[alive[better]] = loss[better]
        waited[alive] = torch.where(better, 0, waited[alive] + 1)
        keep = waited[alive] < settings.patience
        if not keep.all():
            alive = alive[keep]
            stack.keep(keep)
        if not len(alive):
            break
    return [
        Network(
            layers=_folded(stack.unpacked(best[k]), part, job.task),
            n_epochs=int(epochs[k]),
            validation_loss=float(lowest[k]),
        )
        for k, (job, part) in enumerate(zip(jobs, inputs, strict=True))
    ]


def _or_linear(network: Network, X: FloatArray, job: Job, inputs: Inputs) -> Network:
    """Return the network, or the linear map that has a lower loss on the rows that stopped it."""
    linear = linear_map(X, job.task, job.validation, inputs)
    if linear is None or linear.loss >= network.validation_loss:
        return network
    layers = without_absent([(linear.weight, linear.bias)], job.task)
    return Network(layers=layers, n_epochs=network.n_epochs, validation_loss=linear.loss)


def _folded(
    layers: list[tuple[NDArray[np.float64], NDArray[np.float64]]], inputs: Inputs, task: Task
) -> list[tuple[FloatArray, FloatArray]]:
    """Return layers on raw activations; classes without training rows score minus infinity."""
    return without_absent([inputs.fold(*layers[0]), *layers[1:]], task)
