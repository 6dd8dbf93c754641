"""Erasers: frozen affine maps after which no linear probe reads a concept off the rows they were fitted on.

That holds on those rows only. What a fresh probe still reads elsewhere must be measured on other groups.
"""

from dataclasses import dataclass

import numpy as np

from unsinter.probes.arrays import FloatArray, LabelArray
from unsinter.probes.concepts import read_concept
from unsinter.probes.permutation import stratified_permutations

_LEAST = 1e-8
"""Correlations with a label below this are rounding, and deviations below this share of a column's mean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Eraser:
    """The map x - left right (x - centre).

    Attributes
    ----------
    left : (d_model, rank) activation units.
    right : (rank, d_model) per activation unit; right left is the identity.
    centre : (d_model,) the mean of the fitting rows, which stays where it is.
    """

    left: FloatArray
    right: FloatArray
    centre: FloatArray

    def __post_init__(self) -> None:
        for part in (self.left, self.right, self.centre):
            part.setflags(write=False)

    @property
    def rank(self) -> int:
        """Directions that are removed."""
        return len(self.right)

    def __call__(self, X: FloatArray) -> FloatArray:
        """Return X (n_examples, d_model) without the concept, in X's own float type."""
        X = np.asarray(X)
        if X.ndim != 2 or X.shape[1] != len(self.centre):
            raise ValueError(f"X must be (n_examples, {len(self.centre)}), got shape {X.shape}.")
        changed: FloatArray = X - ((X - self.centre) @ self.right.T) @ self.left.T
        return changed.astype(X.dtype, copy=False) if np.issubdtype(X.dtype, np.floating) else changed


def fit_leace(
    X: FloatArray, y: LabelArray, *, within: LabelArray | None = None, shrinkage: bool = True
) -> Eraser:
    """Return the eraser that changes X least, in its own covariance, and leaves equal class means.

    With ``within`` the rows and the label are centred inside each level of that other label first. What is
    removed is then what tells the classes of y apart at a fixed level, averaged over levels, so that a label
    correlated with y survives. An effect of opposite sign at two levels can cancel and stay.

    Parameters
    ----------
    X : (n_examples, d_model).
    y : (n_examples,) labels of two classes or more; the rank is at most their number less one.
    within : (n_examples,) labels.
    shrinkage : estimate the covariance between columns of unit deviation by shrinking it towards the
        identity. Class means come out equal on the fitting rows either way; the covariance only chooses the
        oblique direction, and with rows no more than columns the plain one has no inverse.

    Raises
    ------
    ValueError : NaN or inf, lengths differ, y is constant (also inside every level), or rows are no more
        than classes.

    References
    ----------
    Belrose et al. (2023), arXiv:2306.03819, theorem 4.3. Bodnar et al. (2014), arXiv:1308.2608, for the
    shrinkage.
    """
    concept = read_concept(X, y, within=within)
    scale = concept.rows.std(axis=0)
    scale[scale <= _LEAST * np.abs(concept.centre)] = 1.0
    scaled = concept.rows / scale
    rows, basis = scaled, None
    if len(scaled) <= scaled.shape[1]:
        # No more rows than columns: the same solution in the space the rows span, far smaller.
        basis = np.linalg.qr(scaled.T).Q
        rows = scaled @ basis
    covariance = rows.T @ rows / len(rows)
    if shrinkage:
        covariance = _shrunk(covariance, n=len(rows), d=scaled.shape[1])
    left, right = _oblique(rows, concept.labels, covariance)
    if basis is not None:
        left, right = basis @ left, right @ basis.T
    return Eraser(left=scale[:, None] * left, right=right / scale, centre=concept.centre)


def random_eraser(d_model: int, rank: int, *, seed: int, centre: FloatArray | None = None) -> Eraser:
    """Return a projection off ``rank`` random directions: what losing that many costs anyway.

    ``centre`` (d_model,) stays where it is, by default the origin. ValueError unless 1 <= rank <= d_model.
    """
    if not 1 <= rank <= d_model:
        raise ValueError(f"rank must be from 1 to {d_model}, got {rank}.")
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(d_model, rank))).Q
    centre = np.zeros(d_model) if centre is None else np.array(centre, dtype=np.float64)
    return Eraser(left=q, right=q.T.copy(), centre=centre)


def fit_permuted_leace(
    X: FloatArray, y: LabelArray, *, groups: LabelArray, within: LabelArray | None = None, seed: int = 0
) -> Eraser:
    """Return the eraser of y with its labels permuted in whole groups, inside levels of ``within``.

    It has the rank of the eraser of y, and means nothing. Errors as in ``fit_leace`` and
    ``stratified_permutations``.
    """
    (permuted,) = stratified_permutations(y, groups=groups, strata=within, seed=seed)
    return fit_leace(X, permuted, within=within)


def _oblique(rows: FloatArray, labels: FloatArray, covariance: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return left (r, rank) and right (rank, r) of the eraser W^+ U U' W, W = covariance^(-1/2).

    U (r, rank) spans W times the covariance of centred rows (n, r) with centred labels (n, n_columns). Label
    columns have unit variance, so its singular values are correlations: what counts as nothing depends on
    neither units nor how rare a class is. An absolute cut on the covariance with 0/1 labels leaves rare ones.
    """
    power, axes = np.linalg.eigh(covariance)
    # Directions without variance have no inverse; the cut is that of a pseudo-inverse.
    varies = power > power[-1] * len(power) * np.finfo(power.dtype).eps
    deviation, axes = np.sqrt(power[varies]), axes[:, varies]
    shared = (axes / deviation).T @ (rows.T @ labels) / len(rows)
    u, correlations, _ = np.linalg.svd(shared, full_matrices=False)
    u = u[:, correlations > _LEAST]
    return (axes * deviation) @ u, u.T @ (axes / deviation).T


def _shrunk(covariance: FloatArray, *, n: int, d: int) -> FloatArray:
    """Return the covariance (r, r) of n rows, shrunk towards the identity of all d columns."""
    trace, power = np.trace(covariance), np.square(covariance).sum()
    spread = power - trace**2 / d
    # Unbounded, the sample's weight turns negative near isotropy: what varies more would count as less.
    weight = min(max(1 - trace**2 / n / spread, 0.0), 1.0) if spread > 0 else 0.0
    shrunk: FloatArray = weight * covariance + (1 - weight) * trace / d * np.eye(len(covariance))
    return shrunk
