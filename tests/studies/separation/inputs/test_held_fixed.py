"""Columns of what is held fixed, and worlds in which it is all that moves the activations."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unsinter.studies.separation import Pair, judge_arrays
from unsinter.studies.separation.inputs.held_fixed import (
    covariate_columns,
    held_columns,
    level_columns,
    text_length,
)

names = st.lists(st.sampled_from("abcdef"), min_size=1, max_size=150)
numbers = st.lists(st.one_of(st.integers(-3, 3).map(float), st.floats(-1e6, 1e6)), min_size=2, max_size=80)


def spans(columns, target):
    """Whether a column (n,) is a combination of an intercept and columns (n, q)."""
    H = np.column_stack([np.ones(len(target)), columns])
    residual = target - H @ np.linalg.lstsq(H, target, rcond=None)[0]
    return np.abs(residual).max() < 1e-6 * max(1.0, np.abs(target).max())


@settings(max_examples=80, deadline=None)
@given(names, st.randoms(use_true_random=False))
def test_levels_span_the_same_whatever_they_are_called_and_however_rows_are_ordered(rows, random):
    levels = np.array(rows)
    columns = level_columns(levels)
    assert columns.shape[0] == len(levels)
    assert set(np.unique(columns)) <= {0.0, 1.0}
    assert (columns.sum(axis=1) <= 1).all()
    order = np.array(random.sample(range(len(levels)), len(levels)), dtype=int)
    renamed = np.array(
        [{"a": "zz", "b": "y", "c": "0", "d": "d", "e": "q", "f": "9"}[name] for name in levels]
    )
    for other, back in ((level_columns(levels[order]), order), (level_columns(renamed), slice(None))):
        assert all(spans(other, column) for column in columns[back].T)


@settings(max_examples=80, deadline=None)
@given(names)
def test_every_level_with_ten_rows_has_a_column_and_the_rest_share_one(rows):
    levels = np.array(rows)
    kept, counts = np.unique(levels, return_counts=True)
    frequent, rare = kept[counts >= 10], kept[counts < 10]
    columns = level_columns(levels)
    for name in frequent:
        assert spans(columns, (levels == name).astype(float))
    assert columns.shape[1] == max(len(frequent) + bool(len(rare)) - 1, 0)


@settings(max_examples=80, deadline=None)
@given(numbers)
def test_a_number_has_finite_columns_that_span_its_straight_line(rows):
    value = np.array(rows)
    columns = covariate_columns(value)
    assert np.isfinite(columns).all()
    assert len(columns) == len(value)
    if len(np.unique(value)) > 5 and np.ptp(value) > 1e-3:
        assert spans(columns, (value - value.mean()) / value.std())


def test_a_number_with_few_values_is_taken_for_names():
    value = np.repeat([1, 2, 5], 20)
    np.testing.assert_array_equal(covariate_columns(value), level_columns(value.astype(str)))


def test_a_curve_bends_where_the_data_are():
    rng = np.random.default_rng(0)
    value = np.exp(rng.normal(size=2000))
    bend = np.sin(2 * np.log(value))
    H = np.column_stack([np.ones(2000), covariate_columns(value)])
    left = bend - H @ np.linalg.lstsq(H, bend, rcond=None)[0]
    assert left.var() < 0.1 * bend.var()


def test_everything_held_fixed_has_its_columns_beside_an_intercept():
    strata, source = np.repeat([0, 1, 2], 20), np.tile(["a", "b"], 30)
    H = held_columns(strata, {"source": source})
    assert H.shape == (60, 1 + 2 + 1)
    assert (H[:, 0] == 1).all()
    assert all(spans(H, own.astype(float)) for own in (strata == 1, strata == 2, source == "b"))


def test_the_length_of_texts_is_the_logarithm_of_their_characters():
    np.testing.assert_allclose(text_length(["", "abc"]), [0.0, np.log(4)])


def moved_by(what, n, d, noise, rng):
    """Neither factor is coded: both follow something else, which alone moves x."""
    if what == "number":
        value = rng.normal(size=n)
        codes = [(level + 0.5 * rng.normal(size=n) > 0).astype(int) for level in (value, value**2 - 0.5)]
        moves = np.outer(3 * np.tanh(2 * value), np.eye(d)[0]) + np.outer(2 * value**2, np.eye(d)[1])
    else:
        value = rng.choice(["forum", "book", "lab", "chat"], n)
        rate = {"forum": (0.8, 0.7), "book": (0.2, 0.7), "lab": (0.8, 0.3), "chat": (0.2, 0.3)}
        chances = np.array([rate[name] for name in value])
        codes = [(rng.random(n) < chances[:, factor]).astype(int) for factor in range(2)]
        place = np.unique(value, return_inverse=True)[1]
        moves = 6 * np.eye(d)[place]
    return noise(n, d, rng) + moves, value, codes


@pytest.mark.parametrize("what", ["source", "number"])
def test_what_is_declared_and_alone_moves_x_makes_no_factor_there(noise, what):
    called = []
    for seed in range(2):
        rng = np.random.default_rng(seed)
        X, value, (z, w) = moved_by(what, 600, 24, noise, rng)
        pair = Pair(name="p", z=z, w=w, groups=np.arange(600))
        declared = judge_arrays(X, replace(pair, covariates={"source": value}))
        assert declared.verdict in ("neither", "undetermined")
        called.append(judge_arrays(X, pair).verdict)
    assert "separable" in called  # what it would be called where nothing is declared


def test_the_length_of_texts_is_held_fixed_without_being_asked_for(noise):
    for seed in range(1):
        rng = np.random.default_rng(seed)
        n, d = 600, 24
        size = np.exp(2.7 + 0.5 * rng.normal(size=n)).astype(int) + 1
        texts = [" ".join(rng.choice([f"w{i}" for i in range(3000)], k)) for k in size]
        log = np.log(size)
        log = (log - log.mean()) / log.std()
        z, w = ((level + 0.5 * rng.normal(size=n) > 0).astype(int) for level in (log, log**2 - 0.5))
        X = noise(n, d, rng) + np.outer(3 * log, np.eye(d)[0]) + np.outer(2 * log**2, np.eye(d)[1])
        pair = Pair(name="p", z=z, w=w, groups=np.arange(n))
        plain = judge_arrays(X, pair)
        assert plain.verdict == "separable"
        result = judge_arrays(X, replace(pair, text=texts))
        assert result.verdict in ("neither", "undetermined")
        # The effects are gone, and not only withheld as something that the text says too.
        assert result.evidence.distance_first.value < 0.2 * plain.evidence.distance_first.value
        assert result.evidence.distance_second.value < 0.2 * plain.evidence.distance_second.value
