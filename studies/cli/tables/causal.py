"""The tables that `cause` shows on the screen."""

import pandas as pd

from unsinter.studies.causal.sentences import OUTCOMES, change_text
from unsinter.studies.figures.causal import matrix_cells
from unsinter.studies.tables.columns import Table


def effect_screens(causal: pd.DataFrame) -> list[Table]:
    """Return a table per model and outcome: a line per direction."""
    tables: list[Table] = []
    effects = causal[causal["kind"] == "effect"]
    for (model, outcome), rows in effects.groupby(["model", "outcome"], sort=False):
        lines = [
            [
                f"{row['factor']} {row['class']}",
                f"layer {row['layer']}, {row['position']}",
                change_text(row),
                f"{row['nulls']:.2f}",
                f"{row['turned']:.0%}",
                row["used"],
                row["reason"],
            ]
            for row in rows.to_dict("records")
        ]
        title = f"{model}: change of {OUTCOMES[str(outcome)]}, nats; intervals hold for all lines at once"
        header = ("direction", "site", "change", "largest null", "turned", "used", "why")
        tables.append((title, header, lines))
    return tables


def matrix_screens(causal: pd.DataFrame) -> list[Table]:
    """Return each model's matrix: change on the column's prompts with the row's direction taken out."""
    tables: list[Table] = []
    for model in dict.fromkeys(causal["model"]):
        cells = matrix_cells(causal, str(model))
        if cells.empty:
            continue
        names = list(dict.fromkeys(cells["tested_on"]))
        text = {(r["trained_on"], r["tested_on"]): f"{r['effect']:+.2f}" for r in cells.to_dict("records")}
        rows = [
            [row, *(text.get((row, name), "") for name in names)]
            for row in dict.fromkeys(cells["trained_on"])
        ]
        first = cells.iloc[0]
        title = (
            f"{model}: direction of a row's category taken out at layer {first['layer']}, "
            f"{first['position']}: change of the log-odds of a refusal on the column's prompts, nats"
        )
        tables.append((title, ("taken out", *names), rows))
    return tables
