"""The answers over categories as a table: one row per model and site."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import pandas as pd

from unsinter.studies.across_categories.analysis import AcrossResult
from unsinter.studies.across_categories.sentences import statement, wording_sentence
from unsinter.studies.data.estimate import Estimate
from unsinter.studies.reasons.columns import reason_columns
from unsinter.studies.tables.across_columns import ACROSS

ModelSite: TypeAlias = tuple[str, int, str]
"""(model, layer, position)."""


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
