"""From which score on a colour is the strongest."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

STRONGEST = 0.9
"""The strongest colour begins where this share of the held-out prompts is nearer to the threshold."""


def colour_limits(shown: pd.DataFrame, predictions: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Return the margin of the strongest colour by model and target, from held-out scores at its site."""
    limits = {}
    for row in shown.drop_duplicates(["model", "target"]).to_dict("records"):
        rows = predictions
        for name in ("model", "target", "layer", "position", "family"):
            rows = rows[rows[name] == row[name]] if name in rows else rows
        rows = rows.drop_duplicates("id") if "id" in rows else rows  # the sweep's, not those of a tuned probe
        if (
            pd.notna(row["threshold"])
            and len(rows)
            and (limit := strongest(numbers_of(rows["score"]) - float(row["threshold"])))
        ):
            limits[row["model"], row["target"]] = limit
    return limits


def strongest(margins: NDArray[np.float64]) -> float:
    """Return the margin that ``STRONGEST`` of these do not reach; 0 where all are 0 or there are none."""
    sizes = np.abs(margins[np.isfinite(margins)])
    return float(np.quantile(sizes, STRONGEST)) if sizes.size else 0.0


def numbers_of(column: pd.Series) -> NDArray[np.float64]:
    """Return numbers, NaN where there is none."""
    return column.to_numpy(float, na_value=np.nan)
