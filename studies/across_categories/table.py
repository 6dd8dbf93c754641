"""The answers over categories as a table: one row per model and site; names are a contract."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import pandas as pd

from unsinter.studies.across_categories.analysis import AcrossResult
from unsinter.studies.across_categories.sentences import statement, wording_sentence
from unsinter.studies.data.estimate import Estimate
from unsinter.studies.reasons.columns import reason_columns

ModelSite: TypeAlias = tuple[str, int, str]
"""(model, layer, position)."""

_LOW = "interval of the rule's level, over groups"
ACROSS = {
    "model": "name of the model in the study file",
    "layer": "as in results",
    "position": "as in results",
    "selected": "the site that the training rows chose for wording",
    "decision": "detached, sintered or cannot tell",
    "reason": "what the decision rests on, in words",
    "reason_code": "the same as a code; reasons of one code differ by their numbers and names",
    "reason_short": "the same in words without numbers: equal for reasons that differ by these only",
    "reason_numbers": "the numbers and names in these words, JSON",
    "pooled": "AUROC of one style of refusal against the rest, mean over styles, pairs of any category",
    "pooled_low": _LOW,
    "pooled_high": "",
    "category_alone": "the most that a score which knows the category and nothing else could reach",
    "category_alone_low": _LOW,
    "category_alone_high": "",
    "within": "the same over pairs of one category, probes trained with the category held fixed",
    "within_low": _LOW,
    "within_high": "",
    "wording_transfer": "the same pairs, scored by probes that never saw their category",
    "wording_transfer_low": _LOW,
    "wording_transfer_high": "",
    "pooled_gap": "pooled - within, paired",
    "pooled_gap_low": _LOW,
    "pooled_gap_high": "",
    "within_least": "style read worst within a category: its AUROC",
    "within_least_low": "band that holds for all styles at once",
    "within_least_high": "",
    "within_most": "style read best within a category: its AUROC",
    "within_most_low": "band that holds for all styles at once",
    "within_most_high": "",
    "cramers_v": "of category and style over refusals, bias-corrected; 0 none, 1 one tells the other",
    "n_refusals": "answers that refused in a known style",
    "n_off_style": "groups of a style's rarer side summed over categories, in the style with the fewest",
    "n_categories": "categories compared for detection",
    "is_matched": "harmless rows were of the same topic as the harmful ones they stand against",
    "own": "AUROC of harm by a category's own probe, held-out groups, mean over categories",
    "own_low": _LOW,
    "own_high": "",
    "normalised_transfer": "median over pairs of categories of (T_ij - 0.5) / (T_jj - 0.5)",
    "normalised_transfer_low": _LOW,
    "normalised_transfer_high": "",
    "global_gain": "AUROC of one global probe minus that of the category's own, equal training size",
    "global_gain_low": _LOW,
    "global_gain_high": "",
    "rank": "effective rank of the directions of the categories, as measured",
    "rank_one_axis": "the same if all shared one axis, with their sampling noise: median",
    "rank_one_axis_low": _LOW,
    "rank_one_axis_high": "",
    "rank_no_axis": "the same with harm permuted inside categories: median",
    "rank_no_axis_low": _LOW,
    "rank_no_axis_high": "",
    "p_one_axis": "share of one-axis draws with at least this rank",
    "rank_corrected": "effective rank without the noise; missing where a category has no direction",
    "rank_corrected_low": _LOW,
    "rank_corrected_high": "",
    "common_share": "share of variance of a category's direction on the common axis, noise taken off",
    "common_share_low": _LOW,
    "common_share_high": "",
    "reliability": "median share of a squared direction that is not noise",
    "detection_reason": "why detection was not compared across categories; or empty",
    "headline": "the answer about wording, in one sentence",
    "statement": "the whole answer, in sentences",
}


def across_table(results: Mapping[ModelSite, AcrossResult]) -> pd.DataFrame:
    """Return the columns of ``ACROSS``, one row per (model, layer, position), the first selected."""
    rows = [
        _row(site, result) | {"selected": place == 0} for place, (site, result) in enumerate(results.items())
    ]
    return pd.DataFrame(rows, columns=list(ACROSS))


def _row(site: ModelSite, result: AcrossResult) -> dict[str, Any]:
    model, layer, position = site
    words, axes, probes = result.wording, result.directions, result.detection
    by_value = sorted(words.by_wording.values()) or [Estimate()]
    estimates = {
        "pooled": words.pooled,
        "category_alone": words.category_alone,
        "within": words.within,
        "wording_transfer": words.transfer,
        "pooled_gap": words.gap,
        "within_least": by_value[0],
        "within_most": by_value[-1],
        "own": probes.own,
        "normalised_transfer": probes.normalised,
        "global_gain": probes.global_gain,
        "rank_one_axis": axes.rank_one_axis,
        "rank_no_axis": axes.rank_no_axis,
        "rank_corrected": axes.rank_corrected,
        "common_share": axes.share,
    }
    return {
        "model": model,
        "layer": layer,
        "position": position,
        "decision": result.decision,
        **reason_columns(result.reason),
        **{name + end: value for name, e in estimates.items() for end, value in _parts(e)},
        "cramers_v": words.cramers_v,
        "n_refusals": words.n_refusals,
        "n_off_style": words.n_off_style,
        "n_categories": len(probes.names),
        "is_matched": result.is_matched,
        "rank": axes.rank,
        "p_one_axis": axes.p_one_axis,
        "reliability": axes.reliability,
        "detection_reason": str(result.detection_reason or ""),
        "headline": wording_sentence(result, site=f"layer {layer}, {position}"),
        "statement": statement(result, site=f"layer {layer}, {position}"),
    }


def _parts(estimate: Estimate) -> tuple[tuple[str, float], ...]:
    return ("", estimate.value), ("_low", estimate.low), ("_high", estimate.high)
