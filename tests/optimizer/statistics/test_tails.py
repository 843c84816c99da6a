import math

import numpy as np
import pytest
from scipy.stats import nbinom, norm

from optimizer.statistics.tails import (
    chance_of_at_least,
    confidence,
    log_chance_of_silence,
    normal_tail,
)


@pytest.mark.parametrize("deviate", [-3.0, 0.0, 1.0, 4.0, 8.0])
def test_the_normal_tail_is_that_of_the_normal(deviate):
    assert normal_tail(deviate) == pytest.approx(norm.sf(deviate), rel=1e-12)


@pytest.mark.parametrize(("expected", "spread"), [(0.5, 0.05), (30.0, 0.006), (200.0, 2.0)])
def test_chances_of_counts_are_negative_binomial(expected, spread):
    known = nbinom(1 / spread, 1 / (1 + expected * spread))
    assert log_chance_of_silence(expected, spread) == pytest.approx(known.logpmf(0))
    for count in (1, 10, 100):
        wanted = pytest.approx(known.sf(count - 1), rel=1e-9)
        assert chance_of_at_least(count, expected, spread) == wanted


def test_silence_without_spread_is_that_of_a_poisson_count():
    assert log_chance_of_silence(13.8, 1e-9) == pytest.approx(-13.8)


@pytest.mark.parametrize(("error", "sure"), [(0.0, 0.999999), (0.5, 0.5), (1.0, 0.0), (1.5, 0.0)])
def test_confidence_stays_below_certainty(error, sure):
    assert confidence(error) == sure


def test_a_varying_rate_is_silent_more_often_than_a_steady_one():
    rates = np.random.default_rng(3).gamma(10, 1.0, 400_000)
    silent = np.exp(-rates).mean()
    assert math.exp(log_chance_of_silence(10.0, 0.1)) == pytest.approx(silent, rel=0.02)
