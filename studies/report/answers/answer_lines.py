"""The answer of a run in at most six short sentences, for terminal, report and `summary.json` alike."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from unsinter.studies.figures.verdict_text import LOOKS
from unsinter.studies.reasons.reason import Reason, shared_words
from unsinter.studies.report.answers.answer import Claim, make_claims
from unsinter.studies.report.answers.answer_words import (
    NAMED,
    OVER_CATEGORIES_SENTENCES,
    SENTENCES,
    at_sites,
    in_models,
    upper,
)
from unsinter.studies.report.answers.findings import OVER_CATEGORIES, Finding, find_answers
from unsinter.studies.report.evidence.numbers import join_words
from unsinter.studies.report.evidence.run_data import RunEvidence

LIMIT = 6
"""Lines at most, however many models and questions there are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerLine:
    """One line of the answer: a word or two that can be read at a glance, then the sentence."""

    lead: str
    text: str
    verdict: str = ""
    """Whose colour the line may take; empty where it speaks of several verdicts."""

    def __str__(self) -> str:
        return f"{self.lead}: {self.text}"


def answer_lines(evidence: RunEvidence) -> list[AnswerLine]:
    """Return the answer of a run, decided questions first, then what stays open and why.

    Models that say the same share a line. Where these are too many lines, reasons of one question are put
    together, then verdicts of one question; then questions beyond the first are counted.
    """
    findings, models = find_answers(evidence), list(evidence.models)
    lines = _by_verdict(findings, models, key=_with_reason)
    if len(lines) > LIMIT:
        lines = _by_verdict(findings, models, key=_without_reason)
    if len(lines) > LIMIT:
        lines = _some_by_question(findings, models)
    if len(lines) > LIMIT:
        lines = _by_question(findings, models)
    if any(not finding.is_open for finding in findings):
        return lines
    lines = lines or [AnswerLine(lead="Open", text="no separation verdict is part of this run.")]
    return [*lines, *_read_lines(evidence)][:LIMIT]


def _with_reason(finding: Finding) -> Hashable:
    return finding.question, finding.verdict, _kind(finding)


def _without_reason(finding: Finding) -> Hashable:
    return finding.question, finding.verdict


def _by_verdict(
    findings: Sequence[Finding], models: Sequence[str], *, key: Callable[[Finding], Hashable]
) -> list[AnswerLine]:
    """Return a line per group of findings that say the same, the open ones last."""
    groups = _grouped(sorted(findings, key=lambda finding: finding.is_open), key)
    return [_line(group, models) for group in groups]


def _some_by_question(findings: Sequence[Finding], models: Sequence[str]) -> list[AnswerLine]:
    """Return a line per verdict, but one per question for as many questions as it takes, the last first."""
    still_open = [finding for finding in findings if finding.is_open]
    rest = _by_verdict(still_open, models, key=_without_reason)
    decided = [finding for finding in findings if not finding.is_open]
    questions = _grouped(decided, lambda finding: finding.question)
    parts = [_by_verdict(group, models, key=_without_reason) for group in questions]
    for place in reversed(range(len(parts))):
        if sum(map(len, parts)) + len(rest) > LIMIT and len(parts[place]) > 1:
            parts[place] = [_question_line(questions[place], models)]
    return [line for part in parts for line in part] + rest


def _line(group: Sequence[Finding], models: Sequence[str]) -> AnswerLine:
    finding = group[0]
    forms = OVER_CATEGORIES_SENTENCES if finding.question == OVER_CATEGORIES else SENTENCES
    where = " ".join(
        filter(None, [in_models(_named(group), models), "" if finding.is_open else _sites(group)])
    )
    sentence = forms[finding.verdict].format(first=finding.first, second=finding.second, where=where)
    return AnswerLine(
        lead=upper(_says(finding, finding.verdict)),
        text=f"{sentence} {_why(group)}" if finding.is_open else f"{sentence}.",
        verdict=finding.verdict,
    )


def _by_question(findings: Sequence[Finding], models: Sequence[str]) -> list[AnswerLine]:
    """Return a line per question that counts its verdicts, where there is room, then why some are open."""
    questions = _grouped(findings, lambda finding: finding.question)
    reasons = _reason_lines(findings, models)
    room = LIMIT - min(len(reasons), 1)
    rest = questions[room - 1 :] if len(questions) > room else []
    lines = [_question_line(group, models) for group in questions[: len(questions) - len(rest)]]
    if rest:
        lines.append(_rest_line(rest))
    return [*lines, *reasons[: LIMIT - len(lines)]]


