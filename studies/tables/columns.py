"""The columns of a run's tables: names are a contract, each with its type and meaning."""

from collections.abc import Sequence
from typing import TypeAlias

from unsinter.probes.families.registry import all_families
from unsinter.studies.tables.column import Columns, flag, number, text, whole
from unsinter.studies.tables.floor_words import FLOOR_WORDS
from unsinter.studies.tables.shared_columns import MODEL, TARGET
from unsinter.studies.tables.verdict_columns import VERDICTS

Table: TypeAlias = tuple[str, Sequence[str], Sequence[Sequence[object]]]
"""(title, header, rows), to be shown on a screen."""

*_MOST, _LAST = (family.name for family in all_families())
_FAMILIES = f"{', '.join(_MOST)} or {_LAST}"

RESULTS: Columns = {
    "model": MODEL,
    "target": TARGET,
    "classes": whole("number of classes fitted", needed=True),
    "metric": text("auroc (two classes) or macro_f1", needed=True),
    "family": text(_FAMILIES, needed=True),
    "layer": whole("0 = embedding output, l = output of block l before any final norm", needed=True),
    "position": text("which token, by name", needed=True),
    "penalty": number("L2 penalty chosen on the inner folds; empty where the family has none"),
    "inner_score": number(
        "mean over the inner folds of the training rows; the site is chosen by it", needed=True
    ),
    "score": number("on the held-out rows", needed=True),
    "score_low": number("95 % cluster-bootstrap interval over held-out groups", needed=True),
    "score_high": number("", needed=True),
    "ceiling": number(
        "R of sampled answers: AUROC that a reader who knew each prompt's own rate of refusing would reach "
        "on such labels; empty where there is one answer a prompt",
        title="ceiling under the sampling",
    ),
    "p_value": number(
        "permutation of whole held-out groups, max-T over all sites of the target", needed=True
    ),
    "floor": number("best text or label floor on the same split (see floors.parquet)", needed=True),
    "floor_name": text("which floor that is", needed=True),
    "gain": number("score - floor", needed=True),
    "gain_low": number("95 % interval of the paired difference", needed=True),
    "gain_high": number("", needed=True),
    "beats_floor": flag("gain_low > 0", needed=True),
    "control": number(
        "control task: random labels per group; where too few groups hold several rows empty, "
        "and the report shows `shuffled` in its place",
        needed=True,
    ),
    "control_low": number("95 % cluster-bootstrap interval over the control task's groups"),
    "control_high": number(""),
    "control_groups": whole("independent groups of the control task; 0 where there is none"),
    "selectivity": number("score - control", title="selectivity"),
    "shuffled": number(
        "mean of 30 probes of training labels shuffled over groups, on the true held-out "
        "labels; chance is .5 of auroc, about 1 / classes of macro_f1",
        title="shuffled labels: mean ± sd of a draw",
    ),
    "shuffled_sd": number(
        "standard deviation of one of these 30; that of their mean is less than a fifth of it"
    ),
    "layer0_mean": number("a probe on the mean token embedding, same split", title="mean of layer 0"),
    "random_model": number(
        "the best site of the same architecture with freshly drawn weights, same split",
        title="random weights",
    ),
    "code_bits": number("online code length of the training labels, bits"),
    "compression": number("code length of the labels' own frequencies / code_bits", title="compression"),
    "balanced_accuracy": number(
        "held-out, at the threshold below; of many classes, of the likeliest class", title="balanced accuracy"
    ),
    "tpr_at_1_fpr": number(
        "held-out true positive rate where the training folds had 1 % false positives", title="TPR at 1 % FPR"
    ),
    "fpr_there": number("held-out false positive rate at that threshold", title="FPR there, held out"),
    "brier": number("held-out, after calibration", title="Brier"),
    "ece": number(
        "held-out expected calibration error, after calibration, ten bins of equal mass", title="ECE"
    ),
    "threshold": number("score above which the positive class is called, nats; chosen on the inner folds"),
    "calibration_slope": number(
        "probability = sigmoid or softmax(slope x score + intercept); from the inner folds"
    ),
    "calibration_intercept": number(""),
    "selected": flag("the site of the sweep chosen inside the training rows", needed=True),
    "tuned": flag("the probe that tuning chose inside the training rows", needed=True),
    "trial": whole("its number among the trials; -1 for the sweep", needed=True),
    "converged": flag("the solver stopped before its limit", needed=True),
    "n_train": whole("training rows"),
    "n_test": whole("held-out rows"),
    "groups_test": whole("independent groups among them"),
}

FLOORS: Columns = {
    "model": MODEL,
    "target": TARGET,
    "floor": text(f"{', '.join([*FLOOR_WORDS][:-1])} or {[*FLOOR_WORDS][-1]}", needed=True),
    "kind": text(
        "text, label (shares by another label) or activation (a control, not part of the best floor)",
        needed=True,
    ),
    "metric": text("auroc or macro_f1", needed=True),
    "score": number("on the same held-out rows as the probes", needed=True),
    "score_low": number("95 % cluster-bootstrap interval", needed=True),
    "score_high": number("", needed=True),
    "n_train": whole("training rows"),
    "n_test": whole("held-out rows"),
}

PREDICTIONS: Columns = {
    "model": MODEL,
    "target": TARGET,
    "family": text("as in results"),
    "layer": whole("as in results", needed=True),
    "position": text("as in results", needed=True),
    "id": text("prompt id", needed=True),
    "group": text("what never straddles the split"),
    "truth": text("the true class", needed=True),
    "class": text("the class the score is for; of two classes the positive one only"),
    "score": number("held-out score, nats; of ridge probes in label units", needed=True),
}

TRIALS: Columns = {
    "model": MODEL,
    "target": TARGET,
    "number": whole("trial, from 0", needed=True),
    "state": text("complete, pruned or failed", needed=True),
    "value": number("mean score over the inner folds; of a pruned trial, over the folds it saw", needed=True),
    "family": text("as in results", needed=True),
    "layer": whole("as in results", needed=True),
    "position": text("as in results", needed=True),
    "params": text("what was tried, JSON", needed=True),
    "seconds": number("that the trial took", needed=True),
}

SPLIT: Columns = {
    "id": text("prompt id", needed=True),
    "group": text("what never straddles the split", needed=True),
    "harmful": flag("as in the records; empty where unknown"),
    "category": text("harm category; empty where there is none", needed=True),
    "held_out": flag("on the side of the split that nothing is fitted or chosen on", needed=True),
}

__all__ = ["FLOORS", "PREDICTIONS", "RESULTS", "SPLIT", "TRIALS", "VERDICTS", "Table"]
