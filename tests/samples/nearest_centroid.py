"""A family of probes that the package does not have: the nearest class mean, pulled towards the overall."""

from contextlib import contextmanager

import numpy as np

from unsinter.probes.families import registry
from unsinter.probes.families.family import Family, Range
from unsinter.probes.families.linear import EstimatorSolver


class CentroidProbe:
    """Score by the squared distance to two or more class means; ``shrink`` 0 takes them as they are."""

    def __init__(self, *, shrink=0.0):
        self.shrink = shrink

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        means = np.stack([X[y == name].mean(axis=0) for name in self.classes_])
        means = (1 - self.shrink) * means + self.shrink * X.mean(axis=0)
        weight, bias = 2 * means, -(means**2).sum(axis=1)
        if len(means) == 2:
            weight, bias = weight[1:] - weight[:1], bias[1:] - bias[:1]
        self.coef_, self.intercept_ = weight, bias
        return self

    def decision_function(self, X):
        scores = X @ self.coef_.T + self.intercept_
        return scores[:, 0] if len(self.classes_) == 2 else scores


def make_solver(X, conditions):
    shrink = conditions.choices.get("shrink", 0.0)
    return EstimatorSolver(X, lambda _: CentroidProbe(shrink=shrink), takes_weights=False)


NEAREST_CENTROID = Family(
    name="nearest_centroid",
    title="nearest centroid",
    make_solver=make_solver,
    is_log_odds=False,
    has_penalty=False,
    space=(Range(name="shrink", low=0.0, high=0.9),),
    own_weighting="weighs classes alike already",
    formats=("safetensors", "sklearn"),
)


@contextmanager
def registered(family):
    """Let this process know a family for the length of a block."""
    before = dict(registry._families)
    registry.register(family)
    try:
        yield family
    finally:
        registry._families.clear()
        registry._families.update(before)
