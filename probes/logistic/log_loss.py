"""Log loss of many logistic fits at once, exact where rows are classified well."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import softplus

from unsinter.probes.logistic.vectors import inner

_SMALLEST = 1e-30
"""Stands for a weight of zero where weights divide what they multiply."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """B fits that stand side by side and have equally many columns of logits.

    Attributes
    ----------
    n_columns : 1 for two classes (log-odds of class 1), else one per class that has training rows.
    fits, rows : which fits these are, and their n_columns x B rows of all logits.
    codes : (B, n) class of each row among those; any class where the weight is zero.
    weights : (B, n) that sum to one in each fit.
    sign : (B, n) 1 for class 1, else -1; of two classes only.
    """

    n_columns: int
    fits: slice
    rows: slice
    codes: Tensor
    weights: Tensor
    sign: Tensor

    @classmethod
    def of(cls, n_columns: int, codes: Tensor, weights: Tensor) -> "Block":
        """Return a block that is not placed among others yet."""
        sign = (2 * codes - 1).to(weights) if n_columns == 1 else weights
        nowhere = slice(0, 0)
        return cls(n_columns=n_columns, fits=nowhere, rows=nowhere, codes=codes, weights=weights, sign=sign)

    def view(self, flat: Tensor) -> Tensor:
        """Return the part of (n_rows, m) that is of these fits, (B, n_columns, m)."""
        return flat[self.rows].view(-1, self.n_columns, flat.shape[1])

    def narrowed(self, fits: slice) -> "Block | None":
        """Return the fits of the range that are in this block, counted from the range's start."""
        low, high = max(self.fits.start, fits.start), min(self.fits.stop, fits.stop)
        if low >= high:
            return None
        own = slice(low - self.fits.start, high - self.fits.start)
        return replace(
            self, fits=slice(low, high), codes=self.codes[own], weights=self.weights[own], sign=self.sign[own]
        )


