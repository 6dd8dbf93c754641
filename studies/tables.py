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
    "family": "logistic, ridge, mass_mean or mlp",
    "layer": "0 = embedding output, l = output of block l before any final norm",
    "position": "which token, by name",
    "penalty": "L2 penalty chosen on the inner folds; empty where the family has none",
    "inner_score": "mean over the inner folds of the training rows; the site is chosen by it",
    "score": "on the held-out rows",
    "score_low": "95 % cluster-bootstrap interval over held-out groups",
    "score_high": "",
    "p_value": "permutation of whole held-out groups, max-T over all sites of the target",
    "floor": "best text or label floor on the same split (see floors.parquet)",
    "floor_name": "which floor that is",
    "gain": "score - floor",
    "gain_low": "95 % interval of the paired difference",
    "gain_high": "",
    "beats_floor": "gain_low > 0",
    "control": "control task: random labels per group; where too few groups hold several rows empty, and the "
    "report shows `shuffled` in its place",
    "selectivity": "score - control",
    "shuffled": "mean of three probes of training labels shuffled over groups, on the true held-out labels",
    "layer0_mean": "a probe on the mean token embedding, same split",
    "random_model": "the best site of the same architecture with freshly drawn weights, same split",
    "code_bits": "online code length of the training labels, bits",
    "compression": "code length of the labels' own frequencies / code_bits",
    "balanced_accuracy": "held-out, at the threshold below; of many classes, of the likeliest class",
    "tpr_at_1_fpr": "held-out true positive rate where the training folds had 1 % false positives",
    "fpr_there": "held-out false positive rate at that threshold",
    "brier": "held-out, after calibration",
    "ece": "held-out expected calibration error, after calibration, ten bins of equal mass",
    "threshold": "score above which the positive class is called, nats; chosen on the inner folds",
    "calibration_slope": "probability = sigmoid or softmax(slope x score + intercept); from the inner folds",
    "calibration_intercept": "",
    "selected": "the site of the sweep chosen inside the training rows",
    "tuned": "the probe that tuning chose inside the training rows",
    "trial": "its number among the trials; -1 for the sweep",
    "converged": "the solver stopped before its limit",
    "n_train": "training rows",
    "n_test": "held-out rows",
    "groups_test": "independent groups among them",
}
FLOORS = {
    "model": "name of the model in the study file",
    "target": "D, C, R or W",
    "floor": "words, characters, length, words+model, harm, category, layer0_mean or random_model",
    "kind": "text, label (shares by another label) or activation (a control, not part of the best floor)",
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
    "family": "as in results",
    "layer": "as in results",
    "position": "as in results",
    "id": "prompt id",
    "group": "what never straddles the split",
    "truth": "the true class",
    "class": "the class the score is for; of two classes the positive one only",
    "score": "held-out score, nats; of ridge probes in label units",
}
TRIALS = {
    "model": "name of the model in the study file",
    "target": "D, C, R or W",
    "number": "trial, from 0",
    "state": "complete, pruned or failed",
    "value": "mean score over the inner folds; of a pruned trial, over the folds it saw",
    "family": "as in results",
    "layer": "as in results",
    "position": "as in results",
    "params": "what was tried, JSON",
    "seconds": "that the trial took",
}
