from dataclasses import replace
from datetime import timedelta

import pytest

from optimizer.findings import Evidence, FindingStatus, Magnitude, Severity
from optimizer.orient.signs import Sign, Truth
from optimizer.orient.watch import Watched, follow
from optimizer.windows import WindowKind
from tests.builders import ARM, LENGTHS, ROUTE, minutes_later

ON, UNSURE, OFF = Truth.ON, Truth.UNSURE, Truth.OFF


def a_sign(minute, truth=ON, **changes):
    kind = changes.pop("kind", WindowKind.SLIDING)
    at = minutes_later(minute)
    values = {
        "rule": "error_rate",
        "arm": ARM,
        "truth": truth,
        "severity": Severity.WARNING,
        "magnitude": Magnitude(value=0.2, reference=0.05, ratio=4.0, unit="share"),
        "confidence": 0.9,
        "evidence": Evidence(
            metric="error_rate",
            value=0.2,
            reference=0.05,
            n=100,
            window=kind,
            start=at - LENGTHS[kind],
            end=at,
        ),
        "hold_minutes": 5,
        "title": "20 % of calls fail",
        "detail": "20 of 100 calls failed.",
    }
    return Sign(**(values | changes))


def live(signs_by_minute, until, gone=frozenset()):
    """Let findings live through minutes 0 to `until`; give what is said, with its minute."""
    watched, said = Watched(), []
    for minute in range(until + 1):
        signs = signs_by_minute.get(minute, ())
        watched, news = follow(ROUTE, watched, signs, minutes_later(minute), gone.__contains__)
        said += [(minute, one) for one in news]
    return watched, said


def told(said):
    return [(minute, one.status.value, one.severity.value) for minute, one in said]


def course(letters, **changes):
    """Signs by minute: `+` on, `?` unsure, `-` off, space for none."""
    truths = {"+": ON, "?": UNSURE, "-": OFF}
    return {
        minute: (a_sign(minute, truths[letter], **changes),)
        for minute, letter in enumerate(letters)
        if letter != " "
    }


@pytest.mark.parametrize(
    ("letters", "closed_at"),
    [
        pytest.param("+------", 6, id="closes after five clear minutes"),
        pytest.param("+-----", None, id="not before"),
        pytest.param("+--+------", 9, id="a sign in between begins the wait anew"),
        pytest.param("+--?------", 9, id="and so does doubt"),
        pytest.param("+-    -", 6, id="minutes without a word do not"),
        pytest.param("+?????????", None, id="doubt alone ends nothing"),
        pytest.param("+         ", None, id="nor does silence"),
    ],
)
def test_a_finding_closes_once_it_is_clearly_over(letters, closed_at):
    _, said = live(course(letters), len(letters))
    assert told(said)[0] == (0, "open", "warning")
    assert [minute for minute, one in said if one.until] == ([closed_at] if closed_at else [])


def test_one_incident_is_one_finding_with_one_id():
    _, said = live(course("+++?+--+?--+------"), 20)
    assert told(said) == [(0, "open", "warning"), (17, "closed", "warning")]
    first, last = said[0][1], said[1][1]
    assert first.id == last.id
    assert (last.since, last.seen, last.until) == tuple(map(minutes_later, (0, 11, 17)))
    assert last.title.startswith("Over after 17 min: ")


def test_getting_worse_is_said_and_getting_better_is_not():
    signs = {
        0: (a_sign(0),),
        1: (a_sign(1, severity=Severity.CRITICAL),),
        2: (a_sign(2, severity=Severity.ERROR),),
    }
    watched, said = live(signs, 3)
    assert told(said) == [(0, "open", "warning"), (1, "open", "critical")]
    assert watched.open[0].severity is Severity.CRITICAL


def test_of_several_signs_of_a_minute_the_worst_counts():
    signs = {0: (a_sign(0, OFF), a_sign(0, severity=Severity.ERROR), a_sign(0))}
    _, said = live(signs, 0)
    assert told(said) == [(0, "open", "error")]


def test_a_tumbling_window_was_clear_from_its_start():
    signs = {
        0: (a_sign(0, kind=WindowKind.QUARTER, hold_minutes=15),),
        15: (a_sign(15, OFF, kind=WindowKind.QUARTER, hold_minutes=15),),
    }
    _, said = live(signs, 20)
    assert told(said) == [(0, "open", "warning"), (15, "closed", "warning")]


def test_a_window_that_reaches_back_before_the_close_opens_nothing():
    signs = course("+------")
    signs[30] = (a_sign(30, kind=WindowKind.HOUR),)
    signs[80] = (a_sign(80, kind=WindowKind.HOUR),)
    _, said = live(signs, 90)
    assert told(said) == [(0, "open", "warning"), (6, "closed", "warning"), (80, "open", "warning")]
    assert said[0][1].id != said[2][1].id


def test_rules_and_arms_are_followed_each_by_itself():
    signs = {0: (a_sign(0), a_sign(0, arm="other"), a_sign(0, rule="latency_threshold"))}
    watched, said = live(signs, 1)
    assert len({one.id for _, one in said}) == len(watched.open) == 3


def test_a_finding_of_an_arm_that_is_served_no_more_closes():
    _, said = live({0: (a_sign(0), a_sign(0, arm="other"))}, 1, gone=frozenset({ARM}))
    closed = [one for _, one in said if one.status is FindingStatus.CLOSED]
    assert [(one.arm, one.magnitude.value) for one in closed] == [(ARM, 0.2)]
    assert "no call for an hour" in closed[0].title


def test_a_finding_nothing_is_told_of_for_a_day_closes():
    watched, said = live({0: (a_sign(0),)}, 24 * 60 - 1)
    assert len(said) == 1
    at = minutes_later(24 * 60)
    watched, news = follow(ROUTE, watched, (), at, frozenset().__contains__)
    assert [one.until for one in news] == [at]
    assert watched.open == ()


def test_what_closed_is_forgotten_after_an_hour():
    watched, _ = live(course("+------"), 66)
    assert watched == Watched()


def test_a_finding_that_need_not_wait_closes_at_the_first_clear_sign():
    signs = {0: (a_sign(0),), 3: (a_sign(3, OFF, hold_minutes=0),)}
    signs[0] = (replace(signs[0][0], hold_minutes=0),)
    _, said = live(signs, 5)
    assert told(said)[-1] == (3, "closed", "warning")
    assert said[-1][1].until - said[-1][1].since == timedelta(minutes=3)
