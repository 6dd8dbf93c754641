"""What is measured at one chosen site beside the verdict: erasure, geometry, unseen categories."""

from dataclasses import dataclass

from unsinter.probes.arrays import FloatArray
from unsinter.probes.geometry.geometry import position_cosine
from unsinter.studies.data.estimate import NAN, UNKNOWN, Estimate
from unsinter.studies.separation.inputs.column_units import in_float32_range
from unsinter.studies.separation.inputs.pair import Pair
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.separation.supporting.category_transfer import category_transfer
from unsinter.studies.separation.supporting.erasure_evidence import ERASURE_PARTS, erasure_evidence
from unsinter.studies.separation.supporting.geometry_evidence import GEOMETRY_PARTS, geometry_evidence
from unsinter.studies.study.run_options import nothing, parts_counted

EVIDENCE_PARTS = ERASURE_PARTS + GEOMETRY_PARTS
"""Parts of a pair's evidence, noted as they are done; fewer where there is nothing to measure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteEvidence:
    """Numbers that stand beside a verdict and never decide it.

    Attributes
    ----------
    kept_first, kept_second : share of each factor kept after the other was erased; NaN where that factor was
        not read before. The same with ``_random`` and ``_permuted``: a random direction, or permuted labels,
        were erased instead; what these leave is what erasing nothing of interest costs.
    check_first, check_second : AUROC of a fresh probe of an erased factor; above .6 what the other kept is
        no evidence.
    cosine_noise_free : the cosine without sampling noise.
    cosine_null_low, cosine_null_high : the central 95 % of ``cosine`` under permuted labels.
    cosine_position : cosine of the first factor's directions at this position and at another one of the
        layer: how far position alone turns a direction.
    """

    transfer_category: Estimate = UNKNOWN
    cosine: Estimate = UNKNOWN
    cosine_noise_free: float = NAN
    cosine_null_low: float = NAN
    cosine_null_high: float = NAN
    reliability_first: float = NAN
    reliability_second: float = NAN
    cosine_position: float = NAN
    kept_first: float = NAN
    kept_second: float = NAN
    kept_first_random: float = NAN
    kept_second_random: float = NAN
    kept_first_permuted: float = NAN
    kept_second_permuted: float = NAN
    check_first: float = NAN
    check_second: float = NAN


def site_evidence(X: FloatArray, elsewhere: FloatArray | None, pair: Pair, rule: Rule) -> SiteEvidence:
    """Measure one pair at one site; a site that is the same in every row of the pair says nothing.

    Parameters
    ----------
    X : (n, d), rows as in the pair.
    elsewhere : (n, d) of another position of the same layer; None where the study has one position.
    """
    if not _varies(X, pair):
        return SiteEvidence()
    erased = erasure_evidence(X, pair.z, pair.w, groups=pair.groups, seed=rule.seed)
    angle = geometry_evidence(X, pair.z, pair.w, groups=pair.groups, seed=rule.seed)
    with parts_counted(nothing):  # quick, and its folds are as many as there are categories
        unseen = category_transfer(X, pair, rule)
    return SiteEvidence(
        transfer_category=unseen,
        cosine=Estimate(*angle.cosine),
        cosine_noise_free=angle.disattenuated.value,
        cosine_null_low=angle.null[0],
        cosine_null_high=angle.null[1],
        reliability_first=angle.reliability_first,
        reliability_second=angle.reliability_second,
        cosine_position=NAN if elsewhere is None else _across_positions(X, elsewhere, pair),
        kept_first=erased.kept_first.value,
        kept_second=erased.kept_second.value,
        kept_first_random=erased.kept_first_random.value,
        kept_second_random=erased.kept_second_random.value,
        kept_first_permuted=erased.kept_first_permuted.value,
        kept_second_permuted=erased.kept_second_permuted.value,
        check_first=erased.check_first.value,
        check_second=erased.check_second.value,
    )


def _across_positions(X: FloatArray, elsewhere: FloatArray, pair: Pair) -> float:
    if not _varies(elsewhere, pair):
        return NAN
    rows = pair.rows
    if len(rows) < len(X):  # a choice of rows is a copy
        X, elsewhere = X[rows], elsewhere[rows]
    return float(position_cosine(X, elsewhere, pair.z[rows], pair.w[rows])[0])


def _varies(X: FloatArray, pair: Pair) -> bool:
    """Tell whether rows differ as the judge sees it: what rounding makes of a constant is no direction."""
    return bool(in_float32_range(X[pair.rows]).any())
