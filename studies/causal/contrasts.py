"""Which classes' directions are changed, and where: every factor at the site that was chosen for it."""

from collections.abc import Mapping, Sequence

import numpy as np

from unsinter.probes.arrays import FloatArray
from unsinter.probes.geometry.geometry import cosine
from unsinter.studies.causal.directions import CausalContrast, hold_fixed
from unsinter.studies.causal.inputs import CausalInput
from unsinter.studies.data.sites import Site
from unsinter.studies.study.cells import POSITIVE

BESIDE = {"D": ("R",), "R": ("D",), "C": ("R", "W"), "W": ("C",)}
"""The factors whose directions must not explain a factor's effect: of two classes one, which is held fixed.

Categories differ in how often they are refused, so that their directions hold part of R's; all prompts that
have a wording are refused.
"""


def factor_contrasts(inputs: CausalInput) -> dict[str, list[CausalContrast]]:
    """Return the contrasts of each factor that the run studies: of D and R one, of C and W one per class."""
    made: dict[str, list[CausalContrast]] = {}
    for factor in BESIDE:
        if factor in POSITIVE:
            contrast = _two_classes(inputs, factor)
            made[factor] = [] if contrast is None else [contrast]
        else:
            made[factor] = _each_class(inputs, factor)
    return {factor: own for factor, own in made.items() if own}


def site_of(inputs: CausalInput, factor: str) -> Site:
    """Return the site at which a factor's directions are changed."""
    settings = inputs.settings
    if settings.layer is not None and settings.position is not None:
        return settings.layer, settings.position
    return inputs.sites[factor]


def closest(direction: FloatArray, others: Sequence[FloatArray]) -> FloatArray | None:
    """Return that of the others (d,) which lies closest to a direction's axis; None where there is none."""
    if not others:
        return None
    alike = np.abs(cosine(np.stack([direction] * len(others)), np.stack(list(others))))
    return others[int(np.argmax(np.nan_to_num(alike)))]


def _two_classes(inputs: CausalInput, factor: str) -> CausalContrast | None:
    """Return the contrast of D or R, the other of the two held fixed where every cell has enough groups."""
    if factor not in inputs.targets:
        return None
    labels, (name, against) = inputs.targets[factor].labels, POSITIVE[factor]
    rows = np.flatnonzero(inputs.train & np.isin(labels, (name, against)))
    contrast = CausalContrast(factor=factor, name=name, rows=rows, inside=labels[rows] == name)
    if len(set(contrast.inside.tolist())) < 2:
        return None
    [fixed_factor] = BESIDE[factor]
    other = inputs.targets.get(fixed_factor)
    if other is None:
        return contrast
    known = np.isin(other.labels[rows], POSITIVE[fixed_factor])
    both = rows[known]
    within = CausalContrast(factor=factor, name=name, rows=both, inside=labels[both] == name)
    fixed = hold_fixed(
        within, other.labels[both] == POSITIVE[fixed_factor][0], fixed_factor, inputs.groups[both]
    )
    return fixed if fixed.fixed is not None else contrast


def _each_class(inputs: CausalInput, factor: str) -> list[CausalContrast]:
    if factor not in inputs.targets:
        return []
    target, settings = inputs.targets[factor], inputs.settings
    rows = np.flatnonzero(inputs.train & (target.labels != ""))
    wanted: Mapping[str, Sequence[str]] = {"C": settings.categories}
    names = [name for name in target.classes if not wanted.get(factor) or name in wanted[factor]]
    contrasts = [
        CausalContrast(factor=factor, name=name, rows=rows, inside=target.labels[rows] == name)
        for name in names
    ]
    return [contrast for contrast in contrasts if len(set(contrast.inside.tolist())) == 2]
