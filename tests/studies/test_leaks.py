"""What is fitted on training rows only: planted held-out rows that would show it if they were seen."""

import numpy as np
import pytest

from unsinter.probes.calibration import fit_calibration
from unsinter.probes.thresholds import balanced_threshold, rates_at, threshold_at_fpr
from unsinter.studies.floors import text_floors
from unsinter.studies.sweep import Rows
from unsinter.studies.targets import Target


def test_the_vocabulary_of_a_text_floor_holds_training_words_only():
    rng = np.random.default_rng(0)
    words = np.array(["tin", "oak", "fig", "elm", "ash", "yew", "bay", "box"])
    texts = [" ".join(rng.choice(words, size=4)) for _ in range(120)]
    labels = np.array(["harmful" if "fig" in text else "harmless" for text in texts])
    target = Target(name="D", labels=labels, classes=("harmless", "harmful"))
    rows = Rows(train=np.arange(80), test=np.arange(80, 120), inner=np.arange(80) % 3)
    flooded = texts[:100] + ["quagga zebra " * 40] * 20
    for one, other in zip(text_floors(target, texts, rows), text_floors(target, flooded, rows), strict=True):
        np.testing.assert_array_equal(one.scores[:20], other.scores[:20])


def test_a_threshold_and_a_calibration_frozen_in_training_do_not_follow_the_held_out_rows():
    """Held-out negatives that score higher than training ones: the frozen rate must be seen to break."""
    rng = np.random.default_rng(2)
    positive = rng.random(2000) < 0.5
    scores = rng.normal(size=2000) + 2 * positive
    train, test = np.arange(1000), np.arange(1000, 2000)
    frozen = threshold_at_fpr(scores[train], positive[train], fpr=0.01)
    assert rates_at(scores[train], positive[train], frozen)[1] <= 0.01
    shifted = scores + 1.0 * (np.arange(2000) >= 1000)
    assert rates_at(shifted[test], positive[test], frozen)[1] > 0.03
    assert balanced_threshold(scores[train], positive[train]) == pytest.approx(1.0, abs=0.3)
    calibration = fit_calibration(scores[train], positive[train].astype(int))
    assert calibration.probabilities(shifted[test]).mean() > positive[test].mean() + 0.1
