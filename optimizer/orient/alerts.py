"""Alerts of other systems: one finding for each kind of anomaly, over when nobody repeats it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from optimizer.events import Alert, AlertSeverity, EventSource, FeedbackEvent
from optimizer.findings import Evidence, Severity
from optimizer.orient.signs import Sign, Truth
from optimizer.orient.wording import figure, magnitude, percent
from optimizer.statistics.rounding import rounded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from optimizer.findings import OpenFinding
    from optimizer.orient.signs import Memory, Scene

PREFIX = "external_"  # of the rules
MOST = 32  # alerts that are remembered of a route
MOST_CONFIDENCE = 0.999999  # nobody is wholly sure
SEVERITIES = {
    AlertSeverity.LOW: Severity.INFO,
    AlertSeverity.MEDIUM: Severity.WARNING,
    AlertSeverity.HIGH: Severity.ERROR,
    AlertSeverity.CRITICAL: Severity.CRITICAL,
}
UNITS = {"_ms": "ms", "_usd": "USD", "_secs": "s", "_rate": "share", "_tokens": "tokens"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """An alert that holds.

    Attributes:
        source: Who sent it.
        id: Its id there.
        at: When it was last noticed.
        alert: What it says.
    """

    source: EventSource
    id: str
    at: datetime
    alert: Alert


def standing(
    before: tuple[Standing, ...], heard: Iterable[FeedbackEvent], at: datetime, expiry: timedelta
) -> tuple[Standing, ...]:
    """Give the alerts that hold at the end of a minute, the oldest first.

    Args:
        before: Those that held a minute ago.
        heard: Alerts that came since; a repeat of an id counts when it is newer.
        at: The end of the minute.
        expiry: How long an alert holds.
    """
    known = {(one.source, one.id): one for one in before}
    for event in heard:
        key = (event.source, event.id)
        older = known.get(key)
        if isinstance(event.data, Alert) and (older is None or older.at < event.timestamp):
            known[key] = Standing(
                source=event.source, id=event.id, at=event.timestamp, alert=event.data
            )
    live = [one for one in known.values() if at < one.at + expiry]
    if len(live) == len(before) == len(known) and all(map(_is, live, before)):
        return before
    return tuple(sorted(live, key=lambda one: (one.at, one.source, one.id))[-MOST:])


class Alerts:
    """Finds `external_<kind of anomaly>`, per route."""

    name = "alerts"

    def step(self, memory: Memory, scene: Scene) -> tuple[Memory, tuple[Sign, ...]]:
        """Say which anomalies hold, and which of those that did no longer do."""
        kinds: dict[str, list[Standing]] = {}
        for one in scene.alerts:
            kinds.setdefault(f"{PREFIX}{one.alert.anomaly}", []).append(one)
        return memory, (*(_on(rule, kinds[rule]) for rule in sorted(kinds)), *_off(scene, kinds))


def _off(scene: Scene, kinds: dict[str, list[Standing]]) -> Iterator[Sign]:
    for (rule, arm), finding in scene.open.items():
        if rule.startswith(PREFIX) and rule not in kinds:
            yield _expired(rule, arm, finding, scene.at)


def _on(rule: str, alerts: list[Standing]) -> Sign:
    """Tell of the worst alert of a kind, the newest of several alike."""
    worst = max(alerts, key=lambda one: (SEVERITIES[one.alert.severity].rank, one.at, one.id))
    alert = worst.alert
    value, baseline = alert.value or 0.0, _usual(alert)
    return Sign(
        rule=rule,
        arm="",
        truth=Truth.ON,
        severity=SEVERITIES[alert.severity],
        magnitude=magnitude(value, baseline, _unit(alert.metric)),
        confidence=min(alert.confidence or 0.0, MOST_CONFIDENCE),
        evidence=Evidence(
            metric=alert.metric,
            value=rounded(value),
            reference=rounded(baseline),
            n=alert.samples,
            window=None,
            start=worst.at,
            end=worst.at,
        ),
        hold_minutes=0,
        title=alert.title or f"{_name(worst)} reports {_words(alert.anomaly)}{_measure(alert)}",
        detail=_detail(worst, len(alerts)),
        since=min(one.at for one in alerts),
    )


def _expired(rule: str, arm: str, finding: OpenFinding, at: datetime) -> Sign:
    words = _words(rule.removeprefix(PREFIX))
    return Sign(
        rule=rule,
        arm=arm,
        truth=Truth.OFF,
        magnitude=magnitude(finding.value, finding.reference, finding.unit),
        confidence=0.0,
        evidence=Evidence(
            metric="alerts", value=0.0, reference=0.0, n=0, window=None, start=finding.seen, end=at
        ),
        hold_minutes=0,
        title=f"no alert of {words} holds any more",
        detail=f"Nobody has noticed {words} again for as long as an alert holds.",
    )


def _detail(one: Standing, count: int) -> str:
    """Say what was noticed, how and when: `latency_ms was 5,210, usually 1,480`."""
    alert = one.alert
    how = [f"by {alert.method}"] if alert.method else []
    how += [] if alert.confidence is None else [f"{percent(alert.confidence)} sure"]
    how += [f"on {alert.model}"] if alert.model else []
    how += [f"{alert.samples:,} calls"] if alert.samples else []
    noticed = f"{_name(one)} noticed {_words(alert.anomaly)} at {one.at:%H:%M:%S} UTC"
    repeats = f" {count} such alerts hold." if count > 1 else ""
    return f"{noticed} ({', '.join(how) or 'how is not told'}){_measure(alert)}.{repeats}"


def _measure(alert: Alert) -> str:
    if alert.value is None:
        return ""
    words = [f"{alert.metric or 'the measure'} was {figure(alert.value)}"]
    words += [f"usually {figure(alert.baseline)}"] if alert.baseline is not None else []
    words += [f"the limit is {figure(alert.threshold)}"] if alert.threshold is not None else []
    return f": {', '.join(words)}"


def _usual(alert: Alert) -> float:
    """Give what the value is compared with: the baseline, else the threshold, else nothing."""
    told = alert.threshold if alert.baseline is None else alert.baseline
    return told or 0.0


def _unit(metric: str) -> str:
    return next((unit for suffix, unit in UNITS.items() if metric.endswith(suffix)), "")


def _name(one: Standing) -> str:
    return one.source.value.capitalize()


def _words(anomaly: str) -> str:
    return anomaly.replace("_", " ")


def _is(one: Standing, other: Standing) -> bool:
    return one is other
