"""Transfer matrices by site, each cell with its evidence: interval, words on the same rows, paired gain."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from unsinter.studies.explorer.auroc_cells import CellScore, counts_of, is_gain
from unsinter.studies.explorer.sheets import Beside, Layout, Sheet, Texts, isolated, site_text
from unsinter.studies.report.evidence.numbers import score_text, with_interval
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.sections.comparison_sections import KINDS

_BORROWS = {"train_borrows": "training rows", "test_borrows": "held-out rows"}


def transfer_sheets(evidence: RunEvidence, model: str, texts: Texts, beside: Beside) -> Iterator[Sheet]:
    """Yield a matrix per target and kind of a model, a layout per site."""
    table = evidence.of("transfer", model=model)
    if table.empty:
        return
    table = table.dropna(subset=["trained_on", "tested_on"])
    for target in evidence.targets:
        for kind, words in KINDS.items():
            rows = table[(table["target"] == target) & (table["kind"] == kind)]
            if len(rows):
                yield _matrix(rows, words if target == "D" else f"{target}, {words}", texts, beside)


def _matrix(rows: pd.DataFrame, title: str, texts: Texts, beside: Beside) -> Sheet:
    trained, tested = (list(dict.fromkeys(map(str, rows[name]))) for name in ("trained_on", "tested_on"))
    probe, words = (rows[rows["reader"] == reader] for reader in ("probe", "words"))
    floors = {(str(r["trained_on"]), str(r["tested_on"])): r for r in words.to_dict("records")}
    layouts = []
    for (layer, position), part in probe.groupby(["layer", "position"], sort=False):
        site, target = (int(layer), str(position)), str(part["target"].iloc[0])
        is_chosen, scores = bool(part["selected"].eq(True).any()), beside([target], site)
        cells = []
        for row in part.to_dict("records"):
            names = str(row["trained_on"]), str(row["tested_on"])
            places = trained.index(names[0]), tested.index(names[1])
            reading = _reading(row, floors.get(names, {}))
            cells.append(reading.cell(*places, site=site, texts=texts, beside=scores))
        note = f"At {site_text(site)}" + (f", the site chosen in training for {target}" if is_chosen else "")
        layouts.append(Layout(cells=cells, note=note, site=site, is_chosen=is_chosen))
    return Sheet(
        title=title,
        corner="rows: trained on; columns: tested on",
        rows=trained,
        columns=tested,
        numbered=list(dict.fromkeys([*trained, *tested])),
        layouts=layouts or [Layout(cells=[], note="The run has the words' own matrix only, no probe's")],
    )


def _reading(row: dict[Any, Any], floor: Mapping[Any, Any]) -> CellScore:
    trained, tested = str(row["trained_on"]), str(row["tested_on"])
    return CellScore(
        heading=f"Trained on {isolated(trained)}, tested on {isolated(tested)}",
        about=f"trained on {trained}, tested on {tested}",
        line=f"{row['target']}, {site_text((int(row['layer']), str(row['position'])))}.",
        score=row["auroc"],
        floor=floor.get("auroc"),
        is_above=is_gain(row),
        terms=list(_evidence(row, floor)),
    )


def _evidence(row: dict[Any, Any], floor: Mapping[Any, Any]) -> Iterator[tuple[str, str]]:
    yield "AUROC of the probe", with_interval(row, "auroc", "low", "high")
    yield "floor: AUROC of the words", with_interval(floor, "auroc", "low", "high")
    yield "gain over the words, paired", with_interval(row, "gain", "gain_low", "gain_high")
    yield "share of the column's own", score_text(row.get("normalised"))
    yield from counts_of(row)
    for column, name in _BORROWS.items():
        borrowed = row.get(column)
        if isinstance(borrowed, str) and borrowed:
            yield f"{name} of the others", f"{borrowed}: too few of its own"
