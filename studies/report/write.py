"""The page, from a run folder's files alone."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from unsinter.cache.atomic import sweep, write_atomically
from unsinter.cache.refusals import naming
from unsinter.studies.report.across_sections import across_blocks
from unsinter.studies.report.answer import Claim, answer, make_claims
from unsinter.studies.report.answer_lines import answer_lines
from unsinter.studies.report.blocks import Panels, Section
from unsinter.studies.report.comparison_sections import held_out_blocks, transfer_blocks
from unsinter.studies.report.cross_model_sections import cross_model_blocks
from unsinter.studies.report.gaps import find_gaps, undecided_line
from unsinter.studies.report.layer_sections import axes_blocks, layer_blocks
from unsinter.studies.report.picture import Picture, first_picture
from unsinter.studies.report.reproduce_sections import glossary_blocks, reproduce_blocks
from unsinter.studies.report.run_data import Evidence, ReportError, read_evidence
from unsinter.studies.report.score_sections import score_blocks
from unsinter.studies.report.study_sections import cell_blocks, tuning_blocks, wording_blocks
from unsinter.studies.report.verdict_sections import verdict_blocks
from unsinter.studies.report.verdict_sentences import (
    LIMITS,
    across_answers,
    says_something,
    separation_answers,
)

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


def write_page(evidence: Evidence) -> Mapping[str, str]:
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


def make_page(evidence: Evidence) -> Page:
    """Return the page and what of it could not be drawn."""
    claims = make_claims(evidence)
    picture, sections = first_picture(evidence), make_sections(evidence, claims)
    figures = [picture.figure] if picture is not None else []
    panels = (block for section in sections for block in section.blocks if isinstance(block, Panels))
    figures += [figure for panel in panels for figure in panel.figures]
    not_drawn = {figure.name: figure.fault for figure in figures if figure.fault}
    return Page(text=_render(evidence, claims, picture, sections), not_drawn=not_drawn)


def render_report(evidence: Evidence) -> str:
    """Return the page: one HTML text that asks for nothing else."""
    return make_page(evidence).text


def _render(
    evidence: Evidence, claims: Sequence[Claim], picture: Picture | None, sections: Sequence[Section]
) -> str:
    environment = Environment(
        loader=PackageLoader("unsinter.studies.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["numbers"] = _numbers
    style = (Path(__file__).parent / "report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html.j2").render(
        style=Markup(style),
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


def answer_separation(evidence: Evidence) -> SeparationAnswer:
    """Return what a run says of separation, in sentences that can be quoted."""
    models, across = list(evidence.models), evidence["across_categories"]
    headlines = [] if across.empty else across_answers(across, models)
    if not evidence.has_verdicts:
        return SeparationAnswer(headlines=headlines)
    verdicts, results = evidence["verdicts"], evidence["results"]
    return SeparationAnswer(
        headlines=headlines,
        models=separation_answers(verdicts, None if results.empty else results, models),
        limits=LIMITS if says_something(verdicts) else "",
    )


def _question(evidence: Evidence) -> str:
    """Return the question that the study file puts first, else that of the targets."""
    words = evidence.study.get("report")
    own = words.get("question") if isinstance(words, dict) else None
    return str(own) if own else QUESTION


def _gaps_of_figures(evidence: Evidence) -> list[tuple[str, str]]:
    faults = evidence.summary.get("not_drawn") or {}
    return [(f"figure {name}", f"It could not be drawn ({why}).") for name, why in faults.items()]


def _numbers(text: str) -> Markup:
    """Mark up scores and gains with their intervals, so that a line never breaks inside one."""
    pattern = r"(?<!\d)[+\u2212]?(?:1?\.\d{3})(?: \[[^\]]+\])?"
    return Markup(re.sub(pattern, r'<span class="number">\g<0></span>', str(escape(text))))


def make_sections(evidence: Evidence, claims: Sequence[Claim]) -> list[Section]:
    """Return the sections that have something to show, in reading order."""
    sections = [
        Section(
            anchor="scores", short="Scores", title="What came out", blocks=score_blocks(evidence, claims)
        ),
        Section(anchor="cells", short="Cells", title="What it rests on", blocks=cell_blocks(evidence)),
        Section(anchor="layers", short="Layers", title="Layer by layer", blocks=layer_blocks(evidence)),
        Section(
            anchor="axes", short="Two axes", title="Detection against refusal", blocks=axes_blocks(evidence)
        ),
        Section(
            anchor="across",
            short="Categories",
            title="Detached or sintered, over all categories",
            blocks=across_blocks(evidence),
        ),
        Section(
            anchor="verdicts", short="Verdicts", title="Separation verdicts", blocks=verdict_blocks(evidence)
        ),
        Section(
            anchor="wording", short="Wording", title="Wording by category", blocks=wording_blocks(evidence)
        ),
        Section(
            anchor="transfer",
            short="Transfer",
            title="From one category to another",
            blocks=transfer_blocks(evidence),
        ),
        Section(
            anchor="held-out",
            short="Left out",
            title="On what it never saw",
            blocks=held_out_blocks(evidence),
        ),
        Section(
            anchor="cross-model",
            short="Across models",
            title="From one model to another",
            blocks=cross_model_blocks(evidence),
        ),
        Section(anchor="tuning", short="Tuning", title="Tuning", blocks=tuning_blocks(evidence)),
        Section(
            anchor="reproduce", short="Reproduce", title="How to reproduce", blocks=reproduce_blocks(evidence)
        ),
        Section(anchor="words", short="Words", title="Words", blocks=glossary_blocks()),
    ]
    return [section for section in sections if section.blocks]