class LogLoss:
    """Weighted mean log loss (nats) of T fits, as a function of their logits.

    Logits and gradients are (R, n): the columns of the first fit, then those of the second, ...

    Parameters
    ----------
    blocks : in the order of the fits.
    """

    def __init__(self, blocks: Sequence[Block]) -> None:
        placed, row, fit = [], 0, 0
        for block in blocks:
            n_fits = len(block.codes)
            rows = slice(row, row + n_fits * block.n_columns)
            placed.append(replace(block, fits=slice(fit, fit + n_fits), rows=rows))
            row, fit = rows.stop, fit + n_fits
        self.blocks = placed
        device = placed[0].codes.device
        columns = torch.tensor([b.n_columns for b in placed for _ in range(len(b.codes))])
        self.edges = [0, *columns.cumsum(0).tolist()]
        self.owner = torch.arange(fit).repeat_interleave(columns).to(device)
        self.n_fits = fit
        # Of softmax gradients, which sum to zero over classes, the last follows from the others.
        last = torch.tensor(self.edges[1:]) - 1
        self.is_free = torch.ones(row, dtype=torch.bool).index_fill(0, last[columns > 1], False).to(device)
        self.curvature = torch.where(columns > 1, 0.5, 0.25).double().to(device)

    def narrowed(self, fits: slice) -> "LogLoss":
        """Return the loss of a range of fits."""
        parts = [block.narrowed(fits) for block in self.blocks]
        return LogLoss([part for part in parts if part is not None])

    def rows(self, fits: slice) -> slice:
        """Return the rows of a range of fits."""
        return slice(self.edges[fits.start], self.edges[fits.stop])

    def sums(self, by_row: Tensor) -> Tensor:
        """Return sums over the rows of each fit (T,) of values (R,)."""
        if len(self.owner) == self.n_fits:
            return by_row
        return by_row.new_zeros(self.n_fits).index_add_(0, self.owner, by_row)

    def spread(self, by_fit: Tensor) -> Tensor:
        """Return values (T,) as a column (R, 1)."""
        return by_fit[:, None] if len(self.owner) == self.n_fits else by_fit[self.owner][:, None]

    def dots(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the inner products (T,) of each fit's rows of two (R, m), float64."""
        return self.sums(inner(a, b)).double()

    def fill_last(self, flat: Tensor) -> None:
        """Set the last row of each softmax in (R, m) so that its rows sum to zero."""
        for block in self.blocks:
            if block.n_columns > 1:
                parts = block.view(flat)
                torch.sum(parts[:, :-1], dim=1, out=parts[:, -1]).neg_()

    def value_and_gradient(self, logits: Tensor, gradient: Tensor) -> Tensor:
        """Return nats per fit (T,) float64, and write the derivative by the logits into ``gradient``."""
        values = []
        for block in self.blocks:
            Z, G = block.view(logits), block.view(gradient)
            values.append(_binary(block, Z[:, 0], G[:, 0]) if block.n_columns == 1 else _softmax(block, Z, G))
        return torch.cat(values)

    def hessian(self, gradient: Tensor, directions: Sequence[Tensor]) -> Tensor:
        """Return second derivatives (T, J, J) of the loss along J directions (R, n), from its gradient."""
        return torch.cat(
            [
                _block_hessian(block, block.view(gradient), [block.view(d) for d in directions])
                for block in self.blocks
            ]
        )

    def mean_square(self, logits: Tensor) -> Tensor:
        """Return the weighted mean over rows (T,) of squared logits, summed over columns; float64."""
        means = []
        for block in self.blocks:
            square = block.view(logits).square()
            means.append(inner(square[:, 0] if block.n_columns == 1 else square.sum(dim=1), block.weights))
        return torch.cat(means).double()

    def intercept_step(self, gradient: Tensor, slopes: Tensor) -> tuple[Tensor, Tensor]:
        """Return the Newton step of the intercepts (R,) and their least curvature (T,) float64.

        Parameters
        ----------
        slopes : (R,) derivative of the loss by the intercepts.
        """
        steps, least = [], []
        for block in self.blocks:
            own = slopes[block.rows].view(-1, block.n_columns).double()
            if block.n_columns == 1:
                curved = _binary_curvature(block, block.view(gradient)).sum(dim=1).double().clamp_min(1e-12)
                steps.append(own[:, 0] / curved)
                least.append(curved)
                continue
            H = _intercept_hessian(block, block.view(gradient))
            steps.append(torch.linalg.solve(H, own[..., None]).flatten())
            least.append(torch.linalg.eigvalsh(H)[:, 0])
        return torch.cat(steps).to(slopes), torch.cat(least)


def _binary(block: Block, z: Tensor, out: Tensor) -> Tensor:
    against = (z * block.sign).neg_()
    loss = against.abs().neg_().exp_().log1p_().add_(against.clamp_min(0))
    value = inner(loss, block.weights).double()
    torch.mul(against.sigmoid_().mul_(block.weights), block.sign, out=out).neg_()
    return value


def _softmax(block: Block, Z: Tensor, out: Tensor) -> Tensor:
    """Return values, by odds against the true class: exact where rows are classified well."""
    places = block.codes[:, None]
    torch.sub(Z, Z.gather(1, places), out=out).exp_()
    out.scatter_(1, places, 0.0)
    odds = out.sum(dim=1)
    value = inner(torch.log1p(odds), block.weights).double()
    if not bool(torch.isfinite(value).all()):
        return _far_softmax(block, Z, out)
    share = block.weights / (1 + odds)
    out.mul_(share[:, None]).scatter_(1, places, -(odds * share)[:, None])
    return value


def _far_softmax(block: Block, Z: Tensor, out: Tensor) -> Tensor:
    """Return the same where odds are beyond the largest float."""
    places = block.codes[:, None]
    others = Z.scatter(1, places, -torch.inf)
    against = torch.logsumexp(others, dim=1) - Z.gather(1, places)[:, 0]
    wrong = torch.sigmoid(against).mul_(block.weights)
    torch.mul(torch.softmax(others, dim=1), wrong[:, None], out=out)
    out.scatter_(1, places, -wrong[:, None])
    return (block.weights * softplus(against)).sum(dim=1, dtype=torch.float64)


def _weighted_shares(block: Block, G: Tensor) -> Tensor:
    """Return weight x probability (B, K, n) of each class, from the gradient."""
    return G.clone().scatter_add_(1, block.codes[:, None], block.weights[:, None])


def _binary_curvature(block: Block, G: Tensor) -> Tensor:
    """Return weight x p (1 - p) of each row (B, n)."""
    wrong = G[:, 0].abs()
    return (block.weights - wrong).clamp_min_(0).mul_(wrong).div_(block.weights.clamp_min(_SMALLEST))


def _block_hessian(block: Block, G: Tensor, directions: Sequence[Tensor]) -> Tensor:
    J = len(directions)
    H = torch.empty(len(G), J, J, dtype=torch.float64, device=G.device)
    if block.n_columns == 1:
        curved = _binary_curvature(block, G)
        scaled = [curved * d[:, 0] for d in directions]
        for i in range(J):
            for j in range(i, J):
                H[:, i, j] = H[:, j, i] = inner(scaled[i], directions[j][:, 0]).double()
        return H
    shares = _weighted_shares(block, G)
    scaled = [shares * d for d in directions]
    sums = [part.sum(dim=1) for part in scaled]
    inverse = 1 / block.weights.clamp_min(_SMALLEST)
    for i in range(J):
        for j in range(i, J):
            square = inner(scaled[i].flatten(1), directions[j].flatten(1))
            H[:, i, j] = H[:, j, i] = (square - inner(sums[i] * inverse, sums[j])).double()
    return H


def _intercept_hessian(block: Block, G: Tensor) -> Tensor:
    """Return (B, K, K) float64; along equal intercepts, which softmax does not see, a middling curvature."""
    shares = _weighted_shares(block, G)
    totals = shares.sum(dim=2, dtype=torch.float64)
    roots = shares / block.weights.clamp_min(_SMALLEST).sqrt()[:, None]
    H = torch.diag_embed(totals) - (roots @ roots.transpose(1, 2)).double()
    K = block.n_columns
    middling = H.diagonal(dim1=1, dim2=2).mean(dim=1).clamp_min(1e-12)[:, None, None]
    eye = torch.eye(K, dtype=torch.float64, device=G.device)
    return H + middling * (1.0 / K + 1e-9 * eye)
