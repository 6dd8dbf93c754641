"""A figure as part of a page: type stays type, colours follow the page's scheme, nothing is fetched."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass

from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.text import Text

from unsinter.studies.figures.style import INK, LINE, MUTED, PAPER, SERIES, drawing, drawing_fault
from unsinter.studies.figures.verdict_text import LOOKS

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    LINE: "--line",
    PAPER: "--paper",
    **{colour: f"--series-{number}" for number, colour in enumerate(SERIES)},
}
"""Colours of our figures -> the page's variable, so that a dark scheme changes both."""

LEGIBLE = 11.0
"""Pixels of the smallest type; a figure that would show it smaller scrolls inside its box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFigure:
    """One figure, ready to be put into the page."""

    name: str
    svg: Markup
    min_width: int
    """Pixels below which the smallest type is no longer legible."""

    width: int
    """Pixels at which type has the size of the text around it."""

    title: str = ""
    """What the page writes above it."""

    fault: str = ""
    """Why it could not be drawn; a line on the page says so in its place."""


def page_figure(figure: Figure | Callable[[], Figure], *, name: str, alt: str, title: str = "") -> PageFigure:
    """Return the figure, or what draws it, as inline SVG with ``alt`` as its text alternative.

    ``name`` makes its ids its own: many figures share one page. One that cannot be drawn becomes a line
    that says so.
    """
    try:
        return _drawn(figure if isinstance(figure, Figure) else figure(), name=name, alt=alt, title=title)
    except Exception as error:  # a drawing library raises every kind, over any name or number
        fault = drawing_fault(error)
        note = f"This figure could not be drawn ({fault}); its numbers stand in the run's tables. {alt}"
        line = Markup('<p class="note warning">{}</p>').format(note)
        return PageFigure(name=name, svg=line, min_width=0, width=340, title=title, fault=fault)


def _drawn(figure: Figure, *, name: str, alt: str, title: str) -> PageFigure:
    buffer = io.StringIO()
    with drawing():
        figure.savefig(buffer, format="svg", metadata={"Date": None})
        texts = (artist for artist in figure.findobj(Text) if isinstance(artist, Text))
        smallest = min((float(text.get_fontsize()) for text in texts if _is_shown(text)), default=8.0)
    points = 72.0 * figure.get_figwidth()
    return PageFigure(
        name=name,
        svg=_inline(buffer.getvalue(), name=name, alt=alt),
        min_width=round(LEGIBLE / smallest * points),
        width=round(1.3 * LEGIBLE / smallest * points),
        title=title,
    )


def _is_shown(text: Text) -> bool:
    return bool(text.get_text().strip()) and text.get_visible()


def _inline(svg: str, *, name: str, alt: str) -> Markup:
    body = svg[svg.index("<svg") :]
    size = re.search(r'viewBox="([^"]+)"', body)
    body = re.sub(r"<metadata>.*?</metadata>", "", body[body.index(">") + 1 :], flags=re.DOTALL)
    # Tags only: what stands between them are names of the user's, to be left as they are.
    body = re.sub(r"<[^>]+>", lambda tag: _on_page(tag.group(), name), body)
    box = size.group(1) if size else "0 0 100 100"
    return Markup(f'<svg viewBox="{box}" role="img" aria-label="{escape(alt)}">{body}')


def _on_page(tag: str, name: str) -> str:
    prefix = f"{as_id(name)}-"
    tag = re.sub(r'(\bid="|url\(#|href="#)', lambda match: match[1] + prefix, tag).replace(
        "xlink:href", "href"
    )
    tag = re.sub(r"font-family: [^;\"]+", "font-family: var(--sans)", tag)
    for colour, variable in VARIABLES.items():
        tag = tag.replace(colour, f"var({variable})")
    return tag


def as_id(name: str) -> str:
    """Return a name as part of an id: letters, digits and dashes stay, each other sign becomes its number."""
    return re.sub(r"[^A-Za-z0-9-]", lambda sign: f"_{ord(sign[0]):x}_", name)


def variable(colour: str) -> str:
    """Return the page's variable for a colour of our figures, as CSS."""
    return f"var({VARIABLES[colour]})"


def verdict_variable(verdict: str) -> str:
    """Return the name of the page's variable for a verdict's colour."""
    return "--line" if verdict == "undetermined" else VARIABLES[LOOKS[verdict].colour]
