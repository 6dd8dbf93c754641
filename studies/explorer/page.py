"""The page to explore a run with: one file that has its data, style and script in it."""

import base64
import hashlib
from functools import cache
from importlib import resources
from importlib.metadata import version
from pathlib import Path

from markupsafe import Markup

from unsinter.cache.atomic import make_folder, sweep, write_atomically
from unsinter.cache.errors import naming
from unsinter.studies.explorer.axes import model_axes
from unsinter.studies.explorer.curves import curves
from unsinter.studies.explorer.kinds import KINDS
from unsinter.studies.explorer.payload import MARKS, KeptPrompts, as_json, model_table, run_table
from unsinter.studies.figures.page_templates import page_templates
from unsinter.studies.figures.style import CELLS
from unsinter.studies.report.evidence.run_data import ReportError, RunEvidence
from unsinter.studies.report.sections.figures import VARIABLES
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.run_options import Progress, silent
from unsinter.studies.tables.prompt_columns import KEPT_ROWS
from unsinter.studies.tables.read import RunReader

MARK = "<!-- a run to explore: written by unsinter view -->"
"""Stands in the first lines of every such page: only a page that has it is written over."""

_PACKAGE = "unsinter.studies.explorer"
_SCRIPTS = ("elements.js", "model.js", "picture.js", "layers.js", "sheets.js", "explorer.js")
"""In order: what a later one calls stands in an earlier one."""


def make_explorer(evidence: RunEvidence, kept: KeptPrompts, *, progress: Progress = silent) -> str:
    """Return the page, one HTML text.

    Raises
    ------
    ReportError : the run holds nothing that could be explored.
    """
    tables, drawings = [], []
    for n_done, model in enumerate(evidence.models):
        progress("tables of the page", n_done, len(evidence.models))
        axes = model_axes(evidence, model)
        tables.append(model_table(evidence, model, kept, axes))
        drawings.append([list(curves(axis, axes, axes.title(axis))) for axis in axes.axes])
    progress("tables of the page", len(tables), len(tables))
    if not any(table["axes"] or any(table["sheets"].values()) for table in tables):
        raise ReportError(
            f"{evidence.folder} holds no held-out scores of prompts in two classes, no verdicts and no "
            "transfer, so there is nothing to explore; its report says what it holds."
        )
    style, script = _style(), _script()
    environment = page_templates(_PACKAGE)
    return environment.get_template("explorer.html.j2").render(
        mark=Markup(MARK),
        study=str(evidence.summary.get("study", evidence.folder.name)),
        policy=Markup(
            f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; img-src data:; "
            "base-uri 'none'; form-action 'none'"
        ),
        style=Markup(style),
        script=Markup(script),
        run=Markup(as_json(run_table(evidence))),
        models=[Markup(as_json(table)) for table in tables],
        drawings=drawings,
        kinds=KINDS,
        marks=MARKS,
        version=version("unsinter"),
    )


def read_kept_prompts(reader: RunReader) -> KeptPrompts:
    """Return what a run kept of its prompts, their texts left out.

    Raises
    ------
    the reader's own error : a file is damaged, or of another shape.
    """
    prompts = reader.table("prompts", columns=["id"])
    if prompts is not None:
        prompts = prompts.drop(columns="prompt", errors="ignore")
    return KeptPrompts(prompts=prompts, rows=reader.table("rows", columns=list(KEPT_ROWS)))


def write_explorer(page: Path, text: str) -> None:
    """Write the page, whole or not at all.

    Raises
    ------
    StudyError : the system refuses.
    """
    with naming(page, StudyError):
        make_folder(page.parent)
        sweep(page)
        # Half of a pair of signs, which JSON can hold and no file of text can, becomes a question mark.
        write_atomically(page, [text.encode("utf-8", "replace")])


def _source(text: str) -> str:
    """Return how a policy names an element of exactly this text."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _style() -> str:
    report = (resources.files("unsinter.studies.report") / "report.css").read_text(encoding="utf-8")
    own = (resources.files(_PACKAGE) / "explorer.css").read_text(encoding="utf-8")
    # Of the positive class of both axes, of the first alone, of the second alone, of neither.
    groups = enumerate(VARIABLES[colour] for colour, _, _ in CELLS.values())
    return report + own + "".join(f".g{place} {{ fill: var({name}); }}\n" for place, name in groups)


@cache
def _script() -> str:
    parts = [(resources.files(_PACKAGE) / name).read_text(encoding="utf-8") for name in _SCRIPTS]
    return '"use strict";\n(() => {\n' + "\n".join(parts) + "})();\n"
