"""Anomalies of LLM-Sentinel, in each of the shapes it sends them.

An AnomalyEvent stands alone, inside an AlertEvent, inside a signed webhook, or inside the
DecisionEvent of an agent; a Signal says the same in other words, and so does the event of the
ecosystem's plan (`affected_services`, `metrics`). What the innermost tells holds; what it leaves
out, its wrappers may tell. Free text apart from the title is left behind: it may quote prompts.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid5

from connectors.bounds import MAX_SAMPLES
from connectors.members import Members, as_word
from optimizer.errors import InvalidEvent
from optimizer.events import ALL_ROUTES, Alert, AlertSeverity, EventSource, EventType, FeedbackEvent
from optimizer.findings import NAMESPACE
from optimizer.observe.identify import route_name
from optimizer.observe.words import read_words
from optimizer.statistics.rounding import rounded_if_known

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

ROUTE = "llm.optimizer.route"
METHODS = {"zscore": "z_score"}  # as Sentinel itself spells it elsewhere
SEVERITIES = {severity.value: severity for severity in AlertSeverity} | {
    "info": AlertSeverity.LOW,
    "warning": AlertSeverity.MEDIUM,
    "error": AlertSeverity.HIGH,
}
# Members that tell a wrapper, and the way from there to what it wraps.
WRAPPERS = (
    (("decision_type", "outputs"), ("outputs", "anomaly_event")),
    (("alert_id", "anomaly"), ("anomaly",)),
    (("event_type", "timestamp", "data"), ("data",)),
    (("signal_type", "payload"), ("payload",)),
    (("type", "payload"), ("payload",)),
    (("type", "data"), ("data",)),
)
MOST_WRAPPERS = 4
MOST_SERVICES = 100  # that one event may be about; each costs every shard a look
SIGNAL = "anomaly"  # the `type` of a signal that is one
KINDS = {
    "latency_spike": EventType.PERFORMANCE_ALERT,
    "throughput_degradation": EventType.PERFORMANCE_ALERT,
    "error_rate_increase": EventType.PERFORMANCE_ALERT,
    "token_usage_spike": EventType.COST_ALERT,
    "cost_anomaly": EventType.COST_ALERT,
    "hallucination": EventType.QUALITY_ALERT,
    "output_drift": EventType.QUALITY_ALERT,
    "quality_degradation": EventType.QUALITY_ALERT,
}


class Around(NamedTuple):
    """What wrappers tell of an anomaly; it holds where the anomaly itself says nothing.

    Attributes:
        id: Names it once.
        time: When.
        service: Where.
        model: On which model.
        severity: How bad.
        confidence: How sure.
        trace_id: In which trace.
        title: One line for a person.
    """

    id: str = ""
    time: datetime | None = None
    service: str = ""
    model: str = ""
    severity: str = ""
    confidence: float | None = None
    trace_id: str = ""
    title: str = ""


class _Measured(NamedTuple):
    metric: str
    value: float | None
    baseline: float | None
    threshold: float | None


def is_anomaly(content: Mapping[str, object]) -> bool:
    """Tell whether a JSON object is one of Sentinel's shapes."""
    told = Members(content)
    return told.has("anomaly_type") or _wrapped(told) is not None


def read_anomaly(
    body: bytes, content: Mapping[str, object], tenant: str, around: Around
) -> tuple[FeedbackEvent, ...]:
    """Read any of Sentinel's shapes.

    Args:
        body: Its bytes.
        content: The same, read.
        tenant: Who owns the services it names.
        around: What is told outside of it.

    Returns:
        An event for each service concerned; none where an agent decided that all is well.

    Raises:
        InvalidEvent: It names no service, anomaly or time, or a member has the wrong type.
    """
    told = Members(content)
    for _ in range(MOST_WRAPPERS):
        wrapped = _wrapped(told)
        if wrapped is None:
            break
        around = _around(told, around)
        if told.has("decision_type") and (not wrapped.content or _is_well(told)):
            return ()
        told = wrapped
    around = _around(told, around)
    routes = _routes(told, around, tenant)
    return tuple(_event(body, _alert(told, around, route), around) for route in routes)


def _wrapped(told: Members) -> Members | None:
    """Give what a wrapper wraps, empty where it wraps nothing; None for what is no wrapper."""
    if told.has("anomaly_type"):
        return None
    for names, path in WRAPPERS:
        if told.has(*names) and (names[0] != "type" or _says_anomaly(told)):
            for name in path:
                told = told.inside(name)
            return told
    return None


def _is_well(told: Members) -> bool:
    return told.inside("outputs").content.get("anomaly_detected") is False


def _says_anomaly(told: Members) -> bool:
    kind = told.content["type"]
    return isinstance(kind, str) and kind.lower() == SIGNAL


