"""The picture that the report opens with: all verdicts in one map, or a curve where there are none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import pandas as pd

from unsinter.studies.figures.answer_map import MOST_COLUMNS, MOST_MODELS, MappedAnswer, answer_map
from unsinter.studies.figures.style import shorten
from unsinter.studies.figures.verdict_text import LOOKS, summary_rows
from unsinter.studies.report.answers.findings import OVER_CATEGORIES, Finding, all_findings, find_answers
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.sections.blocks import Key
from unsinter.studies.report.sections.figures import PageFigure, page_figure, verdict_variable
from unsinter.studies.report.sections.layer_sections import first_curve

_LONGEST = 56
"""Letters of a question that fit across the picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One figure with its legend and caption."""

    figure: PageFigure
    legend: Sequence[Key]
    caption: str


def first_picture(evidence: RunEvidence) -> Picture | None:
    """Return the map of all verdicts, else the first layer curve, else None."""
    answered = {finding.question for finding in find_answers(evidence)}
    # Of each question that the lines answer, every model: one whose answer stands elsewhere was judged too.
    findings = [finding for finding in all_findings(evidence) if finding.question in answered]
    if any(finding.site is not None for finding in findings):
        return _map(evidence, findings)
    if (curve := first_curve(evidence)) is None:
        return None
    figure, legend = curve
    return Picture(figure=figure, legend=legend, caption="Held-out score by layer, with its 95 % band.")


def _map(evidence: RunEvidence, findings: Sequence[Finding]) -> Picture:
    models = list(evidence.models)
    questions: dict[str, dict[str, MappedAnswer]] = {}
    for finding in findings:
        answer = MappedAnswer(verdict=finding.verdict, site=finding.site, rows=_rows(evidence, finding))
        questions.setdefault(_title(finding), {})[finding.model] = answer
    figure = page_figure(partial(answer_map, questions, models), name="answer", alt=_alt(findings))
    return Picture(figure=figure, legend=_legend(questions), caption=_caption(models))


def _rows(evidence: RunEvidence, finding: Finding) -> pd.DataFrame:
    if finding.question == OVER_CATEGORIES or finding.site is None:
        return pd.DataFrame()
    return summary_rows(evidence.of("verdicts", model=finding.model, pair=finding.question))


def _title(finding: Finding) -> str:
    first, second = finding.first, finding.second
    if finding.question == OVER_CATEGORIES:
        first, second = second, first
    return shorten(f"Is {first} apart from {second}?", _LONGEST)


def _legend(questions: Mapping[str, Mapping[str, MappedAnswer]]) -> list[Key]:
    answers = [answer for own in questions.values() for answer in own.values()]
    there = {answer.verdict for answer in answers if answer.site is not None}
    there |= {str(name) for answer in answers if len(answer.rows) for name in answer.rows["verdict"]}
    return [
        Key(mark="square", name=f"{look.mark} {look.plain}", colour=f"var({verdict_variable(name)})")
        for name, look in LOOKS.items()
        if name in there
    ]


def _caption(models: Sequence[str]) -> str:
    if len(models) <= MOST_COLUMNS:
        return "Outlined: the site, chosen in training, that answers."
    more = len(models) - MOST_MODELS
    rest = f" The first {MOST_MODELS}; {more} more stand below." if more > 0 else ""
    return f"A row per model: its verdict at the site chosen in training.{rest}"


def _alt(findings: Sequence[Finding]) -> str:
    answers_of: dict[str, list[str]] = {}
    for finding in findings:
        counts = ", ".join(
            f"{finding.sites[name]} {look.plain}" for name, look in LOOKS.items() if finding.sites.get(name)
        )
        where = f" at layer {finding.site[0]}, {finding.site[1]}" if finding.site else ""
        sites = f" ({counts} of {sum(finding.sites.values())} sites)" if counts else ""
        answers_of.setdefault(_title(finding), []).append(
            f"{finding.model}: {LOOKS[finding.verdict].plain}{where}{sites}"
        )
    return "Verdicts by question and model. " + " ".join(
        f"{question} {'; '.join(answers)}." for question, answers in answers_of.items()
    )
