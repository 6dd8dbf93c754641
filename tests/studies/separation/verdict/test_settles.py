"""What an undetermined verdict says would settle it, and that this then does."""

import re
from dataclasses import replace

import numpy as np
import pytest

from unsinter.features.worlds.knobs import CELLS
from unsinter.studies.data.estimate import Estimate
from unsinter.studies.separation import Pair, Rule, judge_arrays
from unsinter.studies.separation.inputs.pair import FactorWords
from unsinter.studies.separation.inputs.thresholds import squared_length
from unsinter.studies.separation.verdict.settles import settled_by
from unsinter.studies.separation.verdict.site_verdict import Evidence

WORDS = FactorWords("harm", "refusal", ("harmful", "harmless"), ("refused", "answered"))
RULE = Rule()
COUNTS = {"both": 60, "first_only": 20, "second_only": 30, "neither": 90}


def around(value, half):
    return Estimate(value, value - half, value + half)


def two_axes(half):
    """Two axes beyond doubt but for the width of one band."""
    sure = around(20 * RULE.present, RULE.present)
    return Evidence(
        distance_first=sure, distance_second=around(3 * RULE.present, half), angle=around(0.9, 0.1),
        beyond_first=sure, beyond_second=sure, mixed=sure, like=sure,
    )  # fmt: skip


@pytest.mark.parametrize("rarest", CELLS)
def test_the_rarest_cell_is_named_in_words(rarest):
    counts = dict.fromkeys(CELLS, 80) | {rarest: 20}
    words = {
        "both": "harmful and refused",
        "first_only": "harmful and answered",
        "second_only": "harmless and refused",
        "neither": "harmless and answered",
    }[rarest]
    advice = settled_by(two_axes(4 * RULE.present), counts, WORDS, RULE)
    assert f"more groups that are {words} would settle it" in advice


def test_a_band_twice_too_wide_needs_four_times_the_groups_rounded_up_to_five():
    advice = settled_by(two_axes(3.99 * RULE.present), COUNTS, WORDS, RULE)  # 2 P from the threshold
    assert advice.startswith("about 60 more groups that are harmful and answered")
    advice = settled_by(two_axes(2.2 * RULE.present), COUNTS, WORDS, RULE)
    assert advice.startswith("about 5 more groups")


@pytest.mark.parametrize(
    "evidence",
    [
        two_axes(1.5 * RULE.present),  # settled already
        two_axes(100 * RULE.present),  # the answer may lie on the threshold
        replace(two_axes(4 * RULE.present), angle=around(0.15, 0.3)),  # one axis as likely as two
        Evidence(),
    ],
)
def test_nothing_is_promised_that_no_number_of_groups_is_known_to_bring(evidence):
    assert settled_by(evidence, COUNTS, WORDS, RULE) is None


def test_one_axis_and_absences_have_numbers_of_their_own():
    sure = around(20 * RULE.present, RULE.present)
    one = replace(two_axes(RULE.present), distance_second=sure, angle=around(0.0, 1.99 * RULE.most_angle))
    assert settled_by(one, COUNTS, WORDS, RULE).startswith("about 60 more groups")
    absent = replace(one, distance_second=around(0.0, 1.99 * RULE.absent))
    assert settled_by(absent, COUNTS, WORDS, RULE).startswith("about 60 more groups")


def drawn(counts, seed, *, auroc, d=24):
    """A world with two axes and this many rows in each cell, each a group; more rows of it are like these."""
    rng = np.random.default_rng(seed)
    cells = np.repeat(np.arange(4), [counts[name] for name in CELLS])
    z, w = 1 - cells // 2, 1 - cells % 2
    size = np.sqrt(squared_length(auroc))
    X = rng.standard_t(4, size=(len(cells), d)) / np.sqrt(2)
    X[:, 0] += size * z
    X[:, 1] += size * w
    return X, Pair(name="p", z=z, w=w, groups=np.arange(len(cells)), words=WORDS)


@pytest.mark.slow
def test_as_many_more_groups_as_are_named_settle_it_in_most_worlds():
    n_open = settled = 0
    for seed in range(24):
        counts = {"both": 90, "first_only": 14, "second_only": 60, "neither": 90}
        result = judge_arrays(*drawn(counts, seed, auroc=0.76))
        number = re.match(r"about (\d+) more groups that are harmful and answered", result.settles)
        if result.verdict != "undetermined" or number is None:
            continue
        n_open += 1
        counts["first_only"] += int(number[1])
        settled += judge_arrays(*drawn(counts, seed + 1000, auroc=0.76)).verdict == "separable"
    assert n_open >= 8
    assert settled >= 0.7 * n_open  # four in ten are settled by drawing anew alone