def _question_line(group: Sequence[Finding], models: Sequence[str]) -> AnswerLine:
    finding = group[0]
    parts = sorted(
        _grouped(group, lambda one: one.verdict), key=lambda own: list(LOOKS).index(own[0].verdict)
    )
    if len(parts) > 1 and len(models) > NAMED:  # names would make it long; picture and tables hold them
        counted = [f"{_says(finding, own[0].verdict)} in {len(own)}" for own in parts]
        sentence = f"of {len(models)} models {join_words(counted)}."
    else:
        sentence = (
            "; ".join(f"{_says(finding, own[0].verdict)} {in_models(_named(own), models)}" for own in parts)
            + "."
        )
    over = ", over all categories" if finding.question == OVER_CATEGORIES else ""
    return AnswerLine(lead=f"{upper(finding.first)} and {finding.second}{over}", text=sentence)


def _rest_line(groups: Sequence[Sequence[Finding]]) -> AnswerLine:
    counts = Counter(finding.verdict for group in groups for finding in group)
    counted = [f"{LOOKS[verdict].plain} {counts[verdict]} times" for verdict in LOOKS if counts[verdict]]
    return AnswerLine(
        lead=f"{len(groups)} more questions", text=f"{', '.join(counted)}; the report has each."
    )


def _reason_lines(findings: Sequence[Finding], models: Sequence[str]) -> list[AnswerLine]:
    still_open = [finding for finding in findings if finding.is_open]
    groups = sorted(_grouped(still_open, _kind), key=lambda group: -len(group))
    return [
        _line(group, models)
        if len({finding.question for finding in group}) == 1
        else AnswerLine(
            lead="Open",
            text=f"{len(group)} of the {len(still_open)} open answers: {_reason(group)}.",
            verdict="undetermined",
        )
        for group in groups
    ]


def _why(group: Sequence[Finding]) -> str:
    """Return why a question is open for these models, and what other sites say."""
    kinds = sorted(_grouped(group, _kind), key=lambda own: -len(own))
    reason = upper(_reason(kinds[0]))
    if len(kinds) > 1:
        reason = f"In {len(kinds[0])} of {len(group)} models: {_reason(kinds[0])}"
    counts = _counts(group)
    sites = [
        f"{n} of {counts.total()} sites {_say(n)} {_says(group[0], verdict)}"
        for verdict, n in _decided(counts)
    ]
    return f"{reason}{f' ({join_words(sites)})' if sites else ''}."


def _sites(group: Sequence[Finding]) -> str:
    """Return where the verdict holds, and the share of sites that say so where they differ."""
    counts, verdict = _counts(group), group[0].verdict
    parts = [at_sites(sorted({finding.site for finding in group if finding.site is not None}))]
    if counts[verdict] < counts.total():
        parts.append(f"{counts[verdict]} of {counts.total()} sites {_say(counts[verdict])} so")
        parts += [
            f"{n} {_say(n)} {_says(group[0], other)}" for other, n in _decided(counts) if other != verdict
        ]
    return f"({'; '.join(filter(None, parts))})"


def _read_lines(evidence: RunEvidence) -> list[AnswerLine]:
    """Return what is read beyond the text and what is not, where separation has no answer."""
    claims = [claim for claim in make_claims(evidence) if claim.shown]
    lines = []
    for kind in ("Beats its floor", "Beats its floor, but does not stand", "Does not beat its floor"):
        if alike := [claim for claim in claims if _standing(claim) == kind]:
            targets = list(dict.fromkeys(claim.asks for claim in alike))
            lines.append(AnswerLine(lead=kind, text=f"{join_words(targets)}."))
    return lines


def _standing(claim: Claim) -> str:
    """Return what a score is called."""
    if claim.stands:
        return "Beats its floor"
    return "Beats its floor, but does not stand" if claim.row["beats_floor"] else "Does not beat its floor"


def _say(n: int) -> str:
    return "says" if n == 1 else "say"


def _says(finding: Finding, verdict: str) -> str:
    """Return what a verdict is called, by the factor that it speaks of where that is one."""
    only = {"first-only": finding.first, "second-only": finding.second}.get(verdict)
    return f"only {only}" if only else LOOKS[verdict].plain


def _named(group: Sequence[Finding]) -> list[str]:
    return list(dict.fromkeys(finding.model for finding in group))


def _grouped(findings: Iterable[Finding], key: Callable[[Finding], Hashable]) -> list[list[Finding]]:
    groups: dict[Hashable, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(key(finding), []).append(finding)
    return list(groups.values())


def _counts(group: Sequence[Finding]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for finding in group:
        counts.update(finding.sites)
    return counts


def _decided(counts: Counter[str]) -> list[tuple[str, int]]:
    return [(verdict, counts[verdict]) for verdict in LOOKS if counts[verdict] and verdict != "undetermined"]


def _kind(finding: Finding) -> Hashable:
    """Return what reasons that differ by their numbers only have in common."""
    return finding.reason and finding.reason.short, bool(finding.settles)


def _reason(group: Sequence[Finding]) -> str:
    """Return why answers of one kind are open, and what would settle them where that is known."""
    reason = shared_words([finding.reason for finding in group if finding.reason is not None])
    settles = {finding.settles for finding in group}
    more = settles.pop() if len(settles) == 1 else Reason("various-groups")
    return f"{reason}; {more}" if more else reason
