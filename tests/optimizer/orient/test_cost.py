from datetime import timedelta

import pytest

from optimizer.findings import Severity
from optimizer.orient.cost import Cost, spent_today
from optimizer.orient.signs import Memory, Truth
from optimizer.windows import WindowKind
from tests.builders import START, a_scene, a_summary, an_open_finding, minutes_later

MIDNIGHT = START.replace(hour=0, minute=0)


def step(memory, at, *summaries, **changes):
    return Cost().step(memory, a_scene(at, *summaries, **changes))


def spending(usd, at):
    return a_summary(kind=WindowKind.MINUTE, end=at, calls=10, cost_usd=usd)


@pytest.mark.parametrize(
    ("priced", "each", "found"),
    [
        pytest.param(19, 0.5, False, id="too few priced calls"),
        pytest.param(20, 0.5, True, id="dear"),
        pytest.param(500, 0.0999, False, id="just within"),
    ],
)
def test_dear_calls_are_a_warning(priced, each, found):
    quarter = a_summary(kind=WindowKind.QUARTER, priced=priced, cost_usd=priced * each)
    _, said = step(Memory(), START, quarter)
    assert [(one.rule, one.severity) for one in said] == (
        [("cost_per_request", Severity.WARNING)] * found
    )


@pytest.mark.parametrize(("each", "truth"), [(0.099, Truth.UNSURE), (0.09, Truth.OFF)])
def test_a_mean_that_hovers_at_the_limit_does_not_end_the_finding(each, truth):
    opened = [an_open_finding(rule="cost_per_request")]
    quarter = a_summary(kind=WindowKind.QUARTER, cost_each_usd=each)
    _, said = step(Memory(), START, quarter, opened=opened)
    assert [one.truth for one in said] == [truth]


@pytest.mark.parametrize(
    ("spent", "severity"),
    [(79.0, None), (80.5, Severity.WARNING), (100.0, Severity.WARNING), (100.5, Severity.ERROR)],
)
def test_a_budget_is_warned_of_at_four_fifths_and_an_error_when_broken(spent, severity):
    memory, _ = step(Memory(), START, spending(spent - 10, START), daily_budget=100.0)
    at = minutes_later(1)
    memory, said = step(memory, at, spending(10.0, at), daily_budget=100.0)
    assert [one.severity for one in said] == ([severity] if severity else [])
    assert spent_today(memory, int(at.timestamp()) // 60) == pytest.approx(spent)


def test_the_day_is_the_utc_day_and_its_last_minute_belongs_to_it():
    memory, _ = step(Memory(), MIDNIGHT, spending(90.0, MIDNIGHT), daily_budget=100.0)
    opened = [an_open_finding(rule="daily_budget", arm="", since=MIDNIGHT)]
    later = MIDNIGHT + timedelta(minutes=1)
    memory, said = step(memory, later, spending(1.0, later), daily_budget=100.0, opened=opened)
    assert [(one.truth, one.hold_minutes) for one in said] == [(Truth.OFF, 0)]
    assert said[0].magnitude.value == 1.0
    assert said[0].evidence.start == MIDNIGHT


def test_all_arms_of_a_route_spend_from_one_budget():
    arms = [spending(45.0, START), a_summary(kind=WindowKind.MINUTE, arm="other", cost_usd=45.0)]
    _, said = step(Memory(), START, *arms, daily_budget=100.0)
    assert [(one.rule, one.arm) for one in said] == [("daily_budget", "")]


def used_to(hours=12):
    memory = Memory()
    for quarter in range(4 * hours):
        at = minutes_later(15 * (quarter - 4 * hours))
        summaries = [a_summary(kind=WindowKind.QUARTER, end=at, calls=150)]
        memory, said = step(memory, at, *summaries)
        assert said == ()
    return memory


@pytest.mark.parametrize(("factor", "found"), [(0.3, False), (1.4, False), (2.0, True)])
@pytest.mark.parametrize("kind", [WindowKind.QUARTER, WindowKind.HOUR])
def test_dearer_than_usual_is_an_error(kind, factor, found):
    now = a_summary(kind=kind, calls=150, cost_each_usd=0.005 * factor)
    _, said = step(used_to(), START, now)
    assert [(one.rule, one.severity) for one in said] == (
        [("cost_increase", Severity.ERROR)] * found
    )


def test_a_dearer_minute_or_five_are_not_compared():
    now = [
        a_summary(kind=kind, calls=150, cost_each_usd=0.02)
        for kind in (WindowKind.MINUTE, WindowKind.SLIDING)
    ]
    assert step(used_to(), START, *now)[1] == ()


def test_calls_without_a_price_say_nothing():
    unpriced = a_summary(kind=WindowKind.QUARTER, priced=0, cost_usd=0.0, cost_log=None)
    assert step(used_to(), START, unpriced)[1] == ()
