import numpy as np
import pytest
from hypothesis import given, strategies as st
from scipy.stats import binomtest, fisher_exact

from optimizer.statistics.proportions import (
    chance_of_so_many,
    lower_bound,
    surely_exceed,
    surely_exceeds,
    upper_bound,
)

RISK = 1e-4


@pytest.mark.parametrize(
    ("hits", "trials", "exceeds"),
    [
        pytest.param(0, 0, False, id="nothing proves nothing"),
        pytest.param(1, 3, False, id="one of three is no proof of 5 %"),
        pytest.param(3, 5, False, id="3 of 5"),
        pytest.param(4, 5, True, id="4 of 5"),
        pytest.param(5, 10, True, id="5 of 10"),
        pytest.param(6, 20, False, id="6 of 20"),
        pytest.param(7, 20, True, id="7 of 20"),
        pytest.param(10, 50, False, id="10 of 50"),
        pytest.param(11, 50, True, id="11 of 50"),
        pytest.param(16, 100, True, id="16 of 100"),
    ],
)
def test_so_many_errors_prove_more_than_five_percent(hits, trials, exceeds):
    assert surely_exceeds(hits, trials, 0.05, RISK) is exceeds


@given(trials=st.integers(1, 400), data=st.data(), limit=st.floats(0.001, 0.6))
def test_exceeding_is_having_a_lower_bound_above_the_limit(trials, data, limit):
    hits = data.draw(st.integers(0, trials))
    bound = lower_bound(hits, trials, RISK)
    if abs(bound - limit) > 1e-9:
        assert surely_exceeds(hits, trials, limit, RISK) is (bound > limit)


@given(trials=st.integers(1, 200), data=st.data())
def test_bounds_are_those_of_clopper_and_pearson(trials, data):
    hits = data.draw(st.integers(0, trials))
    known = binomtest(hits, trials)
    least = known.proportion_ci(0.98, "exact").low
    most = known.proportion_ci(0.98, "exact").high
    assert lower_bound(hits, trials, 0.01) == pytest.approx(least, abs=1e-9)
    assert upper_bound(hits, trials, 0.01) == pytest.approx(most, abs=1e-9)


def test_a_share_at_the_limit_is_wrongly_found_above_it_no_more_often_than_the_risk():
    hits = np.random.default_rng(1).binomial(200, 0.05, 300_000)
    counts = np.bincount(hits, minlength=201)
    wrong = sum(n for hit, n in enumerate(counts.tolist()) if surely_exceeds(hit, 200, 0.05, 0.01))
    assert 0.002 < wrong / 300_000 <= 0.01  # exact bounds are a little shy, never bold


def test_many_shares_at_once_are_told_what_each_is_told_alone():
    chance = np.random.default_rng(2)
    trials = chance.integers(0, 60, 300)
    hits = chance.binomial(trials, 0.3)
    found = surely_exceed(hits.astype(float), trials.astype(float), np.full(300, 0.2), 0.05)
    alone = [surely_exceeds(int(k), int(n), 0.2, 0.05) for k, n in zip(hits, trials, strict=True)]
    assert found.tolist() == alone


@pytest.mark.parametrize(
    "counts",
    [(4, 5, 0, 5), (5, 10, 2, 90), (0, 7, 3, 9), (50, 50, 0, 1), (3, 3, 0, 0), (60, 900, 90, 1500)],
    ids=str,
)
def test_so_many_of_all_hits_are_as_rare_as_the_exact_test_says(counts):
    hits, trials, other_hits, other_trials = counts
    table = [[hits, trials - hits], [other_hits, other_trials - other_hits]]
    exact = fisher_exact(table, alternative="greater").pvalue
    assert chance_of_so_many(*counts) == pytest.approx(exact)
