"""Transfer matrices by site, each cell with its evidence: interval, words on the same rows, paired gain."""

from collections.abc import Iterable
from typing import Any

import pandas as pd

from unsinter.studies.explorer.interned import Texts
from unsinter.studies.report.evidence.numbers import NOTHING, is_number, score_text, with_interval
from unsinter.studies.report.evidence.run_data import RunEvidence
from unsinter.studies.report.sections.comparison_sections import KINDS

_COUNTS = {
    "n_train_positive": "trained on, positive",
    "n_train_negative": "trained on, other",
    "n_test_positive": "tested on, positive",
    "n_test_negative": "tested on, other",
}
_BORROWS = {"train_borrows": "training rows", "test_borrows": "held-out rows"}


def transfer_matrices(evidence: RunEvidence, model: str, texts: Texts) -> list[dict[str, Any]]:
    """Return a matrix per target and kind of a model, the cells of every site in it."""
    table = evidence.of("transfer", model=model)
    if table.empty:
        return []
    table = table.dropna(subset=["trained_on", "tested_on"])
    matrices = []
    for target in evidence.targets:
        for kind, words in KINDS.items():
            rows = table[(table["target"] == target) & (table["kind"] == kind)]
            if len(rows):
                title = words if target == "D" else f"{target}, {words}"
                matrices.append({"target": target, "title": title, **_matrix(rows, texts)})
    return matrices


def _matrix(rows: pd.DataFrame, texts: Texts) -> dict[str, Any]:
    trained = list(dict.fromkeys(map(str, rows["trained_on"])))
    tested = list(dict.fromkeys(map(str, rows["tested_on"])))
    probe, words = (rows[rows["reader"] == reader] for reader in ("probe", "words"))
    floors = {(str(r["trained_on"]), str(r["tested_on"])): r for r in words.to_dict("records")}
    sites: dict[str, dict[str, Any]] = {}
    for row in probe.to_dict("records"):
        layer, position = int(row["layer"]), str(row["position"])
        site = sites.setdefault(
            f"{layer} {position}", {"layer": layer, "position": position, "chosen": False, "cells": []}
        )
        site["chosen"] = site["chosen"] or row["selected"] is True
        names = str(row["trained_on"]), str(row["tested_on"])
        site["cells"].append(
            [trained.index(names[0]), tested.index(names[1]), *_cell(row, floors.get(names), texts)]
        )
    return {"trained": trained, "tested": tested, "sites": list(sites.values())}


def _cell(row: dict[Any, Any], floor: dict[Any, Any] | None, texts: Texts) -> list[Any]:
    """Return the AUROC, that of the words, whether the gain's interval is above zero, and the evidence.

    Evidence is a list of places in ``texts``: what a number is called, then the number. Without a floor the
    AUROC is not shown.
    """
    words = None if floor is None else _rounded(floor["auroc"])
    auroc = _rounded(row["auroc"]) if words is not None else None
    is_above = is_number(row["gain_low"]) and row["gain_low"] > 0
    return [auroc, words, bool(is_above), [texts.place(t) for pair in _evidence(row, floor) for t in pair]]


def _rounded(value: Any) -> float | None:
    return round(float(value), 4) if is_number(value) else None


def _evidence(row: dict[Any, Any], floor: dict[Any, Any] | None) -> Iterable[tuple[str, str]]:
    if floor is None or not is_number(floor["auroc"]):
        yield "AUROC", "not shown: the run has no floor for it"
        return
    yield "AUROC of the probe", with_interval(row, "auroc", "low", "high")
    yield "floor: AUROC of the words", with_interval(floor, "auroc", "low", "high")
    yield "gain over the words, paired", with_interval(row, "gain", "gain_low", "gain_high")
    yield "share of the column's own", score_text(row.get("normalised"))
    for column, name in _COUNTS.items():
        yield name, f"{row[column]:,.0f}" if is_number(row.get(column)) else NOTHING
    for column, name in _BORROWS.items():
        borrowed = row.get(column)
        if isinstance(borrowed, str) and borrowed:
            yield f"{name} of the others", f"{borrowed}: too few of its own"
