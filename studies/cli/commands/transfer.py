"""What `transfer` does: the matrices of a finished run as tables and heat maps."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from unsinter.cache.location import expand_home
from unsinter.studies.cli.tables.transfer import cross_model_screen, held_out_screen, matrix_screen
from unsinter.studies.figures.layers import save_figure
from unsinter.studies.figures.transfer_matrix import ORDERS, Order, transfer_maps
from unsinter.studies.tables.columns import Table
from unsinter.studies.tables.read import read_run_table
from unsinter.studies.tables.transfer_columns import CROSS_MODEL, HELD_OUT, TRANSFER
from unsinter.studies.transfer.plans import KINDS


class TransferError(ValueError):
    """A folder whose transfer cannot be shown, or an option that names nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferOutcome:
    """What to show of a run's transfer, and the figures written."""

    tables: Sequence[Table]
    figures: Sequence[Path]


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
    transfer = read_run_table(run, "transfer", columns=TRANSFER, error=TransferError)
    held_out = read_run_table(run, "held_out", columns=HELD_OUT, error=TransferError)
    cross_model = read_run_table(run, "cross_model", columns=CROSS_MODEL, error=TransferError)
    if transfer is held_out is cross_model is None:
        raise TransferError(
            f"{run} holds no transfer: D was not studied, or no two categories, wordings or sources "
            "had enough groups."
        )
    tables: list[Table] = []
    figures: list[Path] = []
    for model, found, part in _matrices(transfer, kind, run):
        tables.append(matrix_screen(model, part, picked))
        figure = transfer_maps(part, order=picked)
        figures += save_figure(figure, out or run / "figures", f"transfer-{model}-{found}")
    if kind is None and held_out is not None:
        tables.append(held_out_screen(held_out))
    if kind is None and cross_model is not None:
        tables.append(cross_model_screen(cross_model))
    return TransferOutcome(tables=tables, figures=figures)


def _matrices(
    transfer: pd.DataFrame | None, kind: str | None, run: Path
) -> Iterator[tuple[str, str, pd.DataFrame]]:
    there = [] if transfer is None else list(transfer["kind"].unique())
    if kind is not None and kind not in there:
        holds = f"it holds {', '.join(there)}" if there else "it holds no matrix"
        raise TransferError(f"{run} holds no transfer of kind {kind}; {holds}.")
    if transfer is not None:
        for (model, found), part in transfer.groupby(["model", "kind"], sort=False):
            if kind in (None, found):
                yield str(model), str(found), part
