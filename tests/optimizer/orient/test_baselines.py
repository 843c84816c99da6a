import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, strategies as st

from optimizer.orient.baselines import (
    WARM_WINDOWS,
    Sample,
    Scale,
    departure,
    expected,
    learn,
    learn_rhythm,
    renewed,
)

SCALE = Scale(wander_sd=0.15, least_wander_sd=0.05, call_sd=0.6)
DAY = 1440


def taught(means, n=60, scale=SCALE, baseline=None, start=0):
    """Teach five-minute windows one after another, and the hours they make up."""
    hour = []
    for number, mean in enumerate(means):
        end = start + 5 * (number + 1)
        sample = Sample(n, mean, scale.call_sd)
        baseline = learn(baseline, scale, sample, end - 5, end)
        hour.append(mean)
        if end % 60 == 0:
            whole = Sample(n * len(hour), sum(hour) / len(hour), scale.call_sd)
            baseline = learn_rhythm(baseline, scale, whole, end)
            hour = []
    return baseline


def z_of(baseline, mean, n=60):
    end = baseline.minute + 5
    found = departure(baseline, SCALE, Sample(n, mean, 0.6), end - 5, end)
    return found and found.z


def test_nothing_is_said_before_half_an_hour_of_windows():
    assert z_of(taught([6.0] * (WARM_WINDOWS - 1)), 9.0) is None
    assert z_of(taught([6.0] * WARM_WINDOWS), 9.0) > 4


def test_a_still_level_is_learnt_exactly_and_its_spread_never_below_the_floor():
    baseline = taught([6.5] * 600)
    assert baseline.level == pytest.approx(6.5)
    floor = math.hypot(SCALE.least_wander_sd, 0.6 / math.sqrt(10**9))
    assert z_of(baseline, 6.5 + floor, n=10**9) == pytest.approx(1.0, rel=0.02)


def test_the_wandering_between_windows_is_measured():
    rng = np.random.default_rng(1)
    calls = rng.normal(0, 0.6 / math.sqrt(60), 3000)
    wander = rng.normal(0, 0.1, 3000)
    baseline = taught((6.0 + calls + wander).tolist())
    assert math.sqrt(baseline.wander) == pytest.approx(0.1, rel=0.15)


def test_a_daily_rhythm_is_expected_after_a_week():
    minutes = np.arange(0, 8 * DAY, 5)
    course = 6.0 + 0.25 * np.sin(2 * np.pi * minutes / DAY)
    baseline = taught(course.tolist())
    ahead = np.arange(8 * DAY, 9 * DAY, 60)
    wrong = [
        expected(baseline, minute, minute + 5) - 6.0 - 0.25 * math.sin(2 * math.pi * minute / DAY)
        for minute in ahead.tolist()
    ]
    assert max(map(abs, wrong)) < 0.06


def test_between_the_middles_of_hours_the_rhythm_runs_straight():
    baseline = taught([6.0] * 12)._replace(level=0.0, rhythm=tuple(range(0, 2400, 100)))
    assert expected(baseline, 25, 35) == 0.0  # the middle of the first hour
    assert expected(baseline, 85, 95) == pytest.approx(0.1)
    assert expected(baseline, 55, 65) == pytest.approx(0.05)
    assert expected(baseline, DAY - 5, DAY + 5) == pytest.approx(1.15)  # midnight joins both ends
    assert expected(baseline, 5 * DAY + 85, 5 * DAY + 95) == pytest.approx(0.1)


def test_an_anomaly_neither_raises_the_level_much_nor_hides_the_next():
    usual = taught([6.0] * 300)
    after = taught([8.0] * 3, baseline=usual, start=usual.minute)
    assert after.level - usual.level < 0.02
    assert z_of(after, 8.0) > 0.5 * z_of(usual, 8.0)


def test_a_renewed_baseline_takes_the_next_window_as_its_level_and_keeps_its_rhythm():
    usual = taught([6.0] * 300)
    new = renewed(usual, SCALE)
    again = taught([7.0] * WARM_WINDOWS, baseline=new, start=usual.minute)
    assert again.level == pytest.approx(7.0, abs=0.01)
    assert new.rhythm == usual.rhythm
    assert abs(z_of(again, 7.0)) < 0.1


def test_what_is_old_counts_less():
    usual = taught([6.0] * 300)
    sample = Sample(60, 6.3, 0.6)
    soon = learn(usual, SCALE, sample, usual.minute, usual.minute + 5)
    late = learn(usual, SCALE, sample, usual.minute + DAY, usual.minute + DAY + 5)
    assert late.level - 6.0 > 1.5 * (soon.level - 6.0) > 0


@given(st.lists(st.floats(-0.4, 0.4), min_size=8, max_size=60), st.integers(1, 500))
def test_a_larger_departure_is_never_less_unusual(wobbles, n):
    baseline = taught([6.0 + wobble for wobble in wobbles])
    zs = [z_of(baseline, mean, n) for mean in (5.0, 5.9, 6.0, 6.4, 9.0)]
    assert all(low < high for low, high in pairwise(zs))


def test_more_calls_make_the_same_departure_more_unusual():
    baseline = taught([6.0] * 100)
    assert z_of(baseline, 6.3, 400) > z_of(baseline, 6.3, 40) > z_of(baseline, 6.3, 4)
