"""The labels of a study over categories, checked once and turned into rows to compare."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unsinter.studies.data.splits import outer_split

Labels = NDArray[np.str_]
RowIndex = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CategoryData:
    """Labels of n prompts.

    Attributes
    ----------
    harmful : (n,) 1, 0, or -1 where unknown.
    categories : (n,) what a prompt is about; empty where unknown.
    wordings : (n, k) style of each of k answers; empty where that answer did not refuse.
    groups : (n,) what must stay on one side of every split.
    """

    harmful: NDArray[np.intp]
    categories: Labels
    wordings: Labels
    groups: Labels

    @property
    def known_categories(self) -> list[str]:
        """Names of the categories, sorted."""
        return sorted({str(name) for name in self.categories} - {""})

    def n_groups(self, rows: NDArray[np.generic]) -> int:
        """Return how many groups these rows (mask or indices) come from."""
        return len(np.unique(self.groups[rows]))

    def folds(self, *, n_folds: int, seed: int) -> NDArray[np.intp]:
        """Return the fold of each prompt (n,): whole groups, with harm and category spread evenly."""
        strata = [f"{harm}/{name}" for harm, name in zip(self.harmful, self.categories, strict=True)]
        ids = [f"{row:09d}" for row in range(len(strata))]
        split = outer_split(ids, self.groups.tolist(), strata=strata, n_folds=n_folds, seed=seed)
        return np.array(split.folds, dtype=np.intp)


def make_data(
    harmful: Sequence[int] | NDArray[np.generic],
    *,
    categories: Sequence[str] | Labels,
    wording: Sequence[str] | Labels,
    groups: Sequence[str] | NDArray[np.generic],
) -> CategoryData:
    """Check labels and bring them into one form; ``wording`` is (n,), or (n, k) for k answers per prompt.

    Raises
    ------
    ValueError : lengths differ, or a label of harm is not 1, 0 or -1.
    """
    harm = np.asarray(harmful)
    words = np.asarray(wording, dtype=np.str_)
    words = words[:, None] if words.ndim == 1 else words
    sizes = {
        "harmful": len(harm),
        "categories": len(categories),
        "wording": len(words),
        "groups": len(groups),
    }
    if len(set(sizes.values())) > 1 or words.ndim != 2 or not len(harm):
        raise ValueError(f"labels need one entry per prompt each; got {sizes} and wording {words.shape}.")
    if not np.isin(harm, (-1, 0, 1)).all():
        raise ValueError(f"harmful must be 1, 0 or -1 (unknown), got {sorted(set(harm.tolist()))!s:.60}.")
    return CategoryData(
        harmful=harm.astype(np.intp),
        categories=np.array([str(name) for name in categories], dtype=object),
        wordings=words,
        groups=np.asarray(groups).astype(np.str_),
    )


def check_activations(X: NDArray[np.generic], n: int) -> NDArray[np.float32]:
    """Return X (n, d) in float32.

    Raises
    ------
    ValueError : another shape, NaN or inf.
    """
    values = np.asarray(X)
    if values.ndim != 2 or len(values) != n:
        raise ValueError(f"X must be ({n}, d_model), one row per label; got shape {values.shape}.")
    values = values.astype(np.float32)
    if not np.isfinite(values).all():
        rows = np.flatnonzero(~np.isfinite(values).all(axis=1))
        raise ValueError(
            f"X holds NaN or inf in {len(rows)} rows (the first is {rows[0]}); extract them again or leave "
            "them out."
        )
    return values
