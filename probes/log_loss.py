"""Log loss of many logistic fits at once, exact where rows are classified well."""

import torch
from torch import Tensor
from torch.nn.functional import softplus


class LogLoss:
    """Weighted log loss of B fits that share n_classes, as a function of their logits.

    Two classes have one column of logits, the log-odds of class 1; K > 2 classes have K columns.

    Parameters
    ----------
    codes : (B, n) class of each row; any value where the weight is zero.
    weights : (B, n) weights that sum to one in each fit.
    absent : (B, K) classes without training rows, which take no part; None for two classes.
    """

    def __init__(self, codes: Tensor, weights: Tensor, n_classes: int, absent: Tensor | None) -> None:
        self.codes, self.weights, self.absent = codes, weights, absent
        self.n_columns = 1 if n_classes == 2 else n_classes
        self.sign = (2 * codes - 1).to(weights.dtype)

    def pick(self, kept: Tensor) -> "LogLoss":
        """Return the loss of the fits ``kept`` (indices)."""
        picked = object.__new__(LogLoss)
        picked.codes, picked.weights, picked.sign = self.codes[kept], self.weights[kept], self.sign[kept]
        picked.absent = None if self.absent is None else self.absent[kept]
        picked.n_columns = self.n_columns
        return picked

    def value(self, logits: Tensor) -> Tensor:
        """Return nats per fit (B,) for logits (B, n_columns, n)."""
        return (self.weights * softplus(self._against(logits))).sum(dim=1, dtype=torch.float64)

    def value_and_gradient(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return nats (B,) and their derivative with respect to the logits (B, n_columns, n)."""
        against = self._against(logits)
        value = (self.weights * softplus(against)).sum(dim=1, dtype=torch.float64)
        wrong = torch.sigmoid(against) * self.weights
        if self.n_columns == 1:
            return value, (-self.sign * wrong)[:, None]
        others = self._others(logits)
        gradient = torch.softmax(others, dim=1) * wrong[:, None]
        gradient.scatter_(1, self.codes[:, None], -wrong[:, None])
        return value, gradient

    def _against(self, logits: Tensor) -> Tensor:
        """Return log-odds against the true class (B, n): their softplus is the loss, without cancellation."""
        if self.n_columns == 1:
            return -self.sign * logits[:, 0]
        own = logits.gather(1, self.codes[:, None])[:, 0]
        return torch.logsumexp(self._others(logits), dim=1) - own

    def _others(self, logits: Tensor) -> Tensor:
        """Return the logits with those of the true and of absent classes at minus infinity."""
        others = logits.scatter(1, self.codes[:, None], -torch.inf)
        return others if self.absent is None else others.masked_fill(self.absent[:, :, None], -torch.inf)
