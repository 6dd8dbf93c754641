"""What `transfer` does: the matrices of a finished run as tables and heat maps."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from unsinter.cache.errors import UnsinterError
from unsinter.cache.location import expand_home
from unsinter.studies.cli.tables.transfer import cross_model_screen, held_out_screen, matrix_screen
from unsinter.studies.figures.layers import draw_each
from unsinter.studies.figures.transfer_matrix import ORDERS, Order, matrix_name, transfer_maps
from unsinter.studies.store.additions import folder_inside, note_rewritten
from unsinter.studies.tables.columns import Table
from unsinter.studies.tables.read import open_run
from unsinter.studies.tables.transfer_columns import CROSS_MODEL, LEFT_OUT, MATRIX, with_target
from unsinter.studies.transfer.plans import KINDS


class TransferError(UnsinterError, ValueError):
    """A folder whose transfer cannot be shown, or an option that names nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOutcome:
    """What to show of a run's transfer, the figures written, and those that could not be drawn and why."""

    tables: Sequence[Table]
    figures: Sequence[Path]
    not_drawn: Mapping[str, str]


def transfer_verb(run: Path, *, kind: str | None, out: Path | None, order: str) -> TransferOutcome:
    """Return tables of a finished run's transfer and write one heat map per model and kind.

    Figures go to ``out``, or to the run's own `figures` folder.

    Raises
    ------
    TransferError : no run, an unfinished one, one without transfer, or an unknown kind or order.
    """
    run, out = expand_home(run), None if out is None else expand_home(out)
    picked: Order | None = next((known for known in ORDERS if known == order), None)
    if picked is None:
        raise TransferError(f"--order must be one of {', '.join(ORDERS)}, got {order!r}.")
    if kind is not None and kind not in KINDS:
        raise TransferError(f"--kind must be one of {', '.join(KINDS)}, got {kind!r}.")
    reader = open_run(run, error=TransferError)
    transfer = reader.table("transfer", columns=MATRIX)
    held_out = reader.table("held_out", columns=LEFT_OUT)
    cross_model = reader.table("cross_model", columns=CROSS_MODEL)
    if transfer is held_out is cross_model is None:
        raise TransferError(
            f"{run} holds no transfer: D was not studied, or no two categories, wordings or sources "
            "had enough groups."
        )
    folder = out or folder_inside(run, "figures")
    tables: list[Table] = []
    figures: list[tuple[str, Callable[[], Figure]]] = []
    for model, name, part in _matrices(transfer, kind, run):
        tables.append(matrix_screen(model, part, picked))
        figures.append((name, partial(transfer_maps, part, order=picked)))
    drawn = draw_each(figures, folder)
    note_rewritten(run, drawn.paths)
    if kind is None and held_out is not None:
        by_target = with_target(held_out).groupby("target", sort=False)
        tables += [held_out_screen(str(target), part) for target, part in by_target]
    if kind is None and cross_model is not None:
        tables.append(cross_model_screen(cross_model))
    return TransferOutcome(tables=tables, figures=drawn.paths, not_drawn=drawn.faults)


def _matrices(
    transfer: pd.DataFrame | None, kind: str | None, run: Path
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield model, name of the figure, and rows of each matrix."""
    there = [] if transfer is None else list(transfer["kind"].unique())
    if kind is not None and kind not in there:
        holds = f"it holds {', '.join(there)}" if there else "it holds no matrix"
        raise TransferError(f"{run} holds no transfer of kind {kind}; {holds}.")
    if transfer is not None:
        parts = with_target(transfer).groupby(["model", "target", "kind"], sort=False)
        for (model, target, own_kind), part in parts:
            if kind in (None, own_kind):
                yield str(model), matrix_name(str(model), str(own_kind), str(target)), part
