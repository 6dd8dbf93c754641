"""Knobs: what is refused and in which words, and that whatever is accepted gives a whole world."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from unsinter.features.worlds import WORLDS, Knobs, cells, make_world
from unsinter.features.worlds.behind import LEAST_PHI
from unsinter.features.worlds.labels import attainable

BOTH = st.floats(0.05, 0.45) | st.tuples(st.floats(0, 0.45), st.floats(0, 0.45))
KNOBS = st.fixed_dictionaries(
    {
        "n": st.integers(60, 150),
        "d": st.integers(20, 60),
        "phi": st.floats(-1, 1),
        "seed": st.integers(0, 2**32),
        "rate_first": st.floats(0.2, 0.8),
        "rate_second": st.floats(0.2, 0.8),
        "effect": st.floats(0.1, 5),
        "rows_per_group": st.integers(2, 5),
        "group_effect": st.floats(0, 10),
        "label_noise": BOTH,
        "n_categories": st.integers(2, 8),
        "category_effect": st.floats(0, 5),
        "position_mixing": st.floats(0, 1),
        "n_words": st.integers(8, 40),
        "text_leak": BOTH,
        "source_offset": st.floats(0, 3),
        "length_effect": st.floats(0, 3),
        "spectrum": st.floats(0, 3),
        "massive": st.floats(0, 1000),
    }
)


@given(name=st.sampled_from(sorted(WORLDS)), knobs=KNOBS)
@settings(max_examples=80, deadline=None)
def test_whatever_is_accepted_gives_a_whole_world(name, knobs):
    low, high = attainable(knobs["rate_first"], knobs["rate_second"])
    assume(low <= knobs["phi"] <= high)
    kind = WORLDS[name]
    if name == "category":  # reaches less phi than the rates alone allow
        knobs["phi"] /= 10
    if kind.one_bit:
        del knobs["phi"], knobs["rate_second"]
    if name.startswith(("graded", "length")):
        assume(abs(knobs["phi"]) >= LEAST_PHI)
    world = make_world(name, **knobs)
    n, d = knobs["n"], knobs["d"]
    assert world.X.shape == (n, d)
    assert world.X.dtype == np.float32
    assert np.isfinite(world.X).all()
    assert world.text.shape == (n, knobs["n_words"])
    for part in (world.z, world.w, world.true_z, world.true_w):
        assert part.shape == (n,)
        assert part.dtype == np.int64
        assert set(np.unique(part)) <= {0, 1}
    assert len(world.strata) == len(world.groups) == len(world.families) == len(world.positions) == n
    assert len(set(world.strata)) <= knobs["n_categories"]
    assert len(np.unique(world.families)) == -(-n // knobs["rows_per_group"])
    if world.settings.sizes == "equal":
        assert n <= sum(cells(world).values()) * knobs["rows_per_group"]
    for axis in (world.u_z, world.u_w):
        assert np.linalg.norm(axis) == pytest.approx(1, abs=1e-5)
        assert not axis[world.massive].any()


@given(first=st.floats(0.05, 0.95), second=st.floats(0.05, 0.95))
@settings(max_examples=60, deadline=None)
def test_attainable_correlations_are_those_of_the_extreme_tables(first, second):
    """Two factors cut from one uniform number, from the same end and from opposite ends."""
    uniform = (np.arange(200_000) + 0.5) / 200_000
    z = uniform < first
    result = [np.corrcoef(z, w)[0, 1] for w in (uniform >= 1 - second, uniform < second)]
    assert attainable(first, second) == pytest.approx(tuple(result), abs=1e-3)


@pytest.mark.parametrize(
    ("knobs", "error", "words"),
    [
        ({"cosin": 0.5}, TypeError, "no knob 'cosin'; did you mean 'cosine'"),
        ({"rows_pr_group": 2}, TypeError, "did you mean 'rows_per_group'"),
        ({"xyzzy": 2}, TypeError, "no knob 'xyzzy'; choose among n, d, phi"),
        ({"phi": 1.2}, ValueError, r"phi must lie in \[-1, 1\], got 1.2"),
        ({"phi": float("nan")}, ValueError, "phi must lie in"),
        (
            {"phi": 0.9, "rate_first": 0.2},
            ValueError,
            r"phi must lie in \[-0.500, 0.500\] with rates 0.2 of z and 0.5 of w",
        ),
        ({"cosine": 1.0}, ValueError, r"cosine must lie in \(-1, 1\)"),
        ({"effect": 0.0}, ValueError, "effect must lie in"),
        ({"effect": (1.0, -1.0)}, ValueError, r"effect must lie in \(0, inf\), got -1.0"),
        ({"effect": (1.0, 2.0, 3.0)}, ValueError, "one number, or two for z and w"),
        ({"label_noise": 0.5}, ValueError, r"label_noise must lie in \[0, 0.5\)"),
        ({"n": 10.5}, TypeError, "n must be a whole number, got 10.5"),
        ({"n": 2}, ValueError, r"n must lie in \[4, inf\)"),
        ({"seed": -1}, ValueError, "seed must lie in"),
        ({"d": 8}, ValueError, "d must be at least 12 with 4 categories"),
        ({"zero_cell": "all"}, ValueError, "zero_cell must be one of both, first_only"),
        ({"zero_cell": "both"}, ValueError, "needs a negative phi"),
        ({"zero_cell": "first_only", "phi": 0.0}, ValueError, "needs a positive phi"),
        ({"zero_cell": "first_only", "rate_second": 0.5}, ValueError, "leave it out"),
        ({"zero_cell": "first_only", "cells": (9, 0, 9, 9)}, ValueError, "exclude each other"),
        ({"cells": (5, 0, 5, 0)}, ValueError, "both values of z and of w"),
        ({"cells": (5, -1, 5, 4)}, ValueError, "four counts of groups"),
        ({"cells": (5, 1, 5)}, ValueError, "four counts of groups"),
        ({"tails": 2.0}, ValueError, r"tails must lie in \(2, inf\], got 2.0"),
        ({"sizes": "many"}, ValueError, "sizes must be one of equal, spread, zipf, got 'many'"),
        ({"sizes": "zipf"}, ValueError, "sizes 'zipf' needs at least 2 rows_per_group, got 1"),
        ({"columns": 64}, ValueError, "columns must be at most 63 with d 128"),
    ],
)
def test_a_knob_that_cannot_be_is_refused_in_words(knobs, error, words):
    with pytest.raises(error, match=words):
        make_world("orthogonal", **knobs)


@pytest.mark.parametrize(
    ("name", "knobs", "words"),
    [
        ("orthogonl", {}, "no world 'orthogonl'; did you mean 'orthogonal'"),
        ("zzz", {}, "choose one of orthogonal, separable_cos5"),
        ("shared", {"cosine": 0.3}, "one axis, got cosine 0.3; leave it out"),
        ("duplicates", {"rows_per_group": 1}, "at least 2 rows_per_group"),
        ("hidden_bit", {"phi": 0.6}, "one bit behind both labels, so that phi is 1 .* got phi 0.6"),
        ("hidden_bit", {"cells": (9, 9, 9, 9)}, "one bit behind both labels"),
        ("hidden_bit", {"rate_second": 0.3}, "rates are equal, got 0.5 and 0.3"),
        ("graded", {"phi": 0.0}, "at least 0.05 away from 0 where both labels follow one quantity, got 0.0"),
        ("both_exclusive_or", {"d": 14}, "d must be at least 16 in world 'both_exclusive_or'"),
        (
            "category",
            {"phi": 0.6, "rate_first": 0.3, "rate_second": 0.3},
            "where z and w follow the category",
        ),
    ],
)
def test_a_world_that_cannot_be_is_refused_in_words(name, knobs, words):
    with pytest.raises(ValueError, match=words):
        make_world(name, **knobs)


@pytest.mark.parametrize(
    ("knob", "value", "untouched"),
    [
        ("text_leak", 1.0, ("X", "z", "w", "groups", "strata")),
        ("label_noise", 0.2, ("X", "text", "true_z", "true_w", "strata")),
        ("massive", 10.0, ("z", "w", "text", "strata")),
        ("spectrum", 0.0, ("z", "w", "text", "strata", "u_z")),
        ("cosine", 0.5, ("z", "w", "text", "strata", "u_z")),
        ("tails", 4.0, ("z", "w", "text", "strata", "u_z", "u_w")),
        ("columns", 5, ("z", "w", "text", "strata")),
    ],
)
def test_a_knob_changes_nothing_but_what_it_names(knob, value, untouched):
    usual, turned = make_world("orthogonal"), make_world("orthogonal", **{knob: value})
    for part in untouched:
        assert getattr(usual, part).tobytes() == getattr(turned, part).tobytes()
    assert any(
        getattr(usual, part).tobytes() != getattr(turned, part).tobytes()
        for part in ("X", "z", "text", "u_w")
    )


def test_settings_say_what_was_left_open():
    assert make_world("orthogonal").settings == Knobs(rate_second=0.5)
    assert make_world("separable_cos7").settings.cosine == 0.7
    assert norm.cdf(Knobs().effect / np.sqrt(2)) == pytest.approx(0.95)
    # odds of w are phi squared times those of z
    assert make_world("orthogonal", zero_cell="second_only", phi=0.5).settings.rate_second == pytest.approx(
        0.2
    )
