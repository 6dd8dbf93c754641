"""The columns of a run's tables: names are a contract, each with its meaning."""

from collections.abc import Sequence
from typing import TypeAlias

Table: TypeAlias = tuple[str, Sequence[str], Sequence[Sequence[object]]]
"""(title, header, rows), to be shown on a screen."""

RESULTS = {
    "model": "name of the model in the study file",
    "target": "D, C, R or W",
    "classes": "number of classes fitted",
    "metric": "auroc (two classes) or macro_f1",
    "layer": "0 = embedding output, l = output of block l before any final norm",
    "position": "which token, by name",
    "penalty": "L2 penalty chosen on the inner folds",
    "inner_score": "mean over the inner folds of the training rows; the site is chosen by it",
    "score": "on the held-out rows",
    "score_low": "95 % cluster-bootstrap interval over held-out groups",
    "score_high": "",
    "control": "the same site and penalty on labels shuffled over whole groups, in training and test",
    "floor": "best floor on the same split (see floors.parquet)",
    "floor_name": "which floor that is",
    "gain": "score - floor",
    "gain_low": "95 % interval of the paired difference",
    "gain_high": "",
    "beats_floor": "gain_low > 0",
    "selected": "the site chosen inside the training rows",
    "converged": "the solver stopped before its limit",
    "n_train": "training rows",
    "n_test": "held-out rows",
    "groups_test": "independent groups among them",
}
FLOORS = {
    "model": "name of the model in the study file",
    "target": "D, C, R or W",
    "floor": "words, characters, length; for R and W also harm and category (shares by D or topic)",
    "metric": "auroc or macro_f1",
    "score": "on the same held-out rows as the probes",
    "score_low": "95 % cluster-bootstrap interval",
    "score_high": "",
    "n_train": "training rows",
    "n_test": "held-out rows",
}
PREDICTIONS = {
    "model": "name of the model in the study file",
    "target": "D, C, R or W",
    "layer": "as in results",
    "position": "as in results",
    "id": "prompt id",
    "group": "what never straddles the split",
    "truth": "the true class",
    "class": "the class the score is for; of two classes the positive one only",
    "score": "held-out score, nats",
}
TRANSFER = {
    "model": "name of the model in the study file",
    "reader": "probe (activations) or words (the text floor)",
    "layer": "site chosen for D inside the training rows; -1 for words",
    "position": "as layer; empty for words",
    "train_category": "category the probe was trained on, against harmless",
    "test_category": "category it is tested on, against harmless",
    "auroc": "on held-out rows",
    "low": "95 % cluster-bootstrap interval",
    "high": "",
    "n_train_harmful": "equal in all rows of the matrix",
    "n_train_harmless": "training side of the split only",
    "n_test_harmful": "held-out rows",
    "n_test_harmless": "held-out rows",
}
