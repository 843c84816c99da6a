"""What comes in: feedback events, and the call, score, alert, order and report in them.

Calls reach the hot path as columns (`optimizer.observe.columns`), never as objects; `Call` is the
same facts for one call, used where calls are few: the slow path of decoding, tests, explanations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, NamedTuple

ALL_ROUTES = "/*"  # after a service: each of its routes


class EventType(StrEnum):
    """What a feedback event is about (the contract's values)."""

    METRIC = "metric"
    ANOMALY = "anomaly"
    FEEDBACK = "feedback"
    PERFORMANCE_ALERT = "performance_alert"
    COST_ALERT = "cost_alert"
    QUALITY_ALERT = "quality_alert"


class EventSource(StrEnum):
    """Who sent a feedback event (the contract's values)."""

    OBSERVATORY = "observatory"
    SENTINEL = "sentinel"
    USER = "user"
    SYSTEM = "system"
    GOVERNANCE = "governance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One LLM request as telemetry shows it. Its event time is the end of its span.

    Attributes:
        route: Where it was made: `tenant/service/route`.
        arm: The configuration it was assigned; `""` when nothing tells.
        revision: The document revision it ran under; 0 without a stamp.
        cell: Its discrete context; `""` when none was given.
        slot: Its slot of 200; -1 without a stamp.
        model: The model that answered, or that was asked for when it failed.
        provider: Who served it, in lower case; `""` when unknown.
        call_id: 64 bits of its trace and span id.
        end_ns: When it ended, nanoseconds since the epoch.
        latency_ns: How long it took, at least 0.
        ttft_ns: Time to the first token; -1 when not streamed or not told.
        tokens_in: Input tokens, cached ones included; -1 when not told.
        tokens_out: Output tokens, reasoning included; -1 when not told.
        tokens_cached: Input tokens read from a cache.
        cost_nusd: What it cost, nano-dollars; -1 when the price is not known.
        streamed: The answer came in pieces.
        failed: It ended in an error.
        error_type: The error's class name, without its module; `""` when it succeeded.
    """

    route: str
    arm: str
    revision: int = 0
    cell: str = ""
    slot: int = -1
    model: str = ""
    provider: str = ""
    call_id: int
    end_ns: int
    latency_ns: int
    ttft_ns: int = -1
    tokens_in: int = -1
    tokens_out: int = -1
    tokens_cached: int = 0
    cost_nusd: int = -1
    streamed: bool = False
    failed: bool = False
    error_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """A quality judgement of a call, in [0, 1], that echoes where the call was made.

    Attributes:
        route: `tenant/service/route` of the judged call.
        arm: The arm of the judged call.
        value: The judgement, 0 worst, 1 best.
        name: What was judged, such as `user_feedback` or `faithfulness`.
        revision: The document revision of the judged call; 0 when not told.
        cell: The cell of the judged call.
        slot: The slot of the judged call; -1 when not told.
    """

    route: str
    arm: str
    value: float
    name: str = "user_feedback"
    revision: int = 0
    cell: str = ""
    slot: int = -1
    kind: Literal["score"] = "score"


class AlertSeverity(StrEnum):
    """How bad an anomaly is to who noticed it, in rising order (Sentinel's values)."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An anomaly that another system noticed. Nobody ever says that it is over.

    Attributes:
        route: `tenant/service/route` it concerns; `tenant/service/*` for all of a service.
        anomaly: What is wrong, in small letters and underscores, such as `latency_spike`.
        severity: How bad.
        model: The model it was noticed on; `""` when not told.
        method: How it was noticed, such as `z_score`.
        metric: What was measured, such as `latency_ms`; `""` when not told.
        value: What was measured; None when not told.
        baseline: What is usual.
        threshold: What it broke.
        confidence: How sure, in [0, 1]; None when not told.
        samples: How many calls it rests on; 0 when not told.
        trace_id: The trace it was noticed in; `""` when not told.
        title: One line for a person; `""` when not told.
    """

    route: str
    anomaly: str
    severity: AlertSeverity = AlertSeverity.MEDIUM
    model: str = ""
    method: str = ""
    metric: str = ""
    value: float | None = None
    baseline: float | None = None
    threshold: float | None = None
    confidence: float | None = None
    samples: int = 0
    trace_id: str = ""
    title: str = ""
    kind: Literal["alert"] = "alert"


class OrderAction(StrEnum):
    """What an operator may order."""

    APPROVE = "approve"
    REJECT = "reject"
    PAUSE = "pause"
    RESUME = "resume"
    PIN = "pin"
    UNPIN = "unpin"
    ROLL_BACK = "roll_back"
    STOP = "stop"
    START = "start"


EVERYWHERE = "*"  # as an order's route: every route there is


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An operator's command to one route, or to all.

    Attributes:
        route: The route it concerns; `tenant/service/*` for all of a service, `*` for all routes
            (a stop or a start).
        action: What to do. Approve or reject a pending decision; pause the route's decisions and
            hold its rollout where it is, resume both; pin what is in force, so that nothing is
            decided until it is unpinned; roll back the rollout, or the newest change; stop: return
            to the incumbent and decide nothing until start.
        decision_id: The decision to approve, reject or roll back; `""` for the others.
        revision: The document revision whoever ordered it saw; None when none was looked at. An
            order that saw another one than is in force is refused.
        author: Who ordered it.
        reason: Why; shown with what it causes.
    """

    route: str
    action: OrderAction
    decision_id: str = ""
    revision: int | None = None
    author: str = ""
    reason: str = ""
    kind: Literal["order"] = "order"


def is_wide(route: str) -> bool:
    """Tell whether the route of an order or alert stands for several."""
    return route == EVERYWHERE or route.endswith(ALL_ROUTES)


class ReportOutcome(StrEnum):
    """What became of a document at a gateway."""

    APPLIED = "applied"  # it is in force there
    FAILED = "failed"  # it could not be brought there, and trying again does not help
    CONFLICT = "conflict"  # somebody else wrote there: the revision found is told
    SEEN = "seen"  # the revision found when the actuator started, or later
    MODEL_GONE = "model_gone"  # an arm's model is not served any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What an actuator tells of a gateway. Success is what telemetry shows, not this.

    Attributes:
        route: The route.
        outcome: What happened.
        revision: The revision it is about; for a conflict or a look, the one found there.
        gateway: Which gateway.
        arm: The arm whose model is gone; `""` else.
        detail: What the gateway said.
    """

    route: str
    outcome: ReportOutcome
    revision: int
    gateway: str = ""
    arm: str = ""
    detail: str = ""
    kind: Literal["report"] = "report"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedbackEvent:
    """Anything about LLM traffic that is not a span, in the contract's envelope.

    Attributes:
        id: Unique for its source; a repeat counts once.
        timestamp: When it happened, aware UTC.
        source: Who sent it.
        event_type: What it is about.
        data: The score, alert, order or report itself.
        metadata: Free text pairs, kept as they came.
    """

    id: str
    timestamp: datetime
    source: EventSource
    event_type: EventType
    data: Score | Alert | Order | Report
    metadata: Mapping[str, str] = field(default_factory=dict)


class Heard(NamedTuple):
    """An event on its way to whom it concerns.

    Attributes:
        event: The event.
        due_ns: From when on it counts: its own time, or for a late one how far the time of the
            partition it came in had come.
    """

    event: FeedbackEvent
    due_ns: int


def nanoseconds(instant: datetime) -> int:
    """Give an instant in nanoseconds since the epoch, exact to the microsecond."""
    return round(instant.timestamp() * 1e6) * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """The outside form of everything this product says: CloudEvents 1.0, structured mode.

    Source: CloudEvents specification 1.0.2, section 3.

    Attributes:
        id: Deterministic; `source` and `id` together name the event once.
        source: `/llm-optimizer/<service name>`.
        type: Such as `io.llmops.optimizer.decision.v1`.
        subject: The route it is about.
        time: Event time, aware UTC.
        dataschema: Where the JSON Schema of `data` stands.
        partitionkey: The key it is published under: the route.
        data: The decision, finding or window summary, as JSON types.
    """

    id: str
    source: str
    type: str
    subject: str
    time: datetime
    dataschema: str
    partitionkey: str
    data: dict[str, Any]
    specversion: Literal["1.0"] = "1.0"
    datacontenttype: Literal["application/json"] = "application/json"
