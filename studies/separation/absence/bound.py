"""What an absence has to stand up to: planted codes, and probes that need not be linear."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from unsinter.probes.arrays import FloatArray
from unsinter.studies.data.estimate import NAN, Estimate
from unsinter.studies.separation.absence.hidden_codes import hidden_code, one_row_per_group, rows_beyond
from unsinter.studies.separation.absence.nonlinear import FactorRows, nonlinear_auroc
from unsinter.studies.separation.absence.spikes import Absence, Spiked, metric_folds, noticed_from
from unsinter.studies.separation.contrasts.contrast import Contrast
from unsinter.studies.separation.effects.residual_metric import Coordinates, coordinates
from unsinter.studies.separation.inputs.column_units import in_float32_range
from unsinter.studies.separation.inputs.folds import codes_by_occurrence
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.separation.site.fit_rows import RowFamily
from unsinter.studies.separation.site.site_fit import FamilyFit
from unsinter.studies.separation.verdict.rule import Factor
from unsinter.studies.separation.verdict.site_verdict import Evidence


def tested_absence(
    X: FloatArray,
    family: RowFamily,
    used: FamilyFit,
    absences: Sequence[tuple[int, Evidence, tuple[Factor, ...]]],
    rule: Rule,
) -> list[Evidence]:
    """Return each evidence with the bounds and the non-linear AUROCs of the factors that it calls absent.

    Parameters
    ----------
    X : (n, d) activations of the family's rows at this site.
    absences : places of contrasts, their evidence, and the factors.
    """
    order = used.order
    sites = coordinates(in_float32_range(X)[order])
    folds = metric_folds(sites, family.kind_columns[order], used.folds[0][order])
    tested = []
    for place, evidence, factors in absences:
        contrast, effects = family.contrasts[place], used.effects[place]
        assert effects is not None
        changes: dict[str, Estimate] = {}
        for factor in factors:
            second = factor == "second"
            blocks = codes_by_occurrence(contrast.blocks(second=second)[order])
            spiked = Spiked(
                Y=sites.Y,
                folds=folds,
                design=contrast.effect_design.of(order),
                blocks=blocks,
                second=second,
            )
            bound = noticed_from(
                spiked,
                pairs=2 * float(effects.pairs[2, 2] if second else effects.pairs[0, 0]),
                absence=Absence(most=rule.absent, critical=float(norm.ppf(rule.level))),
                seed=rule.seed,
            )
            changes[f"bound_{factor}"] = Estimate(bound, NAN, NAN)
            hidden = _hidden(sites, used, contrast, blocks, rule, second=second)
            changes[f"hidden_{factor}"] = Estimate(hidden, NAN, NAN)
            changes[f"nonlinear_{factor}"] = _nonlinear(sites, used, contrast, rule, second=second)
        tested.append(replace(evidence, **changes))
    return tested


def _hidden(
    sites: Coordinates,
    used: FamilyFit,
    contrast: Contrast,
    blocks: NDArray[np.intp],
    rule: Rule,
    *,
    second: bool,
) -> float:
    order = used.order
    rows = one_row_per_group(codes_by_occurrence(used.groups[order]))
    strata = np.zeros(len(order), dtype=np.intp) if contrast.strata is None else contrast.strata
    effect = contrast.effect_design.of(order).weights(np.arange(len(order)))[0 if second else 1]
    # The tested factor's own cells stay in: taken out, they would set the true labels off from shuffled ones.
    other = (contrast.z if second else contrast.w)[order, None].astype(np.float64)
    beyond = rows_beyond(sites, np.hstack([contrast.fixed_columns[order], other]), effect, rows)
    labels = (contrast.w if second else contrast.z)[order]
    return hidden_code(beyond, labels[rows], blocks[rows], strata[order][rows], seed=rule.seed)


def _nonlinear(
    sites: Coordinates, used: FamilyFit, contrast: Contrast, rule: Rule, *, second: bool
) -> Estimate:
    order = used.order
    labels, other = (contrast.w, contrast.z) if second else (contrast.z, contrast.w)
    strata = np.zeros(len(order), dtype=np.intp) if contrast.strata is None else contrast.strata
    rows = FactorRows(
        labels=labels[order],
        other=other[order],
        strata=strata[order],
        groups=used.groups[order],
        folds=used.folds[0][order],
        fixed_columns=contrast.fixed_columns[order],
        axis=contrast.effect_design.of(order).weights(np.arange(len(order)))[0 if second else 1],
    )
    return nonlinear_auroc(sites, rows, level=rule.level)
