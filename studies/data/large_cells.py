"""Cells large enough to answer a question, from counts of independent groups."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

from unsinter.studies.data.group_counts import Cells
from unsinter.studies.reasons.reason import Reason, together
from unsinter.studies.study.cells import class_words

COMMONEST = 20
"""Values of each label among which a full two-by-two table is looked for: free text has endless pairs."""

ANSWER_NAMES = class_words("R")


@dataclass(frozen=True, slots=True, kw_only=True)
class CellQuestion:
    """One question and whether these data can answer it."""

    name: str
    """Such as "D", "D across sources", "(D, R)"."""

    asks: str
    """The question in words."""

    model: str | None
    """Whose responses; None for questions about prompts alone."""

    answerable: bool
    reason: Reason
    """The counts that decide."""


def make_question(
    name: str, asks: str, answerable: bool, *reasons: Reason | None, model: str | None = None
) -> CellQuestion:
    """Return a question with its answer; reasons that do not apply are None."""
    reason = together([reason for reason in reasons if reason is not None])
    return CellQuestion(name=name, asks=asks, model=model, answerable=answerable, reason=reason)


def class_question(
    name: str, asks: str, cells: Cells, needed: int, *more: Reason | None, model: str | None = None
) -> CellQuestion:
    """Return whether two classes of a target are large enough; ``cells`` counts its classes."""
    is_answerable = len(large_values(cells, needed)) >= 2
    return make_question(name, asks, is_answerable, *large_and_small(cells, needed), *more, model=model)


def fullest_table(
    cells: Cells, firsts: Sequence[Hashable], seconds: Sequence[Hashable], needed: int
) -> tuple[bool, Reason] | None:
    """Return whether two values of each label make a table of four large cells, and which comes nearest.

    None where either label has fewer than two values. ``cells`` counts (first, second).
    """
    tables = [
        (min(cells[v, w] for v in pair for w in styles), pair, styles)
        for pair in combinations(firsts, 2)
        for styles in combinations(seconds, 2)
    ]
    if not tables:
        return None
    smallest, pair, styles = max(tables, key=lambda table: table[0])
    where = f"{' and '.join(map(str, pair))} x {' and '.join(map(str, styles))}"
    fullest = {"where": where, "smallest": smallest, "needed": needed}
    full = sum(table[0] >= needed for table in tables)
    if full:
        return True, Reason("full-tables", n=full, total=len(tables), **fullest)
    return False, Reason("no-full-table", **fullest)


def commonest_values(cells: Cells) -> list[Hashable]:
    """Return the values with most groups, of which a full table is looked for."""
    return _by_size(cells)[:COMMONEST]


def small_cells(cells: Cells, wanted: Iterable[tuple[Hashable, str]], needed: int) -> list[Reason]:
    """Return the wanted cells that are too small."""
    small = [(name, cells[cell]) for cell, name in wanted if cells[cell] < needed]
    return [Reason("small-cell", cell=name, n=n, needed=needed) for name, n in small]


def large_and_small(cells: Cells, needed: int) -> list[Reason]:
    """Return which values are large enough, and which are not, in one reason each."""
    ordered = [(str(cell), cells[cell]) for cell in _by_size(cells)]
    small = [(name, n) for name, n in ordered if n < needed]
    large = Reason("large-values", needed=needed, large=[(name, n) for name, n in ordered if n >= needed])
    return [large, Reason("small-values", small=small)] if small else [large]


def large_values(cells: Cells, needed: int) -> list[str]:
    """Return the values with enough groups, those with most first."""
    return [str(cell) for cell in _by_size(cells) if cells[cell] >= needed]


def _by_size(cells: Cells) -> list[Hashable]:
    return sorted(cells, key=lambda cell: (-cells[cell], str(cell)))
