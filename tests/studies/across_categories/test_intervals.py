import numpy as np
import pytest

from unsinter.studies.across_categories.intervals import debiased, estimate, simultaneous


def test_an_interval_is_the_central_part_of_the_draws():
    result = estimate(np.r_[0.5, np.linspace(0, 1, 101)], level=0.9)
    assert result == pytest.approx((0.5, 0.05, 0.95))


def test_bias_of_the_draws_is_taken_off():
    # Draws lie 0.1 above the value, so the value lies 0.1 above the truth.
    result = debiased(np.r_[0.5, np.linspace(0.5, 0.7, 101)], level=0.9, bounds=(0, 1))
    assert result == pytest.approx((0.4, 0.31, 0.49))
    assert np.isnan(debiased(np.full(5, np.nan), level=0.9, bounds=(0, 1))).all()


def test_simultaneous_bands_cover_all_statistics_together():
    rng = np.random.default_rng(0)
    draws = {str(name): np.r_[0.5, 0.5 + 0.02 * rng.normal(size=4000)] for name in range(5)}
    bands = simultaneous(draws, level=0.95)
    inside = [(bands[name].low < draws[name][1:]) & (draws[name][1:] < bands[name].high) for name in draws]
    assert np.mean(np.all(inside, axis=0)) == pytest.approx(0.95, abs=0.003)
    # Independent statistics: each band is that of level 0.95 ** (1 / 5), 2.57 standard errors wide.
    assert bands["0"].high - 0.5 == pytest.approx(2.57 * 0.02, rel=0.03)
