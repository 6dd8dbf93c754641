"""The columns of the three transfer tables: names are a contract, each with its type and meaning."""

import pandas as pd

from unsinter.studies.tables.column import Columns, flag, number, text, whole
from unsinter.studies.tables.shared_columns import MODEL, TARGET

TRANSFER: Columns = {
    "model": MODEL,
    "target": text("D, or a target of two classes of the study's own"),
    "kind": text("category, category_held_out, wording or source", needed=True),
    "reader": text("probe (activations) or words (the text floor)", needed=True),
    "layer": whole("site of the probe; -1 for words", needed=True),
    "position": text("as layer; empty for words", needed=True),
    "trained_on": text(
        "category, wording or source this row of the matrix is trained on, or `all others`", needed=True
    ),
    "tested_on": text("category, wording or source it is tested on", needed=True),
    "auroc": number(
        "harmful against harmless, or the target's positive class against the other, held-out rows",
        needed=True,
    ),
    "low": number("95 % cluster-bootstrap interval over held-out groups, training rows fixed", needed=True),
    "high": number("", needed=True),
    "normalised": number(
        "(auroc - 0.5) / (diagonal of the column - 0.5); missing where that interval reaches 0.5"
    ),
    "gain": number("auroc minus that of the words' cell; missing for words", needed=True),
    "gain_low": number("95 % interval of the paired difference", needed=True),
    "gain_high": number(""),
    "n_train_positive": whole("harmful (positive) training rows, equal in all rows of a matrix"),
    "n_train_negative": whole("harmless (other) training rows, equal in all rows of a matrix"),
    "n_test_positive": whole("harmful (positive) held-out rows"),
    "n_test_negative": whole("harmless (other) held-out rows"),
    "train_borrows": text(
        "class whose training rows are not this category's, wording's or source's own; or empty"
    ),
    "test_borrows": text("the same of the held-out rows"),
    "selected": flag("the site chosen for the target inside the training rows", needed=True),
}

MATRIX = tuple(name for name in TRANSFER if name != "target")
"""The columns of one target's matrices; a run's table says which target it is."""


def with_target(table: pd.DataFrame, target: str = "D") -> pd.DataFrame:
    """Return a table of transfer with the column ``target``; rows that name none, as those of earlier runs,
    are of D."""
    if "model" not in table:
        return table
    if "target" in table:
        return table.assign(target=table["target"].fillna(target))
    made = table.copy()
    made.insert(1, "target", target)
    return made


HELD_OUT: Columns = {
    "model": MODEL,
    "target": text("D, or a target of two classes of the study's own"),
    "kind": text("source or category", needed=True),
    "held_out": text("the source or category that took no part in training or choosing", needed=True),
    "layer": whole("site chosen on inner folds of the other rows"),
    "position": text("as layer"),
    "penalty": number("L2 penalty chosen with the site"),
    "inner_score": number("mean AUROC over these inner folds"),
    "auroc": number(
        "harmful against harmless, or the target's positive class against the other, on what was held out",
        needed=True,
    ),
    "low": number("95 % cluster-bootstrap interval over its groups", needed=True),
    "high": number("", needed=True),
    "words": number("AUROC of the words on the same rows, their penalty chosen in the same way", needed=True),
    "gain": number("auroc - words", needed=True),
    "gain_low": number("95 % interval of the paired difference", needed=True),
    "gain_high": number("", needed=True),
    "positives": text("own, or held-out rows of the others where it has too few harmful (positive) groups"),
    "negatives": text("own, or held-out rows of the others where it has too few harmless (other) groups"),
    "n_train": whole("training rows"),
    "n_test_positive": whole("harmful (positive) rows tested on"),
    "n_test_negative": whole("harmless (other) rows tested on"),
    "split_digest": text("SHA-256 over the ids tested on, the training ids and their inner folds"),
}

LEFT_OUT = tuple(name for name in HELD_OUT if name != "target")
"""The columns of what was held out from one target."""

CROSS_MODEL: Columns = {
    "target": TARGET,
    "from_model": text("model whose activations are mapped", needed=True),
    "from_layer": whole("its own chosen site for the target", needed=True),
    "from_position": text("as from_layer"),
    "to_model": text("model whose probe reads the mapped activations; its labels are the truth", needed=True),
    "to_layer": whole("its own chosen site for the target", needed=True),
    "to_position": text("as to_layer"),
    "metric": text("auroc (two classes) or macro_f1"),
    "auroc": number("score of the probe on mapped held-out activations, by that metric", needed=True),
    "low": number("95 % cluster-bootstrap interval over held-out groups", needed=True),
    "high": number("", needed=True),
    "native": number("score of the same probe on its own model's activations of the same rows", needed=True),
    "shuffled": number("mean score over maps fitted on the same rows, paired at random"),
    "shuffled_low": number("95 % of them lie between this"),
    "shuffled_high": number("and this: where `auroc` does too, the pairs carry nothing"),
    "r2": number(
        "share of variance of the standardised held-out activations that the map predicts", needed=True
    ),
    "penalty": number("ridge penalty chosen on inner folds of the training rows, by squared error"),
    "n_train": whole("paired training rows of the map; no label is used"),
    "n_test": whole("paired held-out rows"),
}
