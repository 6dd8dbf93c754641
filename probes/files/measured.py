"""The words in which a probe's cards say how good it is, beside its score."""

from collections.abc import Mapping

MEASURED: Mapping[str, str] = {
    "floor": "text floor ({floor_name}), same split",
    "gain": "score - floor, paired",
    "control": "control task: same site, random labels per group",
    "selectivity": "selectivity: score - control",
    "shuffled": "the same probe on shuffled labels",
    "ceiling": "ceiling that the sampling of answers sets",
    "p_value": "p-value, permutation of whole groups, max over all sites",
    "layer0_mean": "mean of the embeddings instead of this site",
    "random_model": "the same with random model weights",
    "balanced_accuracy": "balanced accuracy at the threshold",
    "tpr_at_1_fpr": "true positives at 1 % false positives",
    "fpr_there": "false positives at the threshold frozen on training rows",
    "brier": "Brier score after calibration",
    "ece": "expected calibration error",
}
"""Name of a measured quantity, as in a run's results -> its words, in the order of a card."""


def measured_words(name: str, floor_name: str) -> str:
    """Return the words of a quantity; ``floor_name`` says which floor is the best one."""
    return MEASURED[name].format(floor_name=floor_name)
