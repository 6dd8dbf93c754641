"""A map of one prompt as SVG: a row per token, a column per layer, colours by score."""

from collections.abc import Iterator, Sequence

import numpy as np
from markupsafe import Markup

from unsinter.studies.token_maps.cells import cut
from unsinter.studies.token_maps.readings import PromptReading, TargetReading, TokenText, margin_text

_LABEL, _ROW, _TOP, _RIGHT = 138, 18, 20, 18
"""Pixels of a token's text, a row, the layers' numbers above, and the mark beside a row."""

_CELLS_WIDE = 196
_MOST_CELL, _LEAST_CELL = 24, 7

_TICK = 22
"""Pixels that a layer's number needs."""


def map_width(n_layers: int) -> int:
    """Return the pixels of a map across."""
    return _LABEL + n_layers * _cell_width(n_layers) + _RIGHT


def token_map(reading: PromptReading, target: TargetReading) -> Markup:
    """Return the map of a target; a row has its numbers as a tooltip, the page's table has them as text."""
    width, rows = map_width(len(target.layers)), list(_rows(reading))
    height = _TOP + _ROW * len(rows) + 4
    alt = (
        f"{target.target} of prompt {reading.id}: {len(target.layers)} layers across, "
        f"{len(reading.tokens)} tokens downwards; the table below holds the same numbers."
    )
    parts = [
        Markup('<svg class="token-map" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(
            width, height, alt
        ),
        *_numbers(target),
        *_cells(target, rows),
        _outline(target, len(rows)),
        *_labels(reading, target, rows, width),
        Markup("</svg>"),
    ]
    return Markup("").join(parts)


Row = tuple[TokenText | None, int]
"""A token with its place in the arrays, or None with how many tokens are left out."""


def _rows(reading: PromptReading) -> Iterator[Row]:
    for place, token in enumerate(reading.tokens):
        if gap := reading.gap_before(token):
            yield None, gap
        yield token, place


def _cell_width(n_layers: int) -> int:
    return max(_LEAST_CELL, min(_MOST_CELL, _CELLS_WIDE // n_layers))


def _numbers(target: TargetReading) -> Iterator[Markup]:
    """Yield the numbers of layers above their columns: the chosen one, and others where there is room."""
    cell = _cell_width(len(target.layers))
    chosen = list(target.layers).index(target.layer)
    places = [chosen]
    for place in (0, len(target.layers) - 1, *range(len(target.layers))):
        if all(abs(place - other) * cell >= _TICK for other in places):
            places.append(place)
    yield Markup('<text class="quiet" x="{}" y="13" text-anchor="end">layer</text>').format(_LABEL - 8)
    for place in sorted(places):
        tone = "chosen" if place == chosen else "quiet"
        yield Markup('<text class="{}" x="{:g}" y="13" text-anchor="middle">{}</text>').format(
            tone, _LABEL + (place + 0.5) * cell, target.layers[place]
        )


def _cells(target: TargetReading, rows: Sequence[Row]) -> Iterator[Markup]:
    """Yield one path per colour, so that a page of many maps stays small."""
    cell, paths = _cell_width(len(target.layers)), dict[str, list[str]]()
    levels, is_missing = target.levels(target.margins), np.isnan(target.margins)
    for number, (token, place) in enumerate(rows):
        for column in range(len(target.layers)) if token is not None else ():
            name = "none" if is_missing[column, place] else level_name(int(levels[column, place]))
            # A thick line takes half the letters of a filled square.
            start = f"M{_LABEL + column * cell} {_TOP + number * _ROW + _ROW / 2:g}"
            paths.setdefault(name, []).append(f"{start}h{cell - 1}")
    for name in sorted(paths):
        yield Markup('<path class="{}" d="{}"/>').format(name, "".join(paths[name]))


def level_name(level: int) -> str:
    """Return the class of a colour: ``above-1`` to ``above-4``, ``below-1`` to ``below-4``, or ``at``."""
    return "at" if level == 0 else f"{'above' if level > 0 else 'below'}-{abs(level)}"


def _outline(target: TargetReading, n_rows: int) -> Markup:
    cell = _cell_width(len(target.layers))
    x = _LABEL + list(target.layers).index(target.layer) * cell - 0.5
    return Markup('<rect class="chosen" x="{:g}" y="{}" width="{:g}" height="{}"/>').format(
        x - 0.5, _TOP - 1, cell + 1, n_rows * _ROW + 1
    )


def _labels(
    reading: PromptReading, target: TargetReading, rows: Sequence[Row], width: int
) -> Iterator[Markup]:
    edge = _LABEL + len(target.layers) * _cell_width(len(target.layers)) + 3
    for number, (token, place) in enumerate(rows):
        top = _TOP + number * _ROW
        if token is None:
            yield Markup('<text class="quiet" x="0" y="{}">\u22ef {:,} tokens</text>').format(top + 13, place)
            continue
        tone = "token" if token.part == "prompt" else "quiet"
        yield Markup('<text class="{}" x="0" y="{}">{}</text>').format(tone, top + 13, cut(token.label))
        if target.fitted_here[place]:
            yield Markup('<path class="mark" d="M{:g} {}l9 -5v10z"/>').format(edge, top + 8.5)
        yield Markup('<rect class="row" y="{}" width="{}" height="{}"><title>{}</title></rect>').format(
            top, width, _ROW, row_title(target, token, place)
        )


def row_title(target: TargetReading, token: TokenText, place: int) -> str:
    """Return a token's scores at all layers, in one line."""
    scores = ", ".join(
        f"{layer}: {margin_text(margin)}"
        for layer, margin in zip(target.layers, target.margins[:, place], strict=True)
    )
    return f"token {token.number}, {token.label}; layer {scores} {target.unit}"


__all__ = ["level_name", "map_width", "row_title", "token_map"]
