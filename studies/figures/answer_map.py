"""The picture that a report opens with: every question and model in one map of verdicts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from unsinter.cache.reading import Site
from unsinter.studies.figures.style import INK, LINE, MUTED, PANEL_WIDTH, PAPER, drawing, shorten
from unsinter.studies.figures.verdict_text import LOOKS

MOST_COLUMNS = 4
"""Models beside each other, as wide as a phone; more of them become rows, one cell per question."""

MOST_ROWS = 10
"""Rows of cells above which a question shows one position only."""

MOST_MODELS = 16
"""Rows of models that are drawn; a caption must say that there are more."""

_LETTER, _CELL, _TITLE, _GAP = 0.063, 0.15, 0.17, 0.07
"""Inches of a letter's width, a cell's height, a title's height, and between columns."""

_ROOM_FOR_MARK = 0.1
"""Inches of a cell's width above which it holds its mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedAnswer:
    """What one model says of one question.

    Attributes
    ----------
    verdict : at the site that speaks.
    site : that site; None where nothing was judged.
    rows : one row per site, columns ``layer``, ``position``, ``verdict``; empty where one site was judged.
    """

    verdict: str
    site: Site | None = None
    rows: pd.DataFrame = field(default_factory=pd.DataFrame)


Questions = Mapping[str, Mapping[str, MappedAnswer]]
"""Question -> model -> its answer."""


def answer_map(questions: Questions, models: Sequence[str]) -> Figure:
    """Draw a column per model and a block per question, layers across and positions downwards.

    Of many models: a row per model, and a column per question with the verdict that speaks.
    """
    with drawing():
        if len(models) > MOST_COLUMNS:
            return _draw_grid(questions, models[:MOST_MODELS])
        return _draw_blocks(questions, models)


def _draw_blocks(questions: Questions, models: Sequence[str]) -> Figure:
    shown = {question: _positions(answers) for question, answers in questions.items()}
    if sum(len(positions) for positions in shown.values()) > MOST_ROWS:
        shown = {question: _spoken(questions[question], names) for question, names in shown.items()}
    longest = max(len(shorten(name, 18)) for positions in shown.values() for name in positions)
    left = longest * _LETTER + _GAP
    column = (PANEL_WIDTH - left - _GAP * (len(models) - 1)) / len(models)
    n_rows = sum(len(positions) for positions in shown.values())
    figure, axis = _canvas(2 * _TITLE + len(shown) * (_TITLE + _GAP) + n_rows * _CELL)
    places = {model: left + place * (column + _GAP) for place, model in enumerate(models)}
    for model, x in places.items():
        name = shorten(model, int(column / _LETTER))
        axis.text(x + column / 2, _TITLE / 2, name, ha="center", va="center", weight="bold")
    top = _TITLE
    for question, positions in shown.items():
        axis.text(0, top + _GAP + _TITLE / 2, question, ha="left", va="center")
        top += _GAP + _TITLE
        for row, position in enumerate(positions):
            middle = top + (row + 0.5) * _CELL
            axis.text(left - _GAP, middle, shorten(position, 18), ha="right", va="center", color=MUTED)
            for model, x in places.items():
                answer = questions[question].get(model)
                _draw_row(axis, answer, position, (x, top + row * _CELL), column)
        top += len(positions) * _CELL
    _number_layers(axis, questions, places, (column, top + _TITLE / 2))
    return figure


def _draw_row(
    axis: Axes, answer: MappedAnswer | None, position: str, corner: tuple[float, float], width: float
) -> None:
    x, y = corner
    if answer is None or (answer.rows.empty and answer.site is None):
        axis.text(x + width / 2, y + _CELL / 2, "not judged", ha="center", va="center", color=MUTED)
        return
    if answer.rows.empty:
        _draw_cell(axis, answer.verdict, (x, y), width, is_chosen=False)
        return
    layers = sorted(set(answer.rows["layer"]))
    cell = width / len(layers)
    here = answer.rows[answer.rows["position"] == position]
    for layer, verdict in zip(here["layer"], here["verdict"], strict=True):
        corner = (x + layers.index(layer) * cell, y)
        _draw_cell(axis, str(verdict), corner, cell, is_chosen=(layer, position) == answer.site)


def _draw_cell(
    axis: Axes, verdict: str, corner: tuple[float, float], width: float, *, is_chosen: bool
) -> None:
    look, is_open = LOOKS[verdict], verdict == "undetermined"
    (x, y), edge = corner, min(0.012, width / 8)
    box = Rectangle(
        (x + edge, y + 0.01), width - 2 * edge, _CELL - 0.02, linewidth=0.6,
        facecolor="none" if is_open else look.colour, edgecolor=LINE if is_open else look.colour,
    )  # fmt: skip
    axis.add_patch(box)
    if width > _ROOM_FOR_MARK:
        colour = MUTED if is_open else PAPER
        axis.text(x + width / 2, y + _CELL / 2, look.mark, ha="center", va="center_baseline", color=colour)
    if is_chosen:
        outline = Rectangle((x, y), width, _CELL, fill=False, edgecolor=INK, linewidth=1.6, zorder=3)
        axis.add_patch(outline)


def _number_layers(
    axis: Axes, questions: Questions, places: Mapping[str, float], foot: tuple[float, float]
) -> None:
    """Write the first and last layer below each column, and what they are."""
    column, y = foot
    is_named = False
    for model, x in places.items():
        rows = [answers[model].rows for answers in questions.values() if model in answers]
        layers = sorted({layer for part in rows if len(part) for layer in part["layer"]})
        if not layers:
            continue
        cell = column / len(layers)
        for layer in {layers[0], layers[-1]}:
            middle = x + (layers.index(layer) + 0.5) * cell
            axis.text(middle, y, str(layer), ha="center", va="center", color=MUTED)
        if not is_named:
            axis.text(x - _GAP, y, "layer", ha="right", va="center", color=MUTED)
            is_named = True


def _draw_grid(questions: Questions, models: Sequence[str]) -> Figure:
    left = max(len(shorten(model, 22)) for model in models) * _LETTER + _GAP
    column = (PANEL_WIDTH - left) / len(questions)
    figure, axis = _canvas(len(questions) * _TITLE + _TITLE + len(models) * _CELL)
    for place, question in enumerate(questions):
        axis.text(0, (place + 0.5) * _TITLE, f"{place + 1}  {question}", ha="left", va="center")
        middle = left + (place + 0.5) * column
        axis.text(middle, (len(questions) + 0.5) * _TITLE, str(place + 1), ha="center", va="center")
    top = (len(questions) + 1) * _TITLE
    for row, model in enumerate(models):
        y = top + row * _CELL
        axis.text(left - _GAP, y + _CELL / 2, shorten(model, 22), ha="right", va="center", color=MUTED)
        for place, answers in enumerate(questions.values()):
            if model in answers:
                corner = (left + place * column, y)
                _draw_cell(axis, answers[model].verdict, corner, column - 0.02, is_chosen=False)
    return figure


def _positions(answers: Mapping[str, MappedAnswer]) -> list[str]:
    """Return the positions of a question's rows; one nameless one where there is a single site per model."""
    named = [name for answer in answers.values() if len(answer.rows) for name in answer.rows["position"]]
    return list(dict.fromkeys(named)) or [""]


def _spoken(answers: Mapping[str, MappedAnswer], positions: Sequence[str]) -> list[str]:
    """Return the position that speaks for most models."""
    spoken = [answer.site[1] for answer in answers.values() if answer.site is not None]
    return [max(positions, key=spoken.count)]


def _canvas(height: float) -> tuple[Figure, Axes]:
    """Return a figure whose one axis counts inches from its upper left corner."""
    figure = Figure(figsize=(PANEL_WIDTH, height))
    axis = figure.add_axes((0, 0, 1, 1))
    axis.set(xlim=(0, PANEL_WIDTH), ylim=(height, 0))
    axis.set_axis_off()
    return figure, axis
