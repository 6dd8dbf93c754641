"""The causal check of one model: directions changed, effects measured, nulls beside them, rows of the table.

Directional ablation (Arditi et al. 2024) with what later work asks of it: a coordinate is set to its mean,
not to zero (Marshall et al. 2024, affine editing), removal is compared with that of directions that stand for
nothing (Elazar et al. 2021, amnesic probing), and an effect that is not seen is no absence. The default acts
at every token of one layer, that at which the training rows chose to read the target.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from unsinter.probes.arrays import FloatArray
from unsinter.studies.causal.contrasts import BESIDE, closest, factor_contrasts, site_of
from unsinter.studies.causal.directions import CausalContrast, apart_from, random_directions, scaled
from unsinter.studies.causal.effect_rows import SiteChanges, Tried, effect_rows
from unsinter.studies.causal.inputs import (
    OUTCOMES,
    REFUSES,
    WORDS,
    CausalInput,
    check_model,
    training_openings,
)
from unsinter.studies.causal.log_odds import OddsReader, training_sample
from unsinter.studies.causal.matrix import matrix_rows
from unsinter.studies.causal.openings import COMPLIANCE, REFUSAL
from unsinter.studies.data.sites import Site
from unsinter.studies.tables.causal_columns import CAUSAL


def causal_table(inputs: CausalInput) -> pd.DataFrame:
    """Return the rows of ``causal.parquet`` of one model.

    Directions, openings, means and margins come from training prompts, effects from held-out ones.

    Raises
    ------
    CausalError : as `check_model` and `training_openings`.
    """
    check_model(inputs)
    reader = OddsReader(inputs=inputs, openings=training_openings(inputs))
    contrasts = factor_contrasts(inputs)
    margins = _margins(inputs, reader)
    by_site: dict[Site, list[str]] = {}
    for factor in contrasts:
        by_site.setdefault(site_of(inputs, factor), []).append(factor)
    changes = []
    for number, (site, factors) in enumerate(by_site.items()):
        reader.step = f"{inputs.name}: causal check, site {number + 1} of {len(by_site)}"
        tried = _directions(inputs, contrasts, factors, site)
        odds = reader.changed(inputs.test, [entry.direction for entry in tried], site)
        changes.append(
            SiteChanges(
                site=site, tried=tried, outcomes=inputs.outcomes(odds, inputs.test), covered=odds.covered
            )
        )
    rows = [row for outcome in OUTCOMES for row in effect_rows(inputs, changes, outcome, margins[outcome])]
    reader.step = f"{inputs.name}: causal matrix"
    rows += matrix_rows(inputs, reader, "D" if "D" in contrasts else next(iter(contrasts), ""))
    how = {name: getattr(inputs.settings, name) for name in ("operation", "span", "tokens", "reference")}
    table = pd.DataFrame(
        [{"model": inputs.name, "used": "", "reason": "", "null": "", **how, **r} for r in rows]
    )
    return table.reindex(columns=list(CAUSAL))


def _directions(
    inputs: CausalInput, contrasts: Mapping[str, Sequence[CausalContrast]], factors: Sequence[str], site: Site
) -> list[Tried]:
    """Return all directions that are changed at a site: of its factors, and their nulls.

    Nulls stand beside every direction of the site, so that they have the length of the longest: of added
    directions a shorter null would be one that is easily surpassed.
    """
    X = np.asarray(inputs.read(*site), dtype=float)
    settings, seed = inputs.settings, inputs.bootstrap.seed
    own = [c.direction(X[c.rows]) for factor in factors for c in contrasts[factor]]
    longest = max(own, key=lambda direction: float(np.linalg.norm(direction)))
    tried: list[Tried] = []
    for factor in factors:
        beside = [c.direction(X[c.rows]) for other in BESIDE[factor] for c in contrasts.get(other, ())]
        for contrast in contrasts[factor]:
            direction = contrast.direction(X[contrast.rows])
            tried.append(Tried(direction=direction, contrast=contrast))
            if (other := closest(direction, beside)) is not None:
                apart = apart_from(direction, beside)
                tried.append(Tried(direction=scaled(other, direction), contrast=contrast, null="other"))
                tried.append(Tried(direction=scaled(apart, direction), contrast=contrast, null="apart"))
        each = -(-settings.permuted // len(contrasts[factor]))
        for contrast in contrasts[factor]:
            tried += [
                Tried(direction=d, contrast=contrast, null="permuted")
                for d in scaled(_permuted(inputs, contrast, X[contrast.rows], n=each, seed=seed), longest)
            ]
    drawn = random_directions(X[inputs.train], n=settings.random, seed=seed)
    tried += [Tried(direction=d, contrast=None, null="random") for d in scaled(drawn, longest)]
    return [entry for entry in tried if np.linalg.norm(entry.direction) > 0]


def _permuted(
    inputs: CausalInput, contrast: CausalContrast, X: FloatArray, *, n: int, seed: int
) -> FloatArray:
    try:
        return contrast.permuted(X, inputs.groups[contrast.rows], n=n, seed=seed)
    except ValueError:  # no two groups of one size differ in their label
        return np.empty((0, X.shape[1]))


def _margins(inputs: CausalInput, reader: OddsReader) -> dict[str, float]:
    """Return the change of each outcome that counts as none, from training prompts."""
    places = training_sample(inputs)
    odds = reader.plain(places)
    kinds, wordings = inputs.kinds[places], inputs.wordings[places]
    refusal = odds.refusal[0]
    gaps = {REFUSES: refusal[kinds == REFUSAL].mean() - refusal[kinds == COMPLIANCE].mean()}
    own = [
        values[0][wordings == name].mean() - values[0][(wordings != name) & (wordings != "")].mean()
        for name, values in odds.wording.items()
        if (wordings == name).any() and ((wordings != name) & (wordings != "")).any()
    ]
    gaps[WORDS] = float(np.mean(own)) if own else np.nan
    return {name: inputs.settings.margin * abs(float(gap)) for name, gap in gaps.items()}
