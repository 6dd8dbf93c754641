"""The evidence at every site of a contrast: statistics with bands that hold for all sites at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unsinter.probes.arrays import FloatArray
from unsinter.studies.data.estimate import Estimate
from unsinter.studies.separation.contrasts.bands import effect_band, simultaneous_band
from unsinter.studies.separation.contrasts.contrast import Contrast
from unsinter.studies.separation.contrasts.directions import CrossFit
from unsinter.studies.separation.contrasts.statistics import auroc_statistics, bit_statistics
from unsinter.studies.separation.effects.gram import Effects
from unsinter.studies.separation.effects.statistics import effect_statistics
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.separation.site.clumps import clumps
from unsinter.studies.separation.site.site_fit import FamilyFit
from unsinter.studies.separation.verdict.site_verdict import Evidence

Bands = dict[str, list[Estimate]]
"""Name of a statistic to its estimate at each site."""


def site_evidence_bands(
    here: Sequence[FamilyFit],
    place: int,
    contrast: Contrast,
    text: FloatArray | None,
    rule: Rule,
    *,
    level: float,
) -> list[Evidence]:
    """Return the evidence of one contrast at each site, from sites that share groups.

    Parameters
    ----------
    place : of the contrast in its family.
    text : (2, n_readers, n) scores of the text alone; None where no text was given.
    """
    fits: list[CrossFit] = [fit for site in here if (fit := site.fits[place]) is not None]
    effects: list[Effects] = [effect for site in here if (effect := site.effects[place]) is not None]
    groups = here[0].groups
    bands = _effect_bands(effects, groups, rule, level) | _auroc_bands(
        fits, contrast, text, here[0], rule, level
    )
    return [
        _evidence(
            {name: estimates[site] for name, estimates in bands.items()},
            contrast,
            groups,
            effects[site],
            rule,
        )
        for site in range(len(fits))
    ]


def _effect_bands(effects: Sequence[Effects], groups: NDArray[np.intp], rule: Rule, level: float) -> Bands:
    return {
        name: _estimates(
            statistic.value,
            *effect_band(statistic, groups, level=level, n_draws=rule.n_draws, seed=rule.seed),
        )
        for name, statistic in effect_statistics(effects).items()
    }


def _auroc_bands(
    fits: Sequence[CrossFit],
    contrast: Contrast,
    text: FloatArray | None,
    used: FamilyFit,
    rule: Rule,
    level: float,
) -> Bands:
    aurocs = auroc_statistics(fits, contrast)
    bits = {} if text is None else bit_statistics(fits, text, contrast, used.folds[0])
    bands: Bands = {}
    for name, statistic in (aurocs | bits).items():
        low, high = simultaneous_band(
            statistic, used.groups, level=level, n_draws=rule.n_draws, seed=rule.seed
        )
        if name in aurocs:
            low, high = np.clip(low, 0, 1), np.clip(high, 0, 1)
        bands[f"auroc_{name}" if name in aurocs else name] = _estimates(statistic.value, low, high)
    return bands


def _estimates(value: FloatArray, low: FloatArray, high: FloatArray) -> list[Estimate]:
    return [Estimate(*map(float, row)) for row in zip(value, low, high, strict=True)]


def _evidence(
    named: dict[str, Estimate],
    contrast: Contrast,
    groups: NDArray[np.intp],
    effects: Effects,
    rule: Rule,
) -> Evidence:
    """Return the evidence of one site from its estimates by name."""
    own = {name: named.get(name, Estimate()) for name in _OWN}
    o_first, o_second = _harder_diagonal(named)
    ways = [named.get(f"auroc_transfer_{way}_second", Estimate()) for way in ("to", "from")]
    return Evidence(
        **own,
        a=named.get("auroc_a", Estimate()),
        b=named.get("auroc_b", Estimate()),
        o_first=o_first,
        o_second=o_second,
        transfer_second=min(ways, key=lambda way: way.value),
        clumps=clumps(
            effects.axis,
            contrast.cells,
            groups,
            same_way=bool(effects.values[2] >= 0),
            level=rule.level,
        ),
    )


_OWN = (
    "distance_first",
    "distance_second",
    "angle",
    "beyond_first",
    "beyond_second",
    "along_first",
    "along_second",
    "mixed",
    "like",
    "interaction",
    "bits_first",
    "bits_second",
)


def _harder_diagonal(named: dict[str, Estimate]) -> tuple[Estimate, Estimate]:
    """Return both AUROCs on the two cells that are harder to tell apart: of unequal labels, or of equal ones.

    Which of these the cells "where the labels disagree" are depends on which value of a label is coded 1; the
    harder pair does not.
    """
    pairs = [
        (named.get(f"auroc_{diagonal}_first", Estimate()), named.get(f"auroc_{diagonal}_second", Estimate()))
        for diagonal in ("mixed", "like")
    ]
    known = [pair for pair in pairs if np.isfinite(pair[0].value)]
    return min(known, key=lambda pair: pair[0].value + pair[1].value) if known else pairs[0]
