import pytest

from optimizer.findings import Severity
from optimizer.orient.performance import Performance
from optimizer.orient.signs import Memory, Truth
from optimizer.windows import WindowKind
from tests.builders import ARM, a_scene, a_summary, an_open_finding, minutes_later

LIMITS = ("error_rate", "latency_threshold")


def signs_of(*summaries, memory=None, **changes):
    return Performance().step(memory or Memory(), a_scene(minutes_later(0), *summaries, **changes))[
        1
    ]


def used_to(minutes=120, **changes):
    """Give what is remembered after healthy five-minute windows."""
    memory = Memory()
    for minute in range(5, minutes + 1, 5):
        at = minutes_later(minute - minutes - 5)
        summary = a_summary(end=at, calls=60, **changes)
        memory, said = Performance().step(memory, a_scene(at, summary))
        assert said == ()
    return memory


@pytest.mark.parametrize(
    ("calls", "errors", "found"),
    [
        pytest.param(3, 1, False, id="one of three"),
        pytest.param(300, 20, False, id="6.7 % of 300 may be chance"),
        pytest.param(300, 40, True, id="13 % of 300"),
        pytest.param(10, 5, True, id="half of ten"),
        pytest.param(60, 60, True, id="all"),
    ],
)
@pytest.mark.parametrize("kind", [WindowKind.MINUTE, WindowKind.SLIDING])
def test_failing_too_often_is_critical_when_it_is_no_chance(kind, calls, errors, found):
    said = signs_of(a_summary(kind=kind, calls=calls, errors=errors))
    assert [(one.rule, one.severity) for one in said] == [("error_rate", Severity.CRITICAL)] * found


def test_a_quiet_minute_does_not_end_an_error_burst_but_five_minutes_may():
    opened = [an_open_finding(rule="error_rate")]
    minute = a_summary(kind=WindowKind.MINUTE, calls=3)
    assert signs_of(minute, opened=opened) == ()
    said = signs_of(a_summary(calls=100, errors=1), opened=opened)
    assert [(one.rule, one.truth) for one in said] == [("error_rate", Truth.OFF)]


def test_errors_above_the_limit_that_may_be_chance_do_not_end_a_burst():
    said = signs_of(a_summary(calls=100, errors=8), opened=[an_open_finding(rule="error_rate")])
    assert [one.truth for one in said] == [Truth.UNSURE]


@pytest.mark.parametrize(("slow", "found"), [(15, False), (20, False), (40, True)])
def test_too_many_slow_calls_are_critical_when_it_is_no_chance(slow, found):
    said = signs_of(a_summary(calls=300, latency_slow=slow, latency_p95_ms=6200.0))
    assert [(one.rule, one.severity) for one in said] == (
        [("latency_threshold", Severity.CRITICAL)] * found
    )
    if found:
        assert (said[0].magnitude.value, said[0].magnitude.unit) == (6200.0, "ms")
        assert "40 of 300 calls took more than 5,000 ms" in said[0].detail


def test_the_limits_are_the_routes():
    summary = a_summary(calls=300, errors=40, latency_slow=40)
    assert {one.rule for one in signs_of(summary)} == set(LIMITS)
    assert {one.rule for one in signs_of(summary, error_rate_pct=20.0)} == {"latency_threshold"}


@pytest.mark.parametrize(
    ("factor", "severity"),
    [
        pytest.param(0.5, None, id="faster"),
        pytest.param(1.1, None, id="a tenth"),
        pytest.param(1.45, None, id="sure of nothing yet"),
        pytest.param(1.95, Severity.ERROR, id="almost twice"),
        pytest.param(3.0, Severity.CRITICAL, id="three times"),
    ],
)
def test_slower_than_usual_is_as_bad_as_it_is_large_and_sure(factor, severity):
    now = a_summary(calls=60, median_ms=800 * factor, end=minutes_later(0))
    said = signs_of(now, memory=used_to())
    assert [one.severity for one in said] == ([severity] if severity else [])


def test_a_smaller_rise_is_a_warning_once_the_level_is_known_well():
    now = a_summary(calls=300, median_ms=800 * 1.4)
    said = signs_of(now, memory=used_to(minutes=3 * 1440))
    assert [(one.rule, one.severity) for one in said] == [("latency_increase", Severity.WARNING)]
    assert signs_of(now, memory=used_to(minutes=3 * 1440), latency_increase_pct=50.0) == ()


def test_few_calls_are_not_compared_with_the_usual():
    assert signs_of(a_summary(calls=19, median_ms=5000), memory=used_to()) == ()
    assert signs_of(a_summary(calls=20, median_ms=5000), memory=used_to()) != ()


def test_a_window_of_failed_calls_alone_says_nothing_of_latency():
    said = signs_of(a_summary(calls=60, errors=60), memory=used_to())
    assert [one.rule for one in said] == ["error_rate"]


def test_while_a_finding_is_open_the_usual_level_stays_what_it_was():
    memory, opened = used_to(), [an_open_finding(rule="latency_increase", since=minutes_later(0))]
    for minute in range(5, 60, 5):
        at = minutes_later(minute)
        memory, _ = Performance().step(
            memory, a_scene(at, a_summary(end=at, median_ms=2400, calls=60), opened=opened)
        )
    assert memory.baselines == used_to().baselines


def test_after_a_day_what_the_finding_found_is_the_usual_level():
    memory, opened = used_to(), [an_open_finding(rule="latency_increase", since=minutes_later(0))]
    said = ()
    for minute in range(5, 25 * 60, 5):
        at = minutes_later(minute)
        memory, said = Performance().step(
            memory, a_scene(at, a_summary(end=at, median_ms=2400, calls=60), opened=opened)
        )
    assert [one.truth for one in said] == [Truth.OFF]
    assert memory.baselines[ARM].windows < 20


def test_arms_are_judged_each_by_itself():
    memory = used_to()
    bad = a_summary(calls=60, median_ms=3000)
    good = a_summary(calls=60, median_ms=3000, arm="claude-22222222")
    assert [one.arm for one in signs_of(bad, good, memory=memory)] == [ARM]
