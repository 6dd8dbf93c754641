"""The page, from a run folder's files alone."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from markupsafe import Markup, escape

from unsinter.cache.atomic import sweep, write_atomically
from unsinter.cache.errors import naming
from unsinter.studies.causal.sentences import limits_of
from unsinter.studies.figures.page_templates import page_templates
from unsinter.studies.report.answers.answer import Claim, answer, make_claims
from unsinter.studies.report.answers.answer_lines import answer_lines
from unsinter.studies.report.answers.gaps import find_gaps, undecided_line
from unsinter.studies.report.evidence.run_data import ReportError, RunEvidence, read_evidence
from unsinter.studies.report.evidence.verdict_sentences import (
    LIMITS,
    across_answers,
    says_something,
    separation_answers,
)
from unsinter.studies.report.picture import Picture, first_picture
from unsinter.studies.report.sections.blocks import Block, Panels, Section
from unsinter.studies.report.sections.causal_sections import causal_blocks
from unsinter.studies.report.sections.comparison_sections import held_out_blocks, transfer_blocks
from unsinter.studies.report.sections.detachment_sections import across_blocks
from unsinter.studies.report.sections.layer_sections import axes_blocks, layer_blocks, prompt_blocks
from unsinter.studies.report.sections.model_pair_sections import cross_model_blocks, difference_blocks
from unsinter.studies.report.sections.reproduce_sections import glossary_blocks, reproduce_blocks
from unsinter.studies.report.sections.score_sections import score_blocks
from unsinter.studies.report.sections.study_sections import (
    answer_blocks,
    cell_blocks,
    tuning_blocks,
    wording_blocks,
)
from unsinter.studies.report.sections.verdict_sections import verdict_blocks
from unsinter.studies.token_maps.reading_html import maps_style

QUESTION = (
    "When a model refuses, is what it noticed (the request is harmful) represented apart from how it will "
    "say no, and is that one thing or a different thing for every category of harm?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that was made: its text, and by name the figures that could not be drawn, with the reason."""

    text: str
    not_drawn: Mapping[str, str]


def write_report(folder: Path) -> Path:
    """Write ``report.html`` of a finished run and return its path; nothing is fitted again.

    Raises
    ------
    ReportError : the folder holds no finished run, a file is damaged, or the page cannot be written.
    """
    write_page(read_evidence(folder))
    return folder / "report.html"


def write_page(evidence: RunEvidence) -> Mapping[str, str]:
    """Write ``report.html`` of a run at hand; return by name the figures that could not be drawn, and why.

    Raises
    ------
    ReportError : the page cannot be written.
    """
    page = make_page(evidence)
    target = evidence.folder / "report.html"
    with naming(target, ReportError):
        sweep(target)
        write_atomically(target, [page.text.encode()])
    return page.not_drawn


def make_page(evidence: RunEvidence) -> Page:
    """Return the page, one HTML text that asks for nothing else, and what of it could not be drawn."""
    claims = make_claims(evidence)
    picture, sections = first_picture(evidence), make_sections(evidence, claims)
    figures = [picture.figure] if picture is not None else []
    panels = (block for section in sections for block in section.blocks if isinstance(block, Panels))
    figures += [figure for panel in panels for figure in panel.figures]
    not_drawn = {figure.name: figure.fault for figure in figures if figure.fault}
    return Page(text=_render(evidence, claims, picture, sections), not_drawn=not_drawn)


def _render(
    evidence: RunEvidence, claims: Sequence[Claim], picture: Picture | None, sections: Sequence[Section]
) -> str:
    environment = page_templates("unsinter.studies.report")
    environment.filters["numbers"] = _numbers
    style = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html.j2").render(
        style=Markup(style + maps_style()),
        summary=evidence.summary,
        models=list(evidence.models),
        lines=answer_lines(evidence),
        picture=picture,
        question=_question(evidence),
        answer=answer(claims),
        separation=answer_separation(evidence),
        undecided=undecided_line(evidence),
        gaps=[*find_gaps(evidence, claims), *_gaps_of_figures(evidence)],
        sections=sections,
        version=version("unsinter"),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SeparationAnswer:
    """What the page says of separation in numbers; empty where nothing was judged.

    Attributes
    ----------
    headlines : a sentence per model on all categories.
    models : each model with a sentence per pair.
    limits : what these do not show; empty where no site has a verdict.
    """

    headlines: Sequence[str] = ()
    models: Sequence[tuple[str, Sequence[str]]] = ()
    limits: str = ""


def answer_separation(evidence: RunEvidence) -> SeparationAnswer:
    """Return what a run says of separation, in sentences that can be quoted."""
    models, across = list(evidence.models), evidence["across_categories"]
    headlines = [] if across.empty else across_answers(across, models)
    if not evidence.has_verdicts:
        return SeparationAnswer(headlines=headlines)
    verdicts, results = evidence["verdicts"], evidence["results"]
    return SeparationAnswer(
        headlines=headlines,
        models=separation_answers(verdicts, None if results.empty else results, models),
        limits=limits_of(evidence["causal"], without=LIMITS) if says_something(verdicts) else "",
    )


def _question(evidence: RunEvidence) -> str:
    """Return the question that the study file puts first, else that of the targets."""
    words = evidence.study.get("report")
    own = words.get("question") if isinstance(words, dict) else None
    return str(own) if own else QUESTION


def _gaps_of_figures(evidence: RunEvidence) -> list[tuple[str, str]]:
    faults = evidence.summary.get("not_drawn") or {}
    return [(f"figure {name}", f"It could not be drawn ({why}).") for name, why in faults.items()]


def _numbers(text: str) -> Markup:
    """Mark up scores and gains with their intervals, so that a line never breaks inside one."""
    pattern = r"(?<!\d)[+\u2212]?(?:1?\.\d{3})(?: \[[^\]]+\])?"
    return Markup(re.sub(pattern, r'<span class="number">\g<0></span>', str(escape(text))))


def make_sections(evidence: RunEvidence, claims: Sequence[Claim]) -> list[Section]:
    """Return the sections that have something to show, in reading order."""
    sections: list[tuple[str, str, str, list[Block]]] = [
        ("scores", "Scores", "What came out", score_blocks(evidence, claims)),
        ("cells", "Cells", "What it rests on", [*cell_blocks(evidence), *answer_blocks(evidence)]),
        ("layers", "Layers", "Layer by layer", layer_blocks(evidence)),
        ("axes", "Two axes", "Detection against refusal", axes_blocks(evidence)),
        ("across", "Categories", "Detached or sintered, over all categories", across_blocks(evidence)),
        ("verdicts", "Verdicts", "Separation verdicts", verdict_blocks(evidence)),
        ("wording", "Wording", "Wording by category", wording_blocks(evidence)),
        ("transfer", "Transfer", "From one category to another", transfer_blocks(evidence)),
        ("causal", "Causes", "Does the model use it?", causal_blocks(evidence)),
        ("held-out", "Left out", "On what it never saw", held_out_blocks(evidence)),
        ("models", "Models", "One model beside another", difference_blocks(evidence)),
        ("cross-model", "Across models", "From one model to another", cross_model_blocks(evidence)),
        ("prompts", "Prompts", "Single prompts, token by token", prompt_blocks(evidence)),
        ("tuning", "Tuning", "Tuning", tuning_blocks(evidence)),
        ("reproduce", "Reproduce", "How to reproduce", reproduce_blocks(evidence)),
        ("words", "Words", "Words", glossary_blocks()),
    ]
    return [
        Section(anchor=anchor, short=short, title=title, blocks=blocks)
        for anchor, short, title, blocks in sections
        if blocks
    ]
