"""Rows of ``verdicts.parquet``: one per contrast and site, and the pair's summary over its contrasts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from unsinter.features.worlds.knobs import CELLS
from unsinter.studies.data.estimate import NAN, Estimate
from unsinter.studies.reasons.columns import reason_columns, row_reason
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.separation.inputs.study_pairs import PairContrast
from unsinter.studies.separation.supporting.site_evidence import SiteEvidence
from unsinter.studies.separation.verdict.site_verdict import Evidence, SiteVerdict

UNJUDGED = frozenset(
    {"constant-factor", "labels-unknown", "too-few-groups", "fixed-factor", "fixed-together", "small-levels"}
)
"""Codes of what stands in the way of a contrast before any activation is read."""

_STYLE_INVARIANT = _CATEGORY_GENERAL = 0.7
"""What the lower limit of a transfer must reach for the flag beside "separable"."""


def verdict_rows(
    contrasts: Sequence[PairContrast],
    verdicts: Sequence[Sequence[SiteVerdict]],
    more: Mapping[tuple[int, int, str], SiteEvidence],
) -> list[dict[str, Any]]:
    """Return rows of the table but for the model's name: summaries first, pair by pair.

    Parameters
    ----------
    verdicts : per contrast, one per site.
    more : what was measured at chosen sites only, by (place of the contrast, layer, position).
    """
    rows = []
    for name in dict.fromkeys(contrast.name for contrast in contrasts):
        places = [place for place, contrast in enumerate(contrasts) if contrast.name == name]
        rows_of_pair = [
            [
                _contrast_row(contrasts[place], judged, more.get((place, judged.layer, judged.position)))
                for judged in verdicts[place]
            ]
            for place in places
        ]
        if len(places) == 1:
            rows += [row | {"is_summary": True} for row in rows_of_pair[0]]
            continue
        rows += [summary_row([own[site] for own in rows_of_pair]) for site in range(len(rows_of_pair[0]))]
        rows += [row for own in rows_of_pair for row in own]
    return rows


def _contrast_row(contrast: PairContrast, judged: SiteVerdict, more: SiteEvidence | None) -> dict[str, Any]:
    first, second = contrast.letters
    extra = more or SiteEvidence()
    separable = judged.verdict == "separable"
    return {
        "pair": contrast.name,
        "first": first,
        "second": second,
        "first_class": contrast.first_class,
        "second_class": contrast.second_class,
        "is_summary": False,
        "layer": judged.layer,
        "position": judged.position,
        "verdict": judged.verdict,
        **reason_columns(judged.reason),
        "settles": str(judged.settles),
        **{f"groups_{cell}": judged.groups_per_cell.get(cell, 0) for cell in CELLS},
        "phi": judged.phi,
        "cramers_v": contrast.cramers_v,
        "stratified": judged.is_stratified,
        **_estimates({name: getattr(judged.evidence, name) for name in Evidence.__slots__}),
        **_estimates({"transfer_category": extra.transfer_category, "cosine": extra.cosine}),
        "cosine_noise_free": extra.cosine_noise_free,
        "cosine_null_low": extra.cosine_null_low,
        "cosine_null_high": extra.cosine_null_high,
        "reliability_first": extra.reliability_first,
        "reliability_second": extra.reliability_second,
        "cosine_position": extra.cosine_position,
        "kept_first": extra.kept_first,
        "kept_second": extra.kept_second,
        "kept_first_random": extra.kept_first_random,
        "kept_second_random": extra.kept_second_random,
        "kept_first_permuted": extra.kept_first_permuted,
        "kept_second_permuted": extra.kept_second_permuted,
        "check_first": extra.check_first,
        "check_second": extra.check_second,
        "erased_site": more is not None,
        "style_invariant": separable and judged.evidence.transfer_second.low >= _STYLE_INVARIANT,
        "category_general": separable and extra.transfer_category.low >= _CATEGORY_GENERAL,
    }


def _estimates(named: Mapping[str, Estimate]) -> dict[str, float]:
    columns: dict[str, float] = {}
    for name, estimate in named.items():
        columns |= {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return columns


def summary_row(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return one row for a pair at one site, from the rows of its contrasts.

    The verdict is that of the contrasts that are decided, where these are half of them or more and agree;
    else it is undetermined, and the reason names what they say. A contrast whose labels leave nothing to
    judge, as one of a rare class, has no say where others do: it is counted in the reason. Values are means
    over contrasts, limits the lowest and highest limit of any of them, groups the fewest in any.
    """
    judged = [row for row in rows if row_reason(row).code not in UNJUDGED]
    left_out = [row for row in rows if row_reason(row).code in UNJUDGED] if judged else []
    rows = judged or rows
    verdict, reason = _agreement(rows)
    if left_out:
        reason = Reason("contrasts-left-out", why=reason, n=len(left_out), names=_classes(left_out))
    summary = dict(rows[0])
    summary |= {"first_class": _common(rows, "first_class"), "second_class": _common(rows, "second_class")}
    summary |= {"is_summary": True, "verdict": verdict, **reason_columns(reason)}
    summary["settles"] = _settles(rows) if verdict == "undetermined" else ""
    for column, value in rows[0].items():
        if column.startswith("groups_"):
            summary[column] = min(row[column] for row in rows)
        elif isinstance(value, float):
            summary[column] = _over(column, [row[column] for row in rows])
    for flag in ("stratified", "style_invariant", "category_general"):
        summary[flag] = all(row[flag] for row in rows)
    summary["erased_site"] = any(row["erased_site"] for row in rows)
    return summary


