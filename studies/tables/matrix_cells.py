"""The cells of a run's transfer matrices, by model, kind and target."""

import pandas as pd


def matrix_cells(
    transfer: pd.DataFrame, *, model: str | None, kind: str | None, target: str | None
) -> pd.DataFrame:
    """Return the rows of the matrices that are named; None names all."""
    for column, value in (("model", model), ("kind", kind), ("target", target)):
        if value is not None and not transfer.empty:
            transfer = transfer[transfer[column] == value]
    return transfer


def matrix_words(model: str, kind: str | None, target: str | None) -> str:
    """Name a matrix in words."""
    over, what = f"over {kind}" if kind else "", "" if target in (None, "D") else f"for {target}"
    return " ".join(word for word in (model, over, what) if word)


def matrices_in_words(transfer: pd.DataFrame) -> str:
    """List the matrices that there are, in words."""
    known = transfer.reindex(columns=["model", "kind", "target"]).drop_duplicates()
    return ", ".join(matrix_words(*row) for row in known.to_numpy().tolist()) or "none"
