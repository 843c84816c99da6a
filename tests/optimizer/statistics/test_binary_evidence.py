import math
from itertools import product

import numpy as np
import pytest
from scipy import optimize, stats

from optimizer.statistics.binary_evidence import (
    ODDS,
    Block,
    conditional_odds,
    inferiority,
    non_inferiority,
)

TRIALS, CONTROL_TRIALS = 4, 9
OUTCOMES = np.array(list(product(range(TRIALS + 1), range(CONTROL_TRIALS + 1))), float)
EVERY = Block(
    OUTCOMES[:, 0],
    np.full(len(OUTCOMES), float(TRIALS)),
    OUTCOMES[:, 1],
    np.full(len(OUTCOMES), float(CONTROL_TRIALS)),
)


def chances(rate, control_rate):
    """Of every outcome of a window, for two true rates."""
    mine = stats.binom.pmf(OUTCOMES[:, 0], TRIALS, rate)
    return mine * stats.binom.pmf(OUTCOMES[:, 1], CONTROL_TRIALS, control_rate)


@pytest.mark.parametrize("rate", [0.001, 0.02, 0.3, 0.9])
def test_an_equal_candidate_earns_no_evidence_of_harm_on_average(rate):
    means = chances(rate, rate) @ np.exp(conditional_odds(EVERY))
    assert (means <= 1 + 1e-9).all()


@pytest.mark.parametrize("hits", [(0, 0), (3, 1), (4, 9)])
def test_harm_is_the_likelihood_ratio_of_a_binomial_share(hits):
    block = Block(*(np.array([float(n)]) for n in (hits[0], TRIALS, hits[1], CONTROL_TRIALS)))
    share = TRIALS / (TRIALS + CONTROL_TRIALS)
    for odds, log in zip(ODDS, conditional_odds(block)[0], strict=True):
        tilted = share * odds / (1 - share + share * odds)
        direct = stats.binom.logpmf(hits[0], sum(hits), tilted)
        assert log == pytest.approx(direct - stats.binom.logpmf(hits[0], sum(hits), share))


@pytest.mark.parametrize("margin", [0.01, 0.05, 0.4])
@pytest.mark.parametrize("believed", [0.0, 0.02, 0.3])
def test_a_candidate_worse_by_the_margin_earns_no_evidence_of_safety_on_average(margin, believed):
    logs = non_inferiority(EVERY, np.full(len(OUTCOMES), believed), np.full(len(OUTCOMES), margin))
    for control_rate in np.linspace(0, 1 - margin, 23):
        for rate in np.linspace(control_rate + margin, 1, 7):
            assert chances(rate, control_rate) @ np.exp(logs) <= 1 + 1e-6  # rates end at 1e-9


@pytest.mark.parametrize("margin", [0.01, 0.05])
@pytest.mark.parametrize("worse", [1.5, 3.0, 12.0])
def test_a_candidate_within_the_margin_earns_no_evidence_of_harm_beyond_it(margin, worse):
    of_all = np.full(len(OUTCOMES), 1.0)
    logs = inferiority(EVERY, 0.02 * of_all, worse * margin * of_all, margin * of_all)
    for control_rate in np.linspace(0, 1 - margin, 23):
        for rate in np.linspace(0, control_rate + margin, 7):
            assert chances(rate, control_rate) @ np.exp(logs) <= 1 + 1e-9


@pytest.mark.parametrize("sizes", [(3, 57), (20, 20), (40, 2)], ids=str)
def test_the_null_is_met_where_it_is_nearest(sizes):
    believed, margin = 0.03, 0.02

    def divergence(rate):
        of_mine = stats.entropy((believed, 1 - believed), (rate + margin, 1 - rate - margin))
        return sizes[0] * of_mine + sizes[1] * stats.entropy(
            (believed, 1 - believed), (rate, 1 - rate)
        )

    nearest = optimize.minimize_scalar(divergence, (1e-9, believed), tol=1e-12).x
    block = Block(*(np.array(float(n)) for n in (1, sizes[0], 1, sizes[1])))
    direct = math.log(believed / (nearest + margin)) + math.log(believed / nearest)
    direct += (sizes[0] - 1) * math.log((1 - believed) / (1 - nearest - margin))
    direct += (sizes[1] - 1) * math.log((1 - believed) / (1 - nearest))
    log = non_inferiority(block, np.array(believed), np.array(margin))
    assert log == pytest.approx(direct, abs=1e-6)


def test_clean_calls_prove_safety_at_about_one_margin_each():
    block = Block(*(np.array(n) for n in (0.0, 1.0, 0.0, 50.0)))
    gained = non_inferiority(block, np.array(1e-6), np.array(0.05))
    assert gained == pytest.approx(0.05, rel=0.05)


def test_a_window_of_one_arm_says_nothing():
    lonely = Block(*(np.array(n) for n in (2.0, 20.0, 0.0, 0.0)))
    assert not conditional_odds(lonely).any()
    assert non_inferiority(lonely, np.array(0.02), np.array(0.05)) == 0


@pytest.mark.parametrize(("shares", "margin"), [((0.02, 0.02), 0.0), ((0.04, 0.02), 0.02)])
def test_looking_after_every_window_errs_no_more_often_than_stated(shares, margin):
    chance = np.random.default_rng(11)
    trials = chance.poisson(6, (3000, 300)), chance.poisson(20, (3000, 300))
    block = Block(
        chance.binomial(trials[0], shares[0]).astype(float),
        trials[0].astype(float),
        chance.binomial(trials[1], shares[1]).astype(float),
        trials[1].astype(float),
    )
    logs = (
        non_inferiority(block, np.full(trials[0].shape, 0.02), np.full(trials[0].shape, margin))
        if margin
        else conditional_odds(block)[..., 2]
    )
    wrong = (logs.cumsum(1).max(1) >= math.log(20)).mean()
    assert 0.002 <= wrong <= 0.05
