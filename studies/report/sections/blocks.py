"""What a page is made of: sections of notes, tables and panels of figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from unsinter.studies.report.sections.figures import PageFigure


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A table's cell with a tone: good, bad or quiet."""

    text: str
    tone: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table that scrolls inside itself on a narrow screen."""

    header: Sequence[str]
    rows: Sequence[Sequence[str | Cell]]
    title: str
    caption: str = ""
    folded: bool = False
    stacked: bool = False
    """On a phone each row becomes a card of its own instead."""

    wrapped: bool = False
    """The last column is text of some length and wraps."""

    kind: str = "grid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One entry of a legend: a mark (dot, line, dashed, ...) in a colour of the page, and its name."""

    mark: str
    name: str
    colour: str = "var(--ink)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panels:
    """Figures side by side where there is room, below each other on a phone, with one legend and caption."""

    figures: Sequence[PageFigure]
    caption: str
    title: str = ""
    legend: Sequence[Key] = ()
    columns: int = 2
    """At most this many beside each other."""

    kind: str = "panels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A paragraph; of tone ``warning`` where a reader must not miss it."""

    text: str
    tone: str = "plain"
    kind: str = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Terms, each with what is said of it."""

    pairs: Sequence[tuple[str, str]]
    kind: str = "items"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Text to be copied: a command, a file."""

    text: str
    title: str
    folded: bool = False
    kind: str = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A part that was made elsewhere, escaped and ready to be put into the page."""

    html: Markup
    kind: str = "drawn"


Block = Grid | Panels | Note | Items | Command | Drawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A headed part of the page that the table of contents names."""

    anchor: str
    short: str
    """What the table of contents calls it."""

    title: str
    blocks: Sequence[Block]
