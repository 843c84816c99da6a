"""Valid by default, so that a test varies only what matters to it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from optimizer.controller import Observation
from optimizer.decisions import (
    ChangeType,
    ConfigurationChange,
    ExpectedImpact,
    OptimizationDecision,
    OptimizationStrategy,
    decision_id,
)
from optimizer.documents import Allotment, Document
from optimizer.events import (
    Alert,
    AlertSeverity,
    EventSource,
    EventType,
    FeedbackEvent,
    Order,
    OrderAction,
    Report,
    ReportOutcome,
    nanoseconds,
)
from optimizer.findings import (
    Evidence,
    Finding,
    FindingStatus,
    Magnitude,
    OpenFinding,
    Severity,
    finding_id,
)
from optimizer.models import Arm, ModelConfig
from optimizer.orient.alerts import standing
from optimizer.orient.pooling import pooled
from optimizer.orient.signs import Scene
from optimizer.prices import Price, Rates
from optimizer.rollouts import Phase, RolloutProgress, Tick, Verdict, VerdictKind
from optimizer.settings import Thresholds
from optimizer.windows import WindowKind, WindowSummary

ROUTE = "acme/shop/answer"
ARM = "gpt-4o-11111111"
START = datetime(2025, 3, 3, 12, 0, tzinfo=UTC)
EXPIRY = timedelta(minutes=15)
LENGTHS = {
    WindowKind.MINUTE: timedelta(minutes=1),
    WindowKind.SLIDING: timedelta(minutes=5),
    WindowKind.QUARTER: timedelta(minutes=15),
    WindowKind.HOUR: timedelta(hours=1),
}


def minutes_later(count: float) -> datetime:
    return START + timedelta(minutes=count)


def a_summary(**changes) -> WindowSummary:
    """A window of healthy calls: 60 a minute, median 800 ms, half a cent, scored .8 one in five.

    `calls` not given follow the window's length; what follows from others is filled in.
    """
    kind = changes.pop("kind", WindowKind.SLIDING)
    end = changes.pop("end", START)
    calls = changes.pop("calls", int(60 * LENGTHS[kind] / timedelta(minutes=1)))
    errors = changes.pop("errors", 0)
    good = calls - errors
    median_ms = changes.pop("median_ms", 800.0)
    cost_usd = changes.pop("cost_each_usd", 0.005)
    scores = changes.pop("scores", calls // 5)
    values = {
        "route": ROUTE,
        "arm": ARM,
        "revision": 0,
        "kind": kind,
        "start": end - LENGTHS[kind],
        "end": end,
        "calls": calls,
        "errors": errors,
        "latency_mean_ms": median_ms * 1.2 if good else None,
        "latency_p50_ms": median_ms if good else None,
        "latency_p95_ms": median_ms * 2.7 if good else None,
        "latency_p99_ms": median_ms * 4.0 if good else None,
        "latency_slow": 0,
        "latency_log": math.log(median_ms) if good else None,
        "latency_log_sd": 0.6,
        "ttft_calls": 0,
        "ttft_p95_ms": None,
        "priced": calls,
        "billed": calls,
        "cost_usd": cost_usd * calls,
        "cost_log": math.log(cost_usd * 1e6) - 0.32,
        "cost_log_sd": 0.8,
        "tokens_in": 1000 * calls,
        "tokens_out": 250 * calls,
        "tokens_cached": 0,
        "scores": scores,
        "score_mean": 0.8 if scores else None,
        "score_sd": 0.3,
        "calls_estimated": changes.get("calls_estimated", float(calls)),
        "spend_usd": changes.get("cost_usd", cost_usd * calls),
    }
    return WindowSummary(**(values | changes))


def an_observation(at: datetime = START, *summaries: WindowSummary, **changes) -> Observation:
    return replace(Observation(route=ROUTE, at=at, summaries=summaries), **changes)


def a_tick(at: datetime = START, *events: FeedbackEvent, **changes) -> Tick:
    """Ten seconds that end at an instant."""
    return replace(Tick(route=ROUTE, end_ns=nanoseconds(at), events=events), **changes)


def a_scene(at: datetime = START, *summaries: WindowSummary, **changes) -> Scene:
    """What analyzers look at: `opened` findings, `alerts` that hold, the rest are thresholds."""
    opened, alerts = changes.pop("opened", ()), changes.pop("alerts", ())
    return Scene(
        at=at,
        minute=int(at.timestamp()) // 60,
        thresholds=Thresholds(**changes),
        windows=pooled(summaries),
        open={(one.rule, one.arm): one for one in opened},
        alerts=standing((), alerts, at, EXPIRY),
    )


def an_arm(model: str = "gpt-4o", **changes) -> Arm:
    config = {name: changes.pop(name) for name in ("temperature",) if name in changes}
    extra = changes.pop("extra_params", {})
    return Arm(config=ModelConfig(model=model, extra_params=extra, **config), **changes)


def a_finding(**changes) -> Finding:
    values = {
        "route": ROUTE,
        "arm": ARM,
        "rule": "latency_threshold",
        "severity": Severity.CRITICAL,
        "status": FindingStatus.OPEN,
        "since": START,
        "seen": START,
        "magnitude": Magnitude(value=6000.0, reference=5000.0, ratio=1.2, unit="ms"),
        "confidence": 0.9999,
        "evidence": (
            Evidence(
                metric="slow_share",
                value=0.2,
                reference=0.05,
                n=300,
                window=WindowKind.SLIDING,
                start=START - timedelta(minutes=5),
                end=START,
            ),
        ),
        "title": "p95 latency is 6,000 ms, the limit is 5,000 ms",
        "detail": "60 of 300 calls took more than 5,000 ms.",
    } | changes
    key = (values["route"], values["arm"], values["rule"], values["since"])
    return Finding(**({"id": finding_id(*key)} | values))


def an_open_finding(**changes) -> OpenFinding:
    values = {
        "rule": "latency_threshold",
        "arm": ARM,
        "severity": Severity.CRITICAL,
        "since": START,
        "seen": START,
        "hold_minutes": 5,
        "value": 6000.0,
        "reference": 5000.0,
        "unit": "ms",
    }
    return OpenFinding(**(values | changes))


def a_decision(**changes) -> OptimizationDecision:
    values = {
        "route": ROUTE,
        "rule": "latency_threshold",
        "created_at": START,
        "updated_at": START,
        "strategy": OptimizationStrategy.THRESHOLD_BASED,
        "target_services": ("shop",),
        "incumbent": ARM,
        "candidate": "gpt-4o-mini-22222222",
        "changes": (
            ConfigurationChange(
                parameter="model",
                old_value="gpt-4o",
                new_value="gpt-4o-mini",
                change_type=ChangeType.REPLACE,
            ),
        ),
        "rationale": "latency_threshold: 6000 ms against 5000 ms.",
        "expected_impact": ExpectedImpact(latency_delta_pct=-60.0),
    } | changes
    key = (values["route"], values["created_at"], values["rule"])
    return OptimizationDecision(**({"id": decision_id(*key)} | values))


def a_document(**changes) -> Document:
    """The first step of a rollout: one slot in twenty to the candidate of `a_decision`."""
    arms = (an_arm("gpt-4o-mini"), an_arm("gpt-4o"))
    values = {
        "route": ROUTE,
        "revision": 3,
        "arms": arms,
        "allotments": (
            Allotment(arm=arms[0].id, slots=10),
            Allotment(arm=arms[1].id, slots=190),
        ),
        "incumbent": arms[1].id,
        "salt": "salt",
        "decision_id": a_decision().id,
        "leased": True,
        "created_at": START,
        "reason": "step 1",
    }
    return Document(**(values | changes))


def a_progress(**changes) -> RolloutProgress:
    """The rollout of that document, some of its evidence gathered."""
    values = {
        "route": ROUTE,
        "decision_id": a_decision().id,
        "at": START,
        "candidate": an_arm("gpt-4o-mini").id,
        "incumbent": an_arm("gpt-4o").id,
        "phase": Phase.ROLLING_OUT,
        "step": 0,
        "share": 0.05,
        "revision": 3,
        "verdict": Verdict(kind=VerdictKind.NEED_DATA, reason="metrics_open", metric="cost"),
        "candidate_calls": 15,
        "control_calls": 285,
    }
    return RolloutProgress(**(values | changes))


def an_order(action: OrderAction = OrderAction.REJECT, **changes) -> FeedbackEvent:
    at = changes.pop("timestamp", START)
    event_id = changes.pop("id", "order-1")
    return FeedbackEvent(
        id=event_id,
        timestamp=at,
        source=EventSource.USER,
        event_type=EventType.FEEDBACK,
        data=Order(**({"route": ROUTE, "action": action, "author": "ada"} | changes)),
    )


def a_report(outcome: ReportOutcome = ReportOutcome.APPLIED, **changes) -> FeedbackEvent:
    """A gateway that has the third document of the builders' route."""
    at = changes.pop("timestamp", START)
    event_id = changes.pop("id", "report-1")
    return FeedbackEvent(
        id=event_id,
        timestamp=at,
        source=EventSource.SYSTEM,
        event_type=EventType.METRIC,
        data=Report(**({"route": ROUTE, "outcome": outcome, "revision": 3} | changes)),
    )


def an_alert(**changes) -> FeedbackEvent:
    """A latency spike of every route of the builders' service, noticed at the start."""
    at = changes.pop("timestamp", START)
    event_id = changes.pop("id", "alert-1")
    values = {
        "route": "acme/shop/*",
        "anomaly": "latency_spike",
        "severity": AlertSeverity.HIGH,
        "method": "z_score",
        "metric": "latency_ms",
        "value": 5210.0,
        "baseline": 1480.0,
        "confidence": 0.95,
    } | changes
    return FeedbackEvent(
        id=event_id,
        timestamp=at,
        source=EventSource.SENTINEL,
        event_type=EventType.PERFORMANCE_ALERT,
        data=Alert(**values),
    )


class PriceList:
    """A price book with USD a million tokens: input and output of each model."""

    def __init__(self, **usd_per_million: tuple[float, float]) -> None:
        self._prices = usd_per_million

    def history(self, model: str, provider: str = "") -> tuple[Price, ...]:  # noqa: ARG002 - a port
        rates = self._prices.get(model.replace("-", "_"))
        if rates is None:
            return ()
        into, out = (round(usd * 1e6) for usd in rates)
        return (Price(from_ns=0, tiers=(Rates(0, into, out, into // 2, into),)),)
