"""A prompt that was read token by token, as HTML: a part of the report, or a page of its own."""

from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

import numpy as np
from jinja2 import Template
from markupsafe import Markup

from unsinter.studies.figures.page_templates import page_templates
from unsinter.studies.token_maps.map_svg import level_name, map_width, token_map
from unsinter.studies.token_maps.readings import (
    OUT_OF_TRAINING,
    PromptReading,
    TargetReading,
    margin_text,
)

_PACKAGE = "unsinter.studies.token_maps"


def reading_html(
    reading: PromptReading, *, titles: Mapping[str, str] | None = None, is_open: bool = False
) -> Markup:
    """Return one prompt as an element that is folded unless it is ``is_open``.

    ``titles`` are those of the targets, by name. The page that it stands in needs the style `maps_style`.
    """
    return Markup(
        _template("reading.html.j2").render(
            reading=reading,
            titles=titles or {},
            is_open=is_open,
            colour=_colour,
            number=margin_text,
            width=lambda target: map_width(len(target.layers)),
            map=token_map,
        )
    )


def reading_page(
    readings: Sequence[PromptReading], *, study: str, style: str, titles: Mapping[str, str] | None = None
) -> str:
    """Return a page of its own that asks for nothing else; ``style`` is that of the report."""
    return _template("page.html.j2").render(
        study=study,
        style=Markup(style + maps_style()),
        warning=OUT_OF_TRAINING,
        prompts=[reading_html(reading, titles=titles, is_open=True) for reading in readings],
        reading=readings[0],
    )


@cache
def maps_style() -> str:
    """Return the style of maps and coloured text."""
    return (resources.files(_PACKAGE) / "maps.css").read_text(encoding="utf-8")


@cache
def _template(name: str) -> Template:
    environment = page_templates(_PACKAGE)
    return environment.get_template(name)


def _colour(target: TargetReading, margin: float) -> str:
    """Return the class of a margin's colour."""
    return "none" if np.isnan(margin) else level_name(int(target.levels(np.array([margin]))[0]))
