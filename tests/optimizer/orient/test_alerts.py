"""Alerts of other systems become findings that end by themselves."""

import random
from datetime import timedelta

import pytest

from optimizer.events import AlertSeverity, EventSource
from optimizer.findings import Severity
from optimizer.orient.alerts import MOST, Alerts, standing
from optimizer.orient.signs import Memory, Truth
from tests.builders import EXPIRY, START, a_scene, an_alert, an_open_finding, minutes_later

SPIKE = "external_latency_spike"


def signs(at, *alerts, **changes):
    memory, said = Alerts().step(Memory(), a_scene(at, alerts=alerts, **changes))
    assert memory == Memory()
    return said


def test_an_alert_that_holds_is_a_sign_with_its_evidence_in_words():
    (sign,) = signs(minutes_later(1), an_alert(model="gpt-4o", threshold=3200.0, samples=1000))
    assert (sign.rule, sign.arm, sign.truth) == (SPIKE, "", Truth.ON)
    assert sign.since == START
    assert sign.severity is Severity.ERROR
    assert (sign.magnitude.value, sign.magnitude.reference) == (5210, 1480)
    assert sign.magnitude.unit == "ms"
    assert (sign.evidence.metric, sign.evidence.n) == ("latency_ms", 1000)
    assert sign.title == (
        "Sentinel reports latency spike: latency_ms was 5,210, usually 1,480, the limit is 3,200"
    )
    assert sign.detail == (
        "Sentinel noticed latency spike at 12:00:00 UTC (by z_score, 95 % sure, on gpt-4o,"
        " 1,000 calls): latency_ms was 5,210, usually 1,480, the limit is 3,200."
    )


def test_an_alert_that_tells_little_is_told_as_it_is():
    bare = dict.fromkeys(("value", "baseline", "confidence")) | {"method": "", "metric": ""}
    (sign,) = signs(minutes_later(1), an_alert(anomaly="prompt_leak", title="Leak!", **bare))
    assert (sign.title, sign.confidence) == ("Leak!", 0.0)
    assert sign.detail == "Sentinel noticed prompt leak at 12:00:00 UTC (how is not told)."


@pytest.mark.parametrize(
    ("told", "severity"),
    [
        (AlertSeverity.LOW, Severity.INFO),
        (AlertSeverity.MEDIUM, Severity.WARNING),
        (AlertSeverity.HIGH, Severity.ERROR),
        (AlertSeverity.CRITICAL, Severity.CRITICAL),
    ],
)
def test_severities_rise_alike(told, severity):
    (sign,) = signs(minutes_later(1), an_alert(severity=told))
    assert sign.severity is severity


def test_each_kind_is_one_sign_of_its_worst_alert_since_the_first():
    alerts = (
        an_alert(id="a", timestamp=minutes_later(1), severity=AlertSeverity.LOW),
        an_alert(id="b", timestamp=minutes_later(2), severity=AlertSeverity.CRITICAL),
        an_alert(id="c", timestamp=minutes_later(3)),
        an_alert(id="d", timestamp=minutes_later(3), anomaly="cost_anomaly"),
    )
    cost, spike = signs(minutes_later(4), *alerts)
    assert (cost.rule, spike.rule) == ("external_cost_anomaly", SPIKE)
    assert (spike.severity, spike.since) == (Severity.CRITICAL, minutes_later(1))
    assert spike.detail.endswith(" 3 such alerts hold.")


def test_what_is_open_and_holds_no_more_is_over():
    opened = [an_open_finding(rule=SPIKE, arm=""), an_open_finding()]
    (sign,) = signs(minutes_later(20), an_alert(), opened=opened)
    assert (sign.rule, sign.truth, sign.hold_minutes) == (SPIKE, Truth.OFF, 0)


@pytest.mark.parametrize(("seconds", "holds"), [(0, True), (899, True), (900, False)])
def test_an_alert_holds_until_it_expires(seconds, holds):
    kept = standing((), [an_alert()], START + timedelta(seconds=seconds), EXPIRY)
    assert bool(kept) is holds


def test_a_repeat_counts_when_it_is_newer_and_never_twice():
    at = minutes_later(3)
    first = standing((), [an_alert()], at, EXPIRY)
    assert standing(first, [an_alert()], at, EXPIRY) is first
    assert standing(first, [an_alert(timestamp=minutes_later(-1))], at, EXPIRY) is first
    newer = an_alert(timestamp=minutes_later(2))
    (again,) = standing(first, [newer], at, EXPIRY)
    assert again.at == minutes_later(2)
    other = replaced_source(an_alert())
    assert len(standing(first, [other], at, EXPIRY)) == 2


def replaced_source(event):
    return type(event)(
        id=event.id,
        timestamp=event.timestamp,
        source=EventSource.SYSTEM,
        event_type=event.event_type,
        data=event.data,
    )


def test_a_flood_is_bounded_and_the_oldest_go_first():
    flood = [an_alert(id=str(one), timestamp=START + timedelta(seconds=one)) for one in range(100)]
    random.Random(3).shuffle(flood)
    kept = standing((), flood, minutes_later(2), EXPIRY)
    assert [one.id for one in kept] == [str(one) for one in range(100 - MOST, 100)]


def test_what_holds_depends_on_no_order_of_arrival():
    rng = random.Random(5)
    alerts = [
        an_alert(id=str(rng.randrange(5)), timestamp=minutes_later(rng.randrange(12)))
        for _ in range(30)
    ]
    at = minutes_later(13)
    wanted = standing((), alerts, at, EXPIRY)
    for _ in range(20):
        rng.shuffle(alerts)
        half = standing((), alerts[:15], at, EXPIRY)
        assert standing(half, alerts[15:], at, EXPIRY) == wanted
