"""When calls are made: planted rates, rhythms and burstiness come out again."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from optimizer.simulate.arrivals import (
    DAY_NS,
    MINUTE_NS,
    SECOND_NS,
    ClientWindows,
    Rhythmic,
    Traced,
)

SEEDS = range(200)


def steady(minutes: int) -> np.ndarray:
    return np.ones(minutes)


def arrivals_of(source, minutes: int, seed: int = 0):
    return source.arrive(np.random.default_rng(seed), minutes * MINUTE_NS, steady(minutes))


def test_the_rate_is_the_planted_one():
    counts = [len(arrivals_of(Rhythmic(calls_per_minute=30), 60, seed)) for seed in SEEDS]
    assert np.mean(counts) == pytest.approx(1800, abs=4 * (1800 / len(SEEDS)) ** 0.5)
    assert np.var(counts) / np.mean(counts) == pytest.approx(1, abs=0.45)  # 4.5 sd of a variance


def test_dispersion_is_the_variance_of_a_minutes_rate():
    source = Rhythmic(calls_per_minute=50, dispersion=0.2)
    per_minute = [
        np.bincount(arrivals_of(source, 60, seed).at_ns // MINUTE_NS, minlength=60)
        for seed in SEEDS
    ]
    planted = 50 + 0.2 * 50**2  # of a negative binomial
    assert np.mean(per_minute) == pytest.approx(50, rel=0.02)
    assert np.var(per_minute) == pytest.approx(planted, rel=0.08)


def test_the_daily_rhythm_peaks_when_it_is_told_to():
    source = Rhythmic(calls_per_minute=100, rhythm=0.5, peak_ns=DAY_NS // 4)
    hours = np.bincount(arrivals_of(source, 1440).at_ns // (60 * MINUTE_NS), minlength=24)
    assert hours[5:7].mean() == pytest.approx(9000, rel=0.03)
    assert hours[17:19].mean() == pytest.approx(3000, rel=0.05)
    assert hours.sum() == pytest.approx(144_000, rel=0.02)


def test_load_raises_the_rate_of_its_minute():
    load = np.array([1.0, 4.0])
    counts = np.zeros(2)
    for seed in SEEDS:
        found = Rhythmic(calls_per_minute=20).arrive(
            np.random.default_rng(seed), 2 * MINUTE_NS, load
        )
        counts += np.bincount(found.at_ns // MINUTE_NS, minlength=2)
    assert counts[1] / counts[0] == pytest.approx(4, rel=0.08)


@given(st.integers(1, 7200), st.integers(0, 2**32))
@settings(max_examples=50)
def test_drawn_arrivals_are_sorted_and_end_with_the_world(length_s, seed):
    length_ns = length_s * SECOND_NS
    found = Rhythmic(calls_per_minute=90, dispersion=0.3).arrive(
        np.random.default_rng(seed), length_ns, steady(-(-length_ns // MINUTE_NS))
    )
    assert np.all(np.diff(found.at_ns) >= 0)
    assert np.all((found.at_ns >= 0) & (found.at_ns < length_ns))


def a_trace(stretch: float = 1.0) -> Traced:
    return Traced(
        at_ns=np.array([0, 10, 20, 60]) * SECOND_NS,
        tokens_in=np.array([1, 2, 3, 4]),
        tokens_out=np.array([10, 20, 30, -1]),
        stretch=stretch,
    )


def test_a_trace_is_repeated_after_one_more_mean_gap():
    found = arrivals_of(a_trace(), 3)
    assert (found.at_ns // SECOND_NS).tolist() == [0, 10, 20, 60, 80, 90, 100, 140, 160, 170]
    assert found.tokens_in.tolist() == [1, 2, 3, 4, 1, 2, 3, 4, 1, 2]
    assert found.tokens_out.tolist() == [10, 20, 30, -1, 10, 20, 30, -1, 10, 20]


def test_a_stretched_trace_has_the_same_calls_over_more_time():
    found = arrivals_of(a_trace(stretch=1.5), 2)
    assert (found.at_ns // SECOND_NS).tolist() == [0, 15, 30, 90]


@given(st.floats(0.1, 5), st.integers(1, 60))
def test_a_repeated_trace_is_sorted_and_keeps_its_rate(stretch, minutes):
    found = arrivals_of(a_trace(stretch), minutes)
    assert np.all(np.diff(found.at_ns) >= 0)
    assert found.at_ns[-1] < minutes * MINUTE_NS
    assert abs(len(found) - minutes * 60 / (20 * stretch)) <= 4


def windows(calls: float, cv: float, count: int = 1, **tokens: np.ndarray) -> ClientWindows:
    unknown = np.full((count, 2), np.nan)
    return ClientWindows(
        client=np.arange(count),
        start_ns=np.zeros(count, np.int64),
        calls=np.full(count, calls),
        cv=np.full(count, cv),
        width_ns=10 * MINUTE_NS,
        **{"tokens_in": unknown, "tokens_out": unknown} | tokens,
    )


@pytest.mark.parametrize("cv", [0.3, 1.0, 3.0, 9.0])
def test_a_clients_number_of_calls_is_right_however_bursty_it_is(cv):
    found = arrivals_of(windows(calls=5, cv=cv, count=4000), 10)
    assert len(found) == pytest.approx(20_000, abs=4 * 20_000**0.5)
    assert np.mean(found.at_ns) == pytest.approx(5 * MINUTE_NS, rel=0.03)


@pytest.mark.parametrize("cv", [0.5, 1.0, 2.0])
def test_the_gaps_of_a_client_vary_as_planted(cv):
    gaps = np.diff(arrivals_of(windows(calls=20_000, cv=cv), 10).at_ns)
    assert gaps.std() / gaps.mean() == pytest.approx(cv, rel=0.06)


def test_clients_are_the_users_and_their_tokens_follow_the_window():
    shapes = np.array([[100.0, 0.5], [np.nan, np.nan]])
    found = arrivals_of(windows(2000, 1.0, count=2, tokens_in=shapes), 10)
    first = found.user == 0
    assert set(found.user.tolist()) == {0, 1}
    assert np.median(found.tokens_in[first]) == pytest.approx(100, rel=0.06)
    assert np.log(found.tokens_in[first]).std() == pytest.approx(0.5, rel=0.1)
    assert set(found.tokens_in[~first].tolist()) == {-1}


def test_client_windows_are_repeated_when_the_recording_is_short():
    found = arrivals_of(windows(calls=300, cv=1.0, count=3), 40)
    per_window = np.bincount(found.at_ns // (10 * MINUTE_NS), minlength=4)
    assert len(per_window) == 4
    assert np.all(np.abs(per_window - 900) < 5 * 30)
