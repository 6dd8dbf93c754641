"""Forward, backward and AdamW steps of a stack of equally shaped networks, in batched products."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from unsinter.probes.mlp.inputs import Inputs
from unsinter.probes.mlp.job import Job, MLPSettings

_BETAS, _EPSILON = (0.9, 0.999), 1e-8


class NetworkStack:
    """Networks of the same shape, all parameters in one tensor ``flat`` (n_networks, n_parameters)."""

    def __init__(
        self, jobs: Sequence[Job], inputs: Sequence[Inputs], sizes: list[int], settings: MLPSettings
    ) -> None:
        self.settings = settings
        self.shapes = list(pairwise(sizes))
        self.generators = [torch.Generator().manual_seed(job.seed) for job in jobs]
        self.flat = torch.stack([_initial(self.shapes, g) for g in self.generators])
        self.decayed = torch.cat([torch.cat([torch.ones(a * b), torch.zeros(b)]) for a, b in self.shapes])
        self.first, self.second = torch.zeros_like(self.flat), torch.zeros_like(self.flat)
        self.steps = torch.zeros(len(jobs))
        tables = list({id(part): part for part in inputs}.values())
        offsets = np.cumsum([0, *[len(part.values) for part in tables]])
        self.values = torch.cat([part.values for part in tables])
        start = {id(part): int(at) for part, at in zip(tables, offsets[:-1], strict=True)}
        self.training = [
            _rows(job, part, start[id(part)], False) for job, part in zip(jobs, inputs, strict=True)
        ]
        self.checking = [
            _rows(job, part, start[id(part)], True) for job, part in zip(jobs, inputs, strict=True)
        ]

    def keep(self, kept: torch.Tensor) -> None:
        """Go on with the networks of the mask ``kept`` (n_networks,)."""
        for name in ("flat", "first", "second", "steps"):
            setattr(self, name, getattr(self, name)[kept])
        for name in ("generators", "training", "checking"):
            setattr(self, name, [x for x, stays in zip(getattr(self, name), kept, strict=True) if stays])

    def epoch(self) -> None:
        """Take one pass over every network's own training rows, in its own random order."""
        size = self.settings.batch_size
        batches = []
        for rows, generator in zip(self.training, self.generators, strict=True):
            order = torch.randperm(len(rows[0]), generator=generator)
            parts = torch.tensor_split(order, -(-len(order) // size))
            batches.append([tuple(column[part] for column in rows) for part in parts])
        for step in range(max(map(len, batches))):
            members = [k for k, own in enumerate(batches) if step < len(own)]
            self._update(members, [batches[k][step] for k in members])

    def validation_loss(self) -> torch.Tensor:
        """Return the weighted mean log loss of the validation rows (n_networks,), nats."""
        index, codes, weights = _padded(self.checking)
        logits = self._forward(self.flat, self.values[index], None)[-1]
        losses = _losses(logits, codes)
        return (losses * weights).sum(1) / weights.sum(1)

    def unpacked(self, row: torch.Tensor) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
        """Return weight (n_out, n_in) and bias (n_out,) of every layer of one row of parameters."""
        return [(w[0].T.double().numpy(), b[0, 0].double().numpy()) for w, b in self._views(row[None])]

    def _views(self, flat: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        views, at = [], 0
        for a, b in self.shapes:
            weight = flat[:, at : at + a * b].view(-1, a, b)
            views.append((weight, flat[:, at + a * b : at + (a + 1) * b].unsqueeze(1)))
            at += (a + 1) * b
        return views

    def _forward(
        self, flat: torch.Tensor, X: torch.Tensor, masks: list[torch.Tensor] | None
    ) -> list[torch.Tensor]:
        outputs = [X]
        views = self._views(flat)
        for k, (weight, bias) in enumerate(views):
            hidden = torch.baddbmm(bias, outputs[-1], weight)
            if k < len(views) - 1:
                hidden = hidden.relu_()
                if masks:
                    hidden *= masks[k]
            outputs.append(hidden)
        return outputs

    def _update(self, members: list[int], rows: list[tuple[torch.Tensor, ...]]) -> None:
        everyone = len(members) == len(self.flat)
        at = slice(None) if everyone else torch.tensor(members)
        flat = self.flat[at]
        index, codes, weights = _padded(rows)
        sizes = torch.tensor([float(len(own[0])) for own in rows])
        masks = self._masks(members, [len(own[0]) for own in rows], index.shape[1])
        outputs = self._forward(flat, self.values[index], masks)
        slope = _slope(outputs[-1], codes) * (weights / sizes[:, None])[..., None]
        gradient = self._backward(flat, outputs, slope, masks)
        self.steps[at] += 1
        first, second, steps = self.first[at], self.second[at], self.steps[at][:, None]
        first.lerp_(gradient, 1 - _BETAS[0])
        second.lerp_(gradient.square_(), 1 - _BETAS[1])
        rate = self.settings.learning_rate
        root = (second / (1 - _BETAS[1] ** steps)).sqrt_().add_(_EPSILON)
        flat.mul_(1 - rate * self.settings.weight_decay * self.decayed)
        flat.sub_(first / root * (rate / (1 - _BETAS[0] ** steps)))
        if not everyone:
            self.flat[at], self.first[at], self.second[at] = flat, first, second

    def _backward(
        self,
        flat: torch.Tensor,
        outputs: list[torch.Tensor],
        slope: torch.Tensor,
        masks: list[torch.Tensor] | None,
    ) -> torch.Tensor:
        gradient = torch.empty_like(flat)
        into, views = self._views(gradient), self._views(flat)
        for k in reversed(range(len(views))):
            into[k][0].copy_(outputs[k].transpose(1, 2) @ slope)
            into[k][1].copy_(slope.sum(1, keepdim=True))
            if k:
                slope = slope @ views[k][0].transpose(1, 2)
                slope = torch.ops.aten.threshold_backward(slope, outputs[k], 0)
                if masks:
                    slope *= masks[k - 1]
        return gradient

    def _masks(self, members: list[int], sizes: list[int], longest: int) -> list[torch.Tensor] | None:
        dropped = self.settings.dropout
        if not dropped:
            return None
        masks = []
        for _, width in self.shapes[:-1]:
            mask = torch.zeros(len(members), longest, width)
            for k, (member, size) in enumerate(zip(members, sizes, strict=True)):
                torch.rand(size, width, generator=self.generators[member], out=mask[k, :size])
            masks.append((mask >= dropped).float().div_(1 - dropped))
        return masks


def _losses(logits: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Return log losses (n_networks, n_rows), nats; one output is the log-odds of code 1."""
    if logits.shape[2] == 1:
        return torch.nn.functional.softplus(logits[..., 0] * (1 - 2 * codes))
    return -torch.log_softmax(logits, dim=2).gather(2, codes[..., None])[..., 0]


def _slope(logits: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
    """Return the slope of the log loss in every logit."""
    if logits.shape[2] == 1:
        return logits.sigmoid() - codes[..., None]
    return torch.softmax(logits, dim=2).scatter_add_(
        2, codes[..., None], logits.new_full((*codes.shape, 1), -1.0)
    )


def _initial(shapes: list[tuple[int, int]], generator: torch.Generator) -> torch.Tensor:
    """Return He-scaled weights and zero biases of one network (n_parameters,)."""
    parts = []
    for a, b in shapes:
        parts += [torch.randn(a * b, generator=generator) * (2 / a) ** 0.5, torch.zeros(b)]
    parts[-2] = parts[-2] * 0.5
    return torch.cat(parts)


def _rows(job: Job, inputs: Inputs, start: int, validating: bool) -> tuple[torch.Tensor, ...]:
    """Return positions in the table, codes and weights (mean 1) of training or of validation rows."""
    held_back = job.validation[inputs.rows]
    mine = held_back if validating and held_back.any() else ~held_back
    rows = inputs.rows[mine]
    weights = job.task.row_weights[rows]
    return (
        torch.from_numpy(np.flatnonzero(mine) + start),
        torch.from_numpy(np.asarray(job.task.codes, dtype=np.int64)[rows]),
        torch.from_numpy((weights / weights.mean()).astype(np.float32)),
    )


def _padded(rows: list[tuple[torch.Tensor, ...]]) -> tuple[torch.Tensor, ...]:
    """Return index, codes and weights as (n_networks, longest); padding has weight zero."""
    pad = torch.nn.utils.rnn.pad_sequence
    return tuple(pad([own[k] for own in rows], batch_first=True) for k in range(3))
