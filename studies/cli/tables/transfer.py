"""The tables that `transfer` shows on the screen."""

from collections.abc import Hashable, Mapping
from typing import Any

import pandas as pd

from unsinter.studies.figures.transfer_matrix import (
    UNPROVEN,
    Order,
    beats_words,
    cell_text,
    kind_title,
    one_site,
    ordered_names,
)
from unsinter.studies.study.cells import POSITIVE
from unsinter.studies.tables.columns import Table


def matrix_screen(model: str, part: pd.DataFrame, order: Order) -> Table:
    """Return one matrix at its selected site: AUROC, interval and gain over the words in each cell."""
    shown = one_site(part)
    names = ordered_names(shown, order)
    probe = shown[shown["reader"] == "probe"]
    site = probe.iloc[0]
    positive, other = _class_names(str(site.get("target", "D")))
    title = (
        f"{model}: {kind_title(probe)}, layer {site['layer']}, {site['position']}. "
        f"AUROC, 95 % interval, gain over the words ({UNPROVEN}). Each row is trained on "
        f"{_span(probe, 'n_train_positive')} {positive} and {_span(probe, 'n_train_negative')} {other} "
        "prompts."
    )
    header = ["trained on", *(f"{name}\n{_counts(probe, name)}" for name in names)]
    cells = {
        (row["trained_on"], row["tested_on"]): _cell(row, is_proven=bool(proven))
        for row, proven in zip(probe.to_dict("records"), beats_words(probe), strict=True)
    }
    trained = [n for n in names if n in set(probe["trained_on"])] or list(probe["trained_on"].unique())
    return title, header, [[row, *(cells.get((row, name), "") for name in names)] for row in trained]


def held_out_screen(target: str, table: pd.DataFrame) -> Table:
    """Return one line per source and category left out of everything that chose or fitted."""
    rows = [
        [
            row["model"],
            f"{row['kind']} {row['held_out']}",
            cell_text(row["auroc"], row["low"], row["high"], is_proven=row["gain_low"] > 0).replace(
                "\n", " "
            ),
            f"{row['words']:.2f}",
            f"{row['gain']:+.2f} [{row['gain_low']:+.2f}, {row['gain_high']:+.2f}]",
            f"layer {row['layer']}, {row['position']}",
            f"{row['n_test_positive']} ({row['positives']})",
            f"{row['n_test_negative']} ({row['negatives']})",
        ]
        for row in table.to_dict("records")
    ]
    classes = _class_names(target)
    header = ("model", "held out", "AUROC", "words", "gain over words", "site", *classes)
    return f"{target} on what took no part in training or choosing ({UNPROVEN})", header, rows


def cross_model_screen(table: pd.DataFrame) -> Table:
    """Return one line per target and ordered pair of models."""
    rows = [
        [
            row["target"],
            f"{row['from_model']} layer {row['from_layer']}, {row['from_position']}",
            f"{row['to_model']} layer {row['to_layer']}, {row['to_position']}",
            f"{row['auroc']:.2f} {row['low']:.2f}-{row['high']:.2f}",
            f"{row['native']:.2f}",
            f"{row['shuffled']:.2f} {row['shuffled_low']:.2f}-{row['shuffled_high']:.2f}",
            f"{row['r2']:.2f}",
            f"{row['n_train']} / {row['n_test']}",
        ]
        for row in table.to_dict("records")
    ]
    header = (
        "target",
        "activations of",
        "probe of",
        "score",
        "native",
        "shuffled pairs",
        "r2",
        "train / test",
    )
    return "probes across models, through a linear map of paired prompts", header, rows


def _cell(row: Mapping[Hashable, Any], *, is_proven: bool) -> str:
    text = cell_text(row["auroc"], row["low"], row["high"], is_proven=is_proven)
    return f"{text}\n{row['gain']:+.2f}"


def _counts(probe: pd.DataFrame, name: str) -> str:
    row = probe[probe["tested_on"] == name].iloc[0]
    return f"n {row['n_test_positive']} / {row['n_test_negative']}"


def _span(probe: pd.DataFrame, column: str) -> str:
    return " or ".join(str(value) for value in sorted(probe[column].unique()))


def _class_names(target: str) -> tuple[str, str]:
    """Return what both classes of a target are called; those of a study's own have names of any length."""
    return POSITIVE.get(target, ("positive", "other"))
