import math

import numpy as np
import pytest
from scipy import integrate, stats

from optimizer.statistics.normal_mixture import (
    calls_to_prove,
    log_half_normal_mixture,
    normal_deviate,
)


@pytest.mark.parametrize("effect", [-0.4, 0.0, 0.05, 0.3])
@pytest.mark.parametrize("variance", [0.0004, 0.01, 0.5])
@pytest.mark.parametrize("scale", [0.1, 0.7])
def test_the_mixture_is_the_integral_of_likelihood_ratios(effect, variance, scale):
    def integrand(truth):
        ratio = (2 * effect * truth - truth**2) / (2 * variance)
        return 2 * stats.norm.pdf(truth, 0, scale) * math.exp(ratio)

    direct, _ = integrate.quad(integrand, 0, 12 * scale, points=[abs(effect)], limit=200)
    given = (np.array(effect), np.array(variance), np.array(scale))
    assert math.exp(log_half_normal_mixture(*given)) == pytest.approx(direct, rel=1e-6)


def test_nothing_seen_proves_nothing():
    nothing = log_half_normal_mixture(np.zeros(1), np.full(1, 1e12), np.full(1, 0.2))
    assert nothing == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("freedom", [9.0, 20.0, 189.0])
@pytest.mark.parametrize("t", [-3.0, 0.5, 2.0, 4.5])
def test_a_deviate_of_t_becomes_the_normal_one_of_the_same_tail(freedom, t):
    exact = stats.norm.isf(stats.t.sf(t, freedom))
    assert normal_deviate(np.array(t), np.array(freedom)) == pytest.approx(exact, abs=0.02)


def test_looking_all_the_time_errs_no_more_often_than_stated():
    values = np.random.default_rng(3).normal(0, 1, (4000, 1000))
    calls = np.arange(1, 1001)
    means = values.cumsum(1) / calls
    logs = log_half_normal_mixture(means, 1 / calls, np.array(0.2))
    wrong = (logs.max(1) >= math.log(20)).mean()
    assert wrong <= 0.05
    assert wrong >= 0.01  # and it is no test that never speaks


def test_planned_calls_are_those_at_which_the_mean_path_crosses():
    calls = calls_to_prove(0.18, 0.81, 0.18, math.log(20))
    at, before = (
        log_half_normal_mixture(np.array(0.18), np.array(0.81 / n), np.array(0.18))
        for n in (calls, calls * 0.99)
    )
    assert before < math.log(20) <= at


def test_nothing_proves_what_is_not_there():
    assert calls_to_prove(0.0, 1.0, 0.2, math.log(20)) == math.inf
