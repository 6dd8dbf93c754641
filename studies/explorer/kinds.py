"""The sections of cells on the page: which there are, what they are called, who makes their sheets."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from unsinter.studies.explorer.across_cells import across_sheets
from unsinter.studies.explorer.carried_cells import carried_sheets
from unsinter.studies.explorer.left_out_cells import left_out_sheets
from unsinter.studies.explorer.sheets import Beside, Sheet, Texts
from unsinter.studies.explorer.transfer_cells import transfer_sheets
from unsinter.studies.explorer.verdict_cells import verdict_sheets
from unsinter.studies.report.evidence.run_data import RunEvidence


@dataclass(frozen=True, slots=True, kw_only=True)
class CellKind:
    """One section of cells.

    Attributes
    ----------
    name : of its elements on the page.
    pick : what is picked among its sheets.
    style : strips of sites, which wrap, or a matrix of names.
    """

    name: str
    title: str
    pick: str
    caption: str
    style: str
    sheets: Callable[[RunEvidence, str, Texts, Beside], Iterator[Sheet]]


_OPENS = "A cell opens its evidence below; arrow keys go from cell to cell."
_BESIDE_WORDS = (
    "In a cell: AUROC of the probe, and below it the floor, AUROC of the words alone on the same rows. Bold: "
    f"the gain's 95 % interval is above zero; cells are not corrected for their number. {_OPENS}"
)
KINDS = (
    CellKind(
        name="verdicts",
        title="Separation verdicts",
        pick="Pair",
        caption=f"A cell is a layer. {_OPENS} Outlined: the site that speaks for the pair.",
        style="strips",
        sheets=verdict_sheets,
    ),
    CellKind(
        name="categories",
        title="Detached or sintered, over all categories",
        pick="Question",
        caption=f"A cell is a layer. {_OPENS} Outlined: the site chosen in training.",
        style="strips",
        sheets=across_sheets,
    ),
    CellKind(
        name="transfer",
        title="Transfer",
        pick="Matrix",
        caption=_BESIDE_WORDS,
        style="matrix",
        sheets=transfer_sheets,
    ),
    CellKind(
        name="left-out",
        title="On what it never saw",
        pick="Part",
        caption="A category or a source that took no part in training, nor in choosing the site. "
        + _BESIDE_WORDS,
        style="matrix",
        sheets=left_out_sheets,
    ),
    CellKind(
        name="carried",
        title="From one model to another",
        pick="Probes",
        caption="A linear map, fitted without labels, takes another model's activations to this model's, and "
        "its probe reads them. In a cell: the score, and below it the best floor of this model there. "
        f"Bold: the 95 % interval is above that floor; cells are not corrected for their number. {_OPENS}",
        style="matrix",
        sheets=carried_sheets,
    ),
)
"""The sections of cells, in the order of the page."""
