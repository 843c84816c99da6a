import numpy as np
import pytest

from optimizer.findings import Severity
from optimizer.orient.flow import Flow, longest_silence, remember_silence, spread
from optimizer.orient.signs import Memory, Truth
from optimizer.orient.traffic import Traffic
from optimizer.windows import WindowKind
from tests.builders import a_scene, a_summary, an_open_finding, minutes_later


def step(memory, minute, calls, opened=()):
    at = minutes_later(minute)
    summaries = [a_summary(kind=WindowKind.MINUTE, end=at, calls=calls)] if calls else []
    return Traffic().step(memory, a_scene(at, *summaries, opened=opened))


def after(counts, memory=None, start=0):
    """Give what is remembered after these minutes' counts, none of which may mean anything."""
    memory = memory or Memory()
    for number, calls in enumerate(counts):
        memory, said = step(memory, start + number + 1, calls)
        assert said == (), (number, said)
    return memory


def poisson(rate, minutes, seed=1):
    return np.random.default_rng(seed).poisson(rate, minutes).tolist()


def first_alarm(memory, start, most=2000):
    """Count the silent minutes before the alarm; None without one."""
    for silent in range(1, most):
        _, said = step(memory, start + silent, 0)
        if said:
            return silent
    return None


@pytest.mark.parametrize(
    ("rate", "within"), [(60, 1), (30, 1), (10, 3), (2, 12), (0.5, 60), (0.05, 720)]
)
def test_a_stop_is_found_the_sooner_the_more_calls_are_missed(rate, within):
    minutes = 600 if rate >= 0.5 else 6000
    memory = after(poisson(rate, minutes))
    while not memory.flow.minute * 60 >= minutes_later(minutes).timestamp():
        minutes += 1
        memory, _ = step(memory, minutes, 1)
    found = first_alarm(memory, minutes)
    assert found is not None
    assert found <= within


def test_a_stop_is_critical_and_says_since_when():
    memory = after(poisson(60, 200))
    _, said = step(memory, 201, 0)
    assert [(one.rule, one.arm, one.severity) for one in said] == [
        ("traffic_stop", "", Severity.CRITICAL)
    ]
    assert said[0].evidence.start == minutes_later(200)
    assert said[0].magnitude.reference == pytest.approx(60, rel=0.1)


def test_a_new_route_is_not_judged():
    assert first_alarm(after([60] * 29), 29) is None
    assert first_alarm(after([60] * 30), 30) is not None


def test_no_silence_is_a_stop_that_is_not_three_times_the_longest_of_late():
    memory = after([60] * 60)
    for pause in range(5):  # four silent minutes in each ten, which no chance explains
        memory = after_pauses(memory, 60 + 10 * pause)
    assert first_alarm(memory, 110) == 12


def after_pauses(memory, start):
    for minute in range(1, 11):
        memory, _ = step(memory, start + minute, 60 if minute > 4 else 0)
    return memory


def test_a_route_whose_rate_varies_wildly_is_given_more_time():
    calm = after([30] * 600)
    wild = after([60 if minute // 7 % 2 else 3 for minute in range(600)])
    assert first_alarm(wild, 600) > first_alarm(calm, 600)
    assert spread(wild.flow, 1) > 10 * spread(calm.flow, 1)


def test_calls_that_return_end_a_stop_and_a_silent_minute_renews_it():
    memory = after([60] * 60)
    opened = [an_open_finding(rule="traffic_stop", arm="", since=minutes_later(61))]
    truths = []
    for minute, calls in ((90, 0), (91, 6), (92, 0), (93, 5)):
        memory, said = step(memory, minute, calls, opened)
        truths += [one.truth for one in said if one.rule == "traffic_stop"]
    assert truths == [Truth.ON, Truth.OFF, Truth.ON, Truth.UNSURE]


def test_a_usual_pause_of_a_slow_route_does_not_renew_a_stop_that_is_over():
    memory = after(poisson(1, 600))
    opened = [an_open_finding(rule="traffic_stop", arm="", since=minutes_later(630))]
    memory, _ = step(memory, 700, 1, opened)
    assert step(memory, 701, 0, opened)[1] == ()


@pytest.mark.parametrize(
    ("minutes", "remembered"),
    [pytest.param(120, 0, id="an outage"), pytest.param(8 * 60, 480, id="a night")],
)
def test_an_outage_does_not_excuse_the_next_but_a_night_does(minutes, remembered):
    memory = after([60] * 60)
    opened = [an_open_finding(rule="traffic_stop", arm="", since=minutes_later(61))]
    memory, _ = step(memory, 61 + minutes, 60, opened)
    assert longest_silence(memory.flow, memory.flow.minute) == remembered


def test_silences_are_remembered_for_the_week_they_were_in_and_the_next():
    week = 7 * 1440
    flow = remember_silence(Flow(), 100, 10 * week)
    assert longest_silence(flow, 10 * week + 5) == 100
    assert longest_silence(flow, 11 * week + 5) == 100
    assert longest_silence(flow, 12 * week + 5) == 0
    assert longest_silence(remember_silence(flow, 7, 11 * week), 11 * week) == 100
    assert longest_silence(remember_silence(flow, 7, 12 * week), 12 * week) == 7


@pytest.mark.parametrize(
    ("rate", "factor", "found"), [(10, 1.6, False), (10, 4, True), (60, 1.5, False), (60, 3, True)]
)
def test_a_surge_is_a_warning_within_three_minutes(rate, factor, found):
    memory = after([rate] * 240)
    said = ()
    for minute in range(3):
        memory, signs = step(memory, 241 + minute, round(rate * factor))
        said += signs
    assert {(one.rule, one.severity) for one in said} == (
        {("traffic_surge", Severity.WARNING)} if found else set()
    )


def test_one_busy_minute_of_a_slow_route_is_no_surge():
    memory = after(poisson(1, 600))
    _, said = step(memory, 601, 8)
    assert said == ()


def test_a_surge_does_not_become_usual_while_it_is_open():
    memory = after([10] * 240)
    opened = [an_open_finding(rule="traffic_surge", arm="", since=minutes_later(240))]
    frozen = memory
    for minute in range(241, 400):
        frozen, said = step(frozen, minute, 40, opened)
        assert [one.truth for one in said][-1:] != [Truth.OFF]
    assert frozen.flow.steady == memory.flow.steady


@pytest.mark.parametrize(("calls", "truth"), [(18, Truth.UNSURE), (12, Truth.OFF)])
def test_a_surge_is_over_below_one_and_a_half_times_the_usual(calls, truth):
    memory = after([10] * 240)
    opened = [an_open_finding(rule="traffic_surge", arm="", since=minutes_later(200))]
    for minute in range(241, 245):
        memory, said = step(memory, minute, calls, opened)
    assert [one.truth for one in said] == [truth]


def test_silent_minutes_count_once_calls_return():
    memory = after([30] * 600)
    for minute, calls in enumerate([0, 0, 0, 30] * 60, start=601):
        memory, _ = step(memory, minute, calls)
    calls, minutes = memory.flow.steady
    assert calls / minutes == pytest.approx(30 / 4, rel=0.3)