def _settles(rows: Sequence[dict[str, Any]]) -> str:
    texts = [row["settles"] for row in rows if row["verdict"] == "undetermined"]
    if len(set(texts)) <= 1:
        return "".join(texts[:1])
    return str(Reason("various-groups"))


def _over(column: str, values: Sequence[float]) -> float:
    finite = [value for value in values if np.isfinite(value)]
    if not finite:
        return NAN
    if column.endswith("_low"):
        return min(finite)
    return max(finite) if column.endswith("_high") else float(np.mean(finite))


def _common(rows: Sequence[dict[str, Any]], column: str) -> str:
    values = {row[column] for row in rows}
    return values.pop() if len(values) == 1 else "all"


def _agreement(rows: Sequence[dict[str, Any]]) -> tuple[str, Reason]:
    decided = [row for row in rows if row["verdict"] != "undetermined"]
    by_verdict = {
        verdict: _names(decided, verdict) for verdict in dict.fromkeys(r["verdict"] for r in decided)
    }
    if len(decided) * 2 < len(rows):
        reasons = Counter(row_reason(row) for row in rows if row["verdict"] == "undetermined")
        (reason, n), *_ = reasons.most_common(1)
        shared = {"n": n, "total": len(rows), "why": reason}
        if not decided:
            return "undetermined", Reason("contrasts-open", **shared)
        return "undetermined", Reason("some-contrasts-open", **shared, decided=by_verdict)
    if len(by_verdict) > 1:
        return "undetermined", Reason("contrasts-differ", decided=by_verdict)
    ((verdict, names),) = by_verdict.items()
    agreeing = {"n": len(decided), "total": len(rows), "names": names}
    if still_open := len(rows) - len(decided):
        return verdict, Reason("decided-contrasts-agree", **agreeing, still_open=still_open)
    return verdict, Reason("contrasts-agree", **agreeing)


def _names(rows: Sequence[dict[str, Any]], verdict: str) -> list[str]:
    own = [row for row in rows if row["verdict"] == verdict]
    return _classes(own, several=len({row["first_class"] for row in rows}) > 1)


def _classes(rows: Sequence[dict[str, Any]], *, several: bool = False) -> list[str]:
    return [
        f"{row['first_class']} and {row['second_class']}" if several else row["second_class"] for row in rows
    ]