def _around(told: Members, outer: Around) -> Around:
    context = told.inside("context")
    severity = told.text("severity")
    confidence = told.number("confidence")
    return Around(
        id=told.text("alert_id", "decision_id", "signal_id", "event_id", "id") or outer.id,
        time=told.instant("timestamp", "time", "detected_at") or outer.time,
        service=told.text("service_name", "service")
        or context.text("service_name")
        or outer.service,
        model=told.text("model") or context.text("model") or outer.model,
        severity=severity or outer.severity,
        confidence=outer.confidence if confidence is None else confidence,
        trace_id=context.text("trace_id")
        or told.inside("execution_ref").text("trace_id")
        or told.text("trace_id")
        or outer.trace_id,
        title=told.text("title") or outer.title,
    )


def _routes(told: Members, around: Around, tenant: str) -> tuple[str, ...]:
    """Name the routes concerned: one, or all of each service."""
    stamp = _stamp(told)
    services = told.texts("affected_services")[:MOST_SERVICES] or tuple(
        filter(None, (around.service,))
    )
    if not services and "/" not in stamp:
        raise InvalidEvent("service_name: must be told, or nobody knows what is concerned")
    return tuple(dict.fromkeys(_route(tenant, service, stamp) for service in services or ("",)))


def _stamp(told: Members) -> str:
    """Give the route an anomaly is labelled with; `""` for none."""
    context = told.inside("context")
    for name, place in (("labels", told), ("additional", context), ("labels", context)):
        labels = place.content.get(name)
        if isinstance(labels, dict) and isinstance(labels.get(ROUTE), str):
            return Members(labels).text(ROUTE)
    return ""


def _route(tenant: str, service: str, stamp: str) -> str:
    """Name a route just as a span of that service with that stamp would."""
    attributes = {"gen_ai.operation.name": "chat"} | ({ROUTE: stamp} if stamp else {})
    words = read_words(attributes, {"service.name": service})
    name = route_name(tenant, words) if words else ""
    return name if stamp else f"{name.rpartition('/')[0]}{ALL_ROUTES}"


def _alert(told: Members, around: Around, route: str) -> Alert:
    measured = _measured(told)
    anomaly = told.word("anomaly_type")
    if not anomaly and measured.metric:
        anomaly = f"{as_word(measured.metric)}_anomaly"
    if not anomaly:
        raise InvalidEvent("anomaly_type: must be told")
    method = told.word("detection_method")
    confidence = around.confidence
    if confidence is not None and not 0 <= confidence <= 1:
        raise InvalidEvent(f"confidence is {confidence:g}: must be in [0, 1]")
    return Alert(
        route=route,
        anomaly=anomaly,
        severity=_severity(around.severity),
        model=around.model,
        method=METHODS.get(method, method),
        metric=measured.metric,
        value=rounded_if_known(measured.value),
        baseline=rounded_if_known(measured.baseline),
        threshold=rounded_if_known(measured.threshold),
        confidence=rounded_if_known(confidence),
        samples=min(max(0, int(told.inside("context").number("sample_count") or 0)), MAX_SAMPLES),
        trace_id=around.trace_id,
        title=around.title,
    )


def _severity(told: str) -> AlertSeverity:
    if not told:
        return AlertSeverity.MEDIUM
    severity = SEVERITIES.get(told.lower())
    if severity is None:
        raise InvalidEvent(f"severity is {told}: must be low, medium, high or critical")
    return severity


def _measured(told: Members) -> _Measured:
    """Give what was measured: of several metrics the one that is furthest from its baseline."""
    metrics = told.inside("metrics")
    if metrics.content:
        name, metric = max(
            ((name, metrics.inside(name)) for name in metrics.content),
            key=lambda one: (abs(one[1].number("deviation_sigma") or 0.0), one[0]),
        )
        return _Measured(
            Members({"metric": name}).text("metric"),
            metric.number("current"),
            metric.number("baseline"),
            metric.number("threshold"),
        )
    details = told.inside("details") if told.has("details") else told
    return _Measured(
        details.text("metric"),
        details.number("value", "observed_value"),
        details.number("baseline", "baseline_value"),
        details.number("threshold"),
    )


def _event(body: bytes, alert: Alert, around: Around) -> FeedbackEvent:
    if around.time is None:
        raise InvalidEvent("timestamp: must be told")
    return FeedbackEvent(
        id=around.id or str(uuid5(NAMESPACE, hashlib.sha256(body).hexdigest())),
        timestamp=around.time,
        source=EventSource.SENTINEL,
        event_type=KINDS.get(alert.anomaly, EventType.ANOMALY),
        data=alert,
    )
