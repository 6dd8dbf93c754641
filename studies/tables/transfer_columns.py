"""The columns of the three transfer tables: names are a contract, each with its meaning."""

import pandas as pd

TRANSFER = {
    "model": "name of the model in the study file",
    "target": "D, or a target of two classes of the study's own",
    "kind": "category, category_held_out, wording or source",
    "reader": "probe (activations) or words (the text floor)",
    "layer": "site of the probe; -1 for words",
    "position": "as layer; empty for words",
    "trained_on": "category, wording or source this row of the matrix is trained on, or `all others`",
    "tested_on": "category, wording or source it is tested on",
    "auroc": "harmful against harmless, or the target's positive class against the other, held-out rows",
    "low": "95 % cluster-bootstrap interval over held-out groups, training rows fixed",
    "high": "",
    "normalised": "(auroc - 0.5) / (diagonal of the column - 0.5); missing where that interval reaches 0.5",
    "gain": "auroc minus that of the words' cell; missing for words",
    "gain_low": "95 % interval of the paired difference",
    "gain_high": "",
    "n_train_positive": "harmful (positive) training rows, equal in all rows of a matrix",
    "n_train_negative": "harmless (other) training rows, equal in all rows of a matrix",
    "n_test_positive": "harmful (positive) held-out rows",
    "n_test_negative": "harmless (other) held-out rows",
    "train_borrows": "class whose training rows are not this category's, wording's or source's own; or empty",
    "test_borrows": "the same of the held-out rows",
    "selected": "the site chosen for the target inside the training rows",
}
MATRIX = tuple(name for name in TRANSFER if name != "target")
"""The columns of one target's matrices; a run's table says which target it is."""


def with_target(transfer: pd.DataFrame, target: str = "D") -> pd.DataFrame:
    """Return matrices with the column ``target``; those of earlier runs, which have none, are of D."""
    if "target" in transfer or "model" not in transfer:
        return transfer
    made = transfer.copy()
    made.insert(1, "target", target)
    return made


HELD_OUT = {
    "model": "name of the model in the study file",
    "kind": "source or category",
    "held_out": "the source or category that took no part in training or choosing",
    "layer": "site chosen on inner folds of the other rows",
    "position": "as layer",
    "penalty": "L2 penalty chosen with the site",
    "inner_score": "mean AUROC over these inner folds",
    "auroc": "harmful against harmless, on the held-out source or category",
    "low": "95 % cluster-bootstrap interval over its groups",
    "high": "",
    "words": "AUROC of the words on the same rows, their penalty chosen in the same way",
    "gain": "auroc - words",
    "gain_low": "95 % interval of the paired difference",
    "gain_high": "",
    "positives": "own, or held-out rows of the others where it has too few harmful groups",
    "negatives": "own, or held-out rows of the others where it has too few harmless groups",
    "n_train": "training rows",
    "n_test_positive": "harmful rows tested on",
    "n_test_negative": "harmless rows tested on",
    "split_digest": "SHA-256 over the ids tested on, the training ids and their inner folds",
}
CROSS_MODEL = {
    "target": "D, C, R, W, or the name of a target of the study's own",
    "from_model": "model whose activations are mapped",
    "from_layer": "its own chosen site for the target",
    "from_position": "as from_layer",
    "to_model": "model whose probe reads the mapped activations; its labels are the truth",
    "to_layer": "its own chosen site for the target",
    "to_position": "as to_layer",
    "metric": "auroc (two classes) or macro_f1",
    "auroc": "score of the probe on mapped held-out activations, by that metric",
    "low": "95 % cluster-bootstrap interval over held-out groups",
    "high": "",
    "native": "score of the same probe on its own model's activations of the same rows",
    "shuffled": "mean score over maps fitted on the same rows, paired at random",
    "shuffled_low": "95 % of them lie between this",
    "shuffled_high": "and this: where `auroc` does too, the pairs carry nothing",
    "r2": "share of variance of the standardised held-out activations that the map predicts",
    "penalty": "ridge penalty chosen on inner folds of the training rows, by squared error",
    "n_train": "paired training rows of the map; no label is used",
    "n_test": "paired held-out rows",
}
