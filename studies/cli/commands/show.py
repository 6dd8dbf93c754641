"""What `show` does: one prompt of a finished run read token by token, for the terminal and as a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from unsinter.cache.atomic import make_folder, sweep, write_atomically
from unsinter.cache.errors import naming
from unsinter.cache.location import expand_home
from unsinter.studies.cli.commands.prompt_sites import PromptChoice
from unsinter.studies.cli.commands.shown_prompt import ShownPrompt, read_shown
from unsinter.studies.report.sections.figures import as_id
from unsinter.studies.store.additions import folder_inside, page_place
from unsinter.studies.study.file import StudyError
from unsinter.studies.study.run_options import Progress
from unsinter.studies.tables.columns import Table
from unsinter.studies.tables.read import RunReader, open_run
from unsinter.studies.token_maps.choice import cell_words
from unsinter.studies.token_maps.reading_html import reading_page
from unsinter.studies.token_maps.readings import (
    OUT_OF_TRAINING,
    PromptReading,
    TargetReading,
    margin_text,
)

Span = tuple[str, int]
"""Signs and their colour: -4 to 4, 0 for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowRequest:
    """What `unsinter show` was given; without a prompt it lists those that the run has read."""

    run: Path
    prompt: str | None = None
    model: str | None = None
    target: str | None = None
    layer: int | None = None
    position: str | None = None
    out: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowOutcome:
    """What to show: lines, per target a caption with coloured text, tables, and the page that was written."""

    lines: Sequence[str] = ()
    texts: Sequence[tuple[str, Sequence[Span]]] = ()
    tables: Sequence[Table] = ()
    page: Path | None = None


def show_verb(request: ShowRequest, *, progress: Progress) -> ShowOutcome:
    """Show one prompt: from the run's tables, or with its model where the run has not read the prompt.

    Raises
    ------
    StudyError : no such run, model, prompt, target, layer or position; the page would take another file's
        place. ModelError, ProbeFileError : the model is gone, or is not the one of the run any more.
    """
    run = expand_home(request.run)
    reader = open_run(run, error=StudyError)
    if request.prompt is None:
        return _listed(reader, request)
    page = None if request.out is None else _free_place(expand_home(request.out))
    choice = PromptChoice(
        id=request.prompt,
        model=request.model,
        target=request.target,
        layer=request.layer,
        position=request.position,
    )
    shown = read_shown(reader, choice, progress=progress)
    name = as_id(shown.reading.id)
    page = page or _free_place(folder_inside(run, "shown") / f"{shown.reading.model}-{name[-150:]}.html")
    _write_page(page, shown, study=str(reader.summary().get("study", run.name)))
    return ShowOutcome(
        lines=_about(shown.reading),
        texts=[(_caption(target), coloured(shown.reading, target)) for target in shown.reading.targets],
        tables=[_table(shown.reading)],
        page=page,
    )


def _listed(reader: RunReader, request: ShowRequest) -> ShowOutcome:
    """Return the prompts that the run itself has read."""
    for name in ("target", "layer", "position", "out"):
        if getattr(request, name) is not None:
            raise StudyError(f"--{name} says how one prompt is shown; name it with --prompt ID.")
    table = reader.table("shown_prompts")
    if table is None or table.empty:
        raise StudyError(
            f"{reader.folder} holds no prompts read token by token (show.prompts was 0, its activations were "
            "saved elsewhere, or an earlier version wrote it); name one with --prompt ID."
        )
    if request.model is not None and request.model not in set(table["model"]):
        models = ", ".join(dict.fromkeys(table["model"]))
        raise StudyError(f"{reader.folder} holds no model {request.model!r}; it holds {models}.")
    table = table if request.model is None else table[table["model"] == request.model]
    rows = [
        (row["model"], row["id"], cell_words(str(row["cell"])), row["why"])
        for row in table.drop_duplicates(["model", "id"]).to_dict("records")
    ]
    lines = [
        "unsinter show RUN --prompt ID shows one of these, or any other prompt of the run with its model."
    ]
    return ShowOutcome(
        tables=[("prompts read token by token", ("model", "id", "cell", "why"), rows)], lines=lines
    )


def _about(reading: PromptReading) -> list[str]:
    lines = [
        f"prompt {reading.id} of {reading.model}: {reading.cell or 'unlabelled'}, {reading.n_tokens} tokens"
    ]
    lines += [f"chosen as {reading.why}"] if reading.why else []
    return [*lines, f"answer: {reading.answer}", OUT_OF_TRAINING]


def _caption(target: TargetReading) -> str:
    return f"{target.target}, {target.call}; coloured at that layer, underlined above the threshold:"


def coloured(reading: PromptReading, target: TargetReading) -> list[Span]:
    """Return the prompt in spans of one token, coloured by its score at the chosen layer."""
    levels, spans = target.levels(target.chosen), list[Span]()
    for token, level in zip(reading.tokens, levels, strict=True):
        if gap := reading.gap_before(token):
            spans.append((f" [{gap:,} tokens] ", 0))
        spans.append((token.text, int(level)))
        if token.text.endswith("\u21b5"):
            spans.append(("\n", 0))
    return spans[:-1] if spans[-1:] == [("\n", 0)] else spans


def _table(reading: PromptReading) -> Table:
    """Return the same numbers as text, a row per token."""
    header = ["token", "text", "of", *(f"{t.target} at layer {t.layer}, {t.unit}" for t in reading.targets)]
    rows = []
    for place, token in enumerate(reading.tokens):
        part = "prompt" if token.part == "prompt" else "template"
        fitted = [t.target for t in reading.targets if t.fitted_here[place]]
        part += f", {' and '.join(fitted)} fitted here" if fitted else ""
        rows.append(
            (token.number, token.label, part, *(margin_text(t.chosen[place]) for t in reading.targets))
        )
    return "score minus threshold", header, rows


def _write_page(page: Path, shown: ShownPrompt, *, study: str) -> None:
    style = (resources.files("unsinter.studies.report") / "report.css").read_text(encoding="utf-8")
    text = reading_page([shown.reading], study=study, style=style, titles=shown.titles)
    with naming(page, StudyError):
        make_folder(page.parent)
        sweep(page)
        write_atomically(page, [text.encode()])


_MARK = "<!-- a prompt, token by token: written by unsinter show -->"


def _free_place(page: Path) -> Path:
    """Return where a page may be written; StudyError where another file or a folder stands."""
    return page_place(page, mark=_MARK, example="prompt.html")
