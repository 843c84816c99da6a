"""Alerts in a route's life: findings open, get worse and end; decisions name them."""

import msgspec
import pytest

from optimizer.controller import Controller, Observation, RouteState
from optimizer.decisions import OptimizationDecision
from optimizer.events import AlertSeverity
from optimizer.findings import Finding, FindingStatus, Severity
from optimizer.settings import RouteSettings, validate
from tests.builders import (
    ROUTE,
    PriceList,
    a_summary,
    an_alert,
    an_arm,
    minutes_later,
)

OPEN, CLOSED = FindingStatus.OPEN, FindingStatus.CLOSED
SPIKE = "external_latency_spike"
OLD, NEW = an_arm("gpt-4o"), an_arm("gpt-4o-mini", latency_p95_ms=1500.0)
PRICES = PriceList(gpt_4o=(2.5, 10.0), gpt_4o_mini=(0.15, 0.6))


def run(alerts, minutes=40, **sentinel):
    """Live through minutes without traffic; `alerts` are given with the minute they count in."""
    controller = Controller(validate({"sentinel": sentinel}), PRICES)
    state, said = None, []
    for minute in range(1, minutes + 1):
        heard = tuple(alert for at, alert in alerts if at == minute)
        seen = Observation(route=ROUTE, at=minutes_later(minute), alerts=heard)
        state, outputs = controller.step(state, seen)
        said += outputs
        stored = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=RouteState)
        assert stored == state
    return said


def told(said):
    return [(one.rule, one.status, one.seen if one.until is None else one.until) for one in said]


def at(minute, **changes):
    return (int(minute) + 1, an_alert(timestamp=minutes_later(minute), **changes))


def test_an_alert_opens_a_finding_that_ends_when_it_expires():
    said = run([at(2.5)])
    assert told(said) == [(SPIKE, OPEN, minutes_later(3)), (SPIKE, CLOSED, minutes_later(18))]
    opened, closed = said
    assert opened.id == closed.id
    assert (opened.since, opened.arm, opened.severity) == (minutes_later(2.5), "", Severity.ERROR)
    assert closed.title == "Over after 15 min: no alert of latency spike holds any more"


def test_repeats_keep_one_finding_open_and_say_nothing():
    said = run([at(2.5), at(7.5, id="alert-2"), at(11.5, id="alert-1")])
    assert told(said) == [(SPIKE, OPEN, minutes_later(3)), (SPIKE, CLOSED, minutes_later(27))]


def test_a_worse_alert_is_said_and_kinds_are_apart():
    worse = at(4.5, id="b", severity=AlertSeverity.CRITICAL)
    said = run([at(2.5), worse, at(4.5, id="c", anomaly="cost_anomaly")])
    assert [(one.rule, one.severity, one.status) for one in said] == [
        (SPIKE, Severity.ERROR, OPEN),
        ("external_cost_anomaly", Severity.ERROR, OPEN),
        (SPIKE, Severity.CRITICAL, OPEN),
        ("external_cost_anomaly", Severity.ERROR, CLOSED),
        (SPIKE, Severity.CRITICAL, CLOSED),
    ]


@pytest.mark.parametrize(("expiry", "end"), [(120, 5), (600, 13)])
def test_how_long_an_alert_holds_is_a_setting(expiry, end):
    assert told(run([at(2.5)], expiry_secs=expiry))[-1] == (SPIKE, CLOSED, minutes_later(end))


def test_what_came_too_late_to_hold_opens_nothing():
    assert run([(30, an_alert(timestamp=minutes_later(2)))]) == []


def test_an_alert_alone_decides_nothing_and_a_decision_names_those_that_hold():
    route = RouteSettings(route=ROUTE, incumbent=OLD, candidates=(NEW,))
    settings = validate({})
    controller = Controller(type(settings)(routes=(route,)), PRICES)
    state, said = None, []
    for minute in range(1, 75):
        slow = {"median_ms": 4000.0} if minute >= 65 else {}
        summaries = (a_summary(end=minutes_later(minute), arm=OLD.id, **slow),)
        alerts = (an_alert(timestamp=minutes_later(59)),) if minute == 60 else ()
        seen = Observation(
            route=ROUTE, at=minutes_later(minute), summaries=summaries, alerts=alerts
        )
        state, outputs = controller.step(state, seen)
        said += outputs
        if minute < 65:
            assert not any(isinstance(one, OptimizationDecision) for one in outputs)
    (decision,) = [one for one in said if isinstance(one, OptimizationDecision)]
    findings = {one.id: one.rule for one in said if isinstance(one, Finding)}
    assert decision.metadata["alerts"] == "sentinel:alert-1"
    assert [findings[one] for one in decision.evidence] == ["latency_increase"]
