"""What a run says of each question in each model: the verdict at one site, and how many others share it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from unsinter.studies.data.sites import Site
from unsinter.studies.figures.verdict_text import chosen_site, short_factor, summary_rows
from unsinter.studies.reasons.columns import row_reason, summary_reason
from unsinter.studies.reasons.reason import Reason
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.evidence.verdict_sentences import across_rows

OVER_CATEGORIES = "over all categories"
"""The question of wording and category of the study over categories."""

ALWAYS_ASKED = ("D-R", "D-W", "C-W")
"""Pairs that are named as open where a run could not judge them."""

_DECISIONS = {"detached": "separable", "sintered": "shared"}
"""A decision over categories -> the verdict that it is."""

_AGREES = {"detached": {"separable"}, "sintered": {"shared", "first-only", "not-apart"}}
"""A decision over categories -> the verdicts of category and wording that say nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One model's answer to one question.

    Attributes
    ----------
    question : name of the pair, or ``OVER_CATEGORIES``.
    first, second : what the two factors are called.
    verdict : as in the table of verdicts.
    site : the site that speaks; None where nothing was judged.
    sites : verdict -> number of sites.
    reason : why it stays open; None where it is decided.
    settles : what would settle it; empty where that is not known.
    """

    question: str
    model: str
    first: str
    second: str
    verdict: str
    site: Site | None = None
    sites: Mapping[str, int] = field(default_factory=dict)
    reason: Reason | None = None
    settles: str = ""

    @property
    def is_open(self) -> bool:
        """Whether nothing is said."""
        return self.verdict == "undetermined"


def find_answers(evidence: RunEvidence) -> list[Finding]:
    """Return the findings that the answer tells, question by question, each in the order of its models.

    A pair that repeats what the study over categories says, or leaves open what that decides, is left out.
    """
    return [finding for finding in all_findings(evidence) if not _is_told_better(evidence, finding)]


def all_findings(evidence: RunEvidence) -> list[Finding]:
    """Return every finding of a run."""
    judged = _by_question(evidence)
    questions = list(dict.fromkeys([*ALWAYS_ASKED, OVER_CATEGORIES, *_own_pairs(evidence), *judged]))
    findings = []
    for question in questions:
        for model in evidence.models:
            finding = _over_categories(evidence, model) if question == OVER_CATEGORIES else None
            if question != OVER_CATEGORIES:
                rows = judged.get(question, {}).get(model)
                finding = _unjudged(evidence, question, model) if rows is None else _judged(evidence, rows)
            if finding is not None:
                findings.append(finding)
    return findings


def _by_question(evidence: RunEvidence) -> dict[str, dict[str, pd.DataFrame]]:
    """Return question -> model -> its rows, one per site."""
    if not evidence.has_verdicts:
        return {}
    parts: dict[str, dict[str, pd.DataFrame]] = {}
    for (pair, model), rows in summary_rows(evidence["verdicts"]).groupby(["pair", "model"], sort=False):
        parts.setdefault(str(pair), {})[str(model)] = rows
    return parts


def _judged(evidence: RunEvidence, rows: pd.DataFrame) -> Finding:
    results = None if evidence["results"].empty else evidence["results"]
    row, _ = chosen_site(rows, results)
    first, second = short_factor(row["first"]), short_factor(row["second"])
    is_open, settles = row["verdict"] == "undetermined", row.get("settles")
    return Finding(
        question=str(row["pair"]),
        model=str(row["model"]),
        first=first,
        second=second,
        verdict=str(row["verdict"]),
        site=(int(row["layer"]), str(row["position"])),
        sites=rows["verdict"].value_counts().to_dict(),
        reason=row_reason(row) if is_open else None,
        settles=settles if is_open and isinstance(settles, str) else "",
    )


def _own_pairs(evidence: RunEvidence) -> list[str]:
    """Return the pairs with a target of the study's own, which its file names one by one."""
    pairs = (evidence.study.get("separation") or {}).get("pairs")
    listed = pairs if isinstance(pairs, list) else []
    return [pair for pair in listed if isinstance(pair, str) and _has_own(evidence, pair)]


def _has_own(evidence: RunEvidence, pair: str) -> bool:
    return any(evidence.target(name).is_own for name in pair.split("-"))


def _unjudged(evidence: RunEvidence, question: str, model: str) -> Finding | None:
    """Return that a model has no verdict on a question, and why; None where it was not to have one."""
    pairs = (evidence.study.get("separation") or {}).get("pairs", ALWAYS_ASKED)
    if question not in (*ALWAYS_ASKED, *_own_pairs(evidence)) or question not in pairs:
        return None
    reason = _missing(evidence.models[model], question, is_judged=evidence.has_verdicts)
    if reason is None:
        return None
    first, _, second = question.partition("-")
    return Finding(
        question=question,
        model=model,
        first=short_factor(first),
        second=short_factor(second),
        verdict="undetermined",
        reason=reason,
    )


def _missing(part: Mapping[str, Any], question: str, *, is_judged: bool) -> Reason | None:
    known = part.get("reasons") or {}
    left_out = (part.get("not_separated") or {}).get(question)
    if left_out:
        return summary_reason(left_out, known.get(question))
    not_studied = part.get("not_studied") or {}
    if missing := [letter for letter in question.split("-") if letter in not_studied]:
        reason = summary_reason(not_studied[missing[0]], known.get(missing[0]))
        return reason if question != "C-W" else None
    if question != "D-R" or is_judged:
        return None
    if not part.get("groups_per_cell"):
        return Reason("no-responses")
    return Reason("not-asked")


def _over_categories(evidence: RunEvidence, model: str) -> Finding | None:
    across = evidence["across_categories"]
    rows = [] if across.empty else across_rows(across, model)
    if not rows:
        return None
    row = rows[0]
    verdict = _DECISIONS.get(str(row["decision"]), "undetermined")
    return Finding(
        question=OVER_CATEGORIES,
        model=model,
        first=short_factor("C"),
        second=short_factor("W"),
        verdict=verdict,
        site=(int(row["layer"]), str(row["position"])),
        sites=Counter(_DECISIONS.get(str(other["decision"]), "undetermined") for other in rows),
        reason=_across_reason(row) if verdict == "undetermined" else None,
    )


def _across_reason(row: Mapping[str, Any]) -> Reason:
    return row_reason(row) if row.get("reason") else Reason("interval-too-wide")


def _is_told_better(evidence: RunEvidence, finding: Finding) -> bool:
    """Whether the study over categories decides what the pair C-W leaves open, or says the same."""
    if finding.question != "C-W":
        return False
    over = _over_categories(evidence, finding.model)
    if over is None or over.is_open:
        return False
    decision = {verdict: name for name, verdict in _DECISIONS.items()}[over.verdict]
    return finding.is_open or finding.verdict in _AGREES[decision]
