"""All statistics of a contrast from its cross-fitted scores, for every site at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.studies.separation.areas import Statistic, held_fixed_area, mean_statistic
from unsinter.studies.separation.beyond_text import bits_beyond
from unsinter.studies.separation.comparison import FIRST, SECOND
from unsinter.studies.separation.contrast import Contrast, Labelling
from unsinter.studies.separation.directions import CrossFit


def contrast_statistics(
    fits: Sequence[Sequence[CrossFit]],
    text: Sequence[FloatArray] | None,
    contrast: Contrast,
    folds: NDArray[np.intp],
) -> tuple[dict[str, Statistic], dict[str, FloatArray]]:
    """Return the statistics by name, and the variance that imputed labels add to each (n_sites,).

    Parameters
    ----------
    fits : per site, a fit per labelling of the contrast.
    text : scores (2, n) of the text alone per labelling; None where no text was given.
    folds : (n,) folds of the cross-fitting.
    """
    drawn = [
        _of_labelling(
            [site[place] for site in fits], None if text is None else text[place], found, contrast, folds
        )
        for place, found in enumerate(contrast.labellings)
    ]
    names = [name for name in drawn[0] if all(name in found for found in drawn)]
    return (
        {name: _mean([found[name] for found in drawn]) for name in names},
        {name: _between([found[name] for found in drawn]) for name in names} if len(drawn) > 1 else {},
    )


def _of_labelling(
    fits: Sequence[CrossFit],
    text: FloatArray | None,
    labelling: Labelling,
    contrast: Contrast,
    folds: NDArray[np.intp],
) -> dict[str, Statistic]:
    scores = np.stack([fit.scores for fit in fits])
    pull = np.stack([fit.pull for fit in fits])
    found = {}
    for place, comparison in enumerate(contrast.comparisons(labelling)):
        area = held_fixed_area(scores[:, comparison.probe], pull[:, place], comparison)
        if area is not None:
            found[comparison.name] = area
    if text is not None:
        z, w = labelling.z, labelling.w
        for name, probe, truth, other in (("first", FIRST, z, w), ("second", SECOND, w, z)):
            known = np.column_stack([text[probe], other])
            found[f"bits_{name}"] = mean_statistic(bits_beyond(known, scores[:, probe], truth, folds))
    return found


def _mean(statistics: Sequence[Statistic]) -> Statistic:
    if len(statistics) == 1:
        return statistics[0]
    return Statistic(
        value=np.mean([s.value for s in statistics], axis=0),
        influence=np.mean([s.influence for s in statistics], axis=0),
        training=np.mean([s.training for s in statistics], axis=0),
        least_error=np.max([s.least_error for s in statistics], axis=0),
    )


def _between(statistics: Sequence[Statistic]) -> FloatArray:
    """Return the variance between imputations, for the mean of m of them (Rubin 1987)."""
    values = np.array([s.value for s in statistics])
    return np.asarray(values.var(axis=0, ddof=1) * (1 + 1 / len(values)))
