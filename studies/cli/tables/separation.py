"""The tables that `separate` shows on the screen."""

from typing import Any

import pandas as pd

from unsinter.studies.figures.verdict_text import (
    LOOKS,
    chosen_site,
    factor,
    reasons_of,
    summary_rows,
)
from unsinter.studies.report.evidence.verdict_numbers import evidence_texts
from unsinter.studies.tables.columns import Table

_LEGEND = "  ".join(f"{look.mark} {verdict}" for verdict, look in LOOKS.items())


def map_screens(verdicts: pd.DataFrame) -> list[Table]:
    """Return a table per model: a line per pair and position, a mark per layer."""
    tables: list[Table] = []
    for model, own in summary_rows(verdicts).groupby("model", sort=False):
        layers = sorted(set(own["layer"]))
        rows = [
            (pair, position, _marks(part, layers), _counts(part))
            for (pair, position), part in own.groupby(["pair", "position"], sort=False)
        ]
        title = f"{model}: verdict by layer (a column each, its number read downwards). {_LEGEND}"
        tables.append((title, ("pair", "position", _stacked(layers), "sites"), rows))
    return tables


def evidence_screens(verdicts: pd.DataFrame, results: pd.DataFrame | None) -> list[Table]:
    """Return a table per model: every statistic of the chosen site, a column per pair."""
    tables: list[Table] = []
    for model, own in summary_rows(verdicts).groupby("model", sort=False):
        picked = {str(pair): chosen_site(part, results) for pair, part in own.groupby("pair", sort=False)}
        texts = {pair: evidence_texts(row) for pair, (row, _) in picked.items()}
        rows = [
            ("first, second", *(_factors(row) for row, _ in picked.values())),
            ("site", *(f"layer {row['layer']}, {row['position']}" for row, _ in picked.values())),
            ("why this site", *(how for _, how in picked.values())),
            *((name, *(cells[name] for cells in texts.values())) for name in next(iter(texts.values()))),
            ("reason", *(str(row["reason"]) for row, _ in picked.values())),
        ]
        title = f"{model}: evidence at one site per pair; AUROC with 95 % bands, together over all sites"
        tables.append((title, ("", *picked), rows))
    return tables


def contrast_screens(verdicts: pd.DataFrame, results: pd.DataFrame | None) -> list[Table]:
    """Return a table per model and pair of several contrasts: verdicts by site, numbers of one."""
    tables: list[Table] = []
    single = verdicts[~verdicts["is_summary"].astype(bool)]
    names = ("A: first, second held fixed", "B: second, first held fixed",
             "O first, where they disagree", "O second, where they disagree")  # fmt: skip
    for (model, pair), own in single.groupby(["model", "pair"], sort=False):
        rows = []
        for (first, second), part in own.groupby(["first_class", "second_class"], sort=False):
            row, _ = chosen_site(part, results)
            cells = evidence_texts(row)
            rows.append(
                (f"{first} / {second}", _counts(part), cells["verdict"], *(cells[name] for name in names))
            )
        header = ("first / second class", "sites", "chosen site", "A", "B", "O first", "O second")
        tables.append((f"{model}: {pair}, each class against the rest", header, rows))
    return tables


def reason_screen(verdicts: pd.DataFrame) -> list[Table]:
    """Return a table of why sites stay undetermined; nothing where none does."""
    rows = [
        (model, pair, f"{n} of {len(part)}", reason)
        for (model, pair), part in summary_rows(verdicts).groupby(["model", "pair"], sort=False)
        for reason, n in reasons_of(part)
    ]
    return [("Undetermined, and why", ("model", "pair", "sites", "reason"), rows)] if rows else []


def _marks(rows: pd.DataFrame, layers: list[int]) -> str:
    here = dict(zip(rows["layer"], rows["verdict"], strict=True))
    return "".join(LOOKS[here[layer]].mark if layer in here else "." for layer in layers)


def _stacked(layers: list[int]) -> str:
    """Return the layers' numbers written downwards, so that each is one character wide."""
    width = len(str(max(layers)))
    numbers = [str(layer).zfill(width) for layer in layers]
    return "\n".join("".join(number[place] for number in numbers) for place in range(width))


def _counts(rows: pd.DataFrame) -> str:
    counts = rows["verdict"].value_counts().to_dict()
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in LOOKS if counts.get(verdict))


def _factors(row: dict[str, Any]) -> str:
    return f"{factor(row['first'])}, {factor(row['second'])}"
