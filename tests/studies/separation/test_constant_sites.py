import importlib

import numpy as np
import pytest
import torch

from unsinter.studies.separation import Pair, judge_arrays
from unsinter.studies.separation.inputs.thresholds import Rule
from unsinter.studies.separation.judge import judge
from unsinter.studies.separation.site import site_fit

CONSTANT = "the activations are the same in every row"


def pair(n):
    z, w = np.repeat([1, 1, 0, 0], n // 4), np.repeat([1, 0, 1, 0], n // 4)
    return Pair(name="p", z=z, w=w, groups=np.arange(n))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("value", [0.1, 0.3, 0.7, 1e-30, 1e6])
def test_a_row_that_repeats_is_constant_whatever_its_mean_rounds_to(value, dtype):
    for n, d in ((200, 16), (400, 16), (892, 16), (1000, 16), (400, 1200)):
        row = np.full(d, np.clip(value, -6e4, 6e4), dtype=dtype)
        verdict = judge_arrays(np.tile(row, (n, 1)), pair(n))
        assert (verdict.verdict, verdict.reason) == ("undetermined", CONSTANT)


@pytest.mark.parametrize("d", [16, 1600])
def test_what_rounding_makes_of_a_constant_is_still_constant(d):
    rng = np.random.default_rng(0)
    row = rng.normal(size=d).astype(np.float32)
    steps = rng.integers(-2, 3, size=(400, d))  # units in the last place, either way
    X = (row * (1 + steps * np.finfo(np.float32).eps)).astype(np.float32)
    assert len(np.unique(X[:, 0])) > 1
    assert judge_arrays(X, pair(400)).reason == CONSTANT


def test_a_code_beside_a_large_constant_is_no_rounding():
    rng = np.random.default_rng(1)
    p = pair(400)
    X = rng.normal(size=(400, 8))
    X[:, 0] += 4 * p.z
    X[:, 1] += 4 * p.w
    assert judge_arrays(X + 1e9, p).verdict == "separable"  # float64 holds what is beside 1e9


def test_one_column_that_varies_is_judged_without_a_warning():
    X = np.full((400, 16), 0.1, dtype=np.float32)
    X[:, 0] = np.random.default_rng(2).normal(size=400)
    assert judge_arrays(X, pair(400)).verdict == "undetermined"


@pytest.mark.parametrize("place", ["cross_fitted", "cross_validated_effects"])
def test_a_site_without_an_inverse_is_undetermined_and_the_others_are_judged(place, monkeypatch):
    rng = np.random.default_rng(3)
    p = pair(400)
    X = rng.normal(size=(400, 8))
    X[:, 0] += 4 * p.z
    X[:, 1] += 4 * p.w
    original, calls = getattr(site_fit, place), []

    def failing(*arguments, **named):
        calls.append(1)
        if len(calls) == 1:
            raise torch.linalg.LinAlgError("not positive-definite")
        return original(*arguments, **named)

    monkeypatch.setattr(site_fit, place, failing)
    first, second = judge(lambda layer, position: X, [(0, "end"), (1, "end")], p, Rule())
    assert (first.verdict, first.reason.code) == ("undetermined", "no-inverse")
    assert second.verdict == "separable"


def test_an_absence_that_cannot_be_tested_for_want_of_an_inverse_is_undetermined(monkeypatch):
    def failing(*_arguments, **_named):
        raise np.linalg.LinAlgError("singular")

    module = importlib.import_module("unsinter.studies.separation.absence_cases")
    monkeypatch.setattr(module, "tested_absence", failing)
    rng = np.random.default_rng(4)
    p = pair(1200)
    X = rng.normal(size=(1200, 8))
    X[:, 0] += 4 * p.z
    verdict = judge_arrays(X, p)
    assert (verdict.verdict, verdict.reason.code) == ("undetermined", "no-inverse")
