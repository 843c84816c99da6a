"""Keys that bound decisions: scenes of a route played to the controller."""

from __future__ import annotations

from itertools import starmap
from typing import TYPE_CHECKING, Any

from optimizer.controller import Controller, Observation
from optimizer.decisions import OptimizationDecision
from optimizer.events import OrderAction
from optimizer.rollouts import Tick
from optimizer.windows import WindowKind
from tests.builders import (
    ROUTE,
    PriceList,
    a_summary,
    a_tick,
    an_observation,
    an_order,
    minutes_later,
)
from tests.settings_probes.probe import Probe

if TYPE_CHECKING:
    from optimizer.settings import Settings

PRICES = PriceList(gpt_4o=(2.5, 10), gpt_4o_mini=(0.15, 0.6), gpt_4o_fast=(15, 75))
SLOW = {"model": "gpt-4o"}
QUICK = {"model": "gpt-4o-mini", "latency_p95_ms": 1000}


def a_route(*candidates: dict[str, Any], **other: Any) -> dict[str, Any]:
    """Settings of one route: a model that is slow or dear today, and what could serve instead."""
    incumbent = other.pop("incumbent", SLOW)
    route = {"route": ROUTE, "incumbent": incumbent, "candidates": [*candidates] or [QUICK]}
    return {"routes": [route], **other}


def decisions(settings: Settings, *seen: Observation | Tick) -> list[OptimizationDecision]:
    """Let the controller live through what is seen; give what it decides."""
    controller, state, said = Controller(settings, PRICES), None, []
    for observation in seen:
        step = controller.tick if isinstance(observation, Tick) else controller.step
        state, outputs = step(state, observation)
        said += outputs
    return [each for each in said if isinstance(each, OptimizationDecision)]


def slow(settings: Settings, minute: float = 0) -> Observation:
    """Five minutes of the incumbent, every call above the limit; its p95 is 2,160 ms."""
    at, arm = minutes_later(minute), settings.routes[0].incumbent.id
    return an_observation(at, a_summary(arm=arm, end=at, latency_slow=300))


def failing(settings: Settings, minute: float = 0, share: float = 0.5) -> Observation:
    """Five minutes in which a share of the incumbent's calls failed."""
    at, arm = minutes_later(minute), settings.routes[0].incumbent.id
    return an_observation(at, a_summary(arm=arm, end=at, errors=int(300 * share)))


def dear(settings: Settings, minute: float = 0) -> Observation:
    """A quarter of an hour in which the incumbent's calls cost half a cent each."""
    at, arm = minutes_later(minute), settings.routes[0].incumbent.id
    kinds = (WindowKind.SLIDING, WindowKind.QUARTER)
    return an_observation(at, *(a_summary(arm=arm, end=at, kind=kind) for kind in kinds))


def with_candidate(settings: Settings, **lately: Any) -> Observation:
    """The incumbent is slow, and the candidate has served too."""
    seen, arm = slow(settings), settings.routes[0].candidates[0].id
    return an_observation(seen.at, *seen.summaries, a_summary(arm=arm, median_ms=300, **lately))


def fates(*made: OptimizationDecision) -> list[tuple[str, str]]:
    """What became of decisions: their newest status, and the constraint that ended them."""
    newest = {decision.id: decision for decision in made}.values()
    return [
        (str(one.status), one.reason.split(" ")[0] if one.status == "validation_failed" else "")
        for one in newest
    ]


WAITS = [("pending", "")]


def ended_by(constraint: str) -> list[tuple[str, str]]:
    return [("validation_failed", constraint)]


def fate_when_slow(settings: Settings) -> list[tuple[str, str]]:
    return fates(*decisions(settings, slow(settings)))


def fate_when_dear(settings: Settings) -> list[tuple[str, str]]:
    return fates(*decisions(settings, dear(settings, 15)))


def fate_beside_errors(settings: Settings) -> list[tuple[str, str]]:
    """The candidate failed in eight calls of a hundred."""
    return fates(*decisions(settings, with_candidate(settings, errors=24)))


def fate_beside_scores(settings: Settings) -> list[tuple[str, str]]:
    """The candidate was judged: a mean of 0.8."""
    return fates(*decisions(settings, with_candidate(settings)))


def chosen(settings: Settings) -> str:
    """The model that is recommended."""
    (decision,) = decisions(settings, slow(settings))
    (change,) = (change for change in decision.changes if change.parameter == "model")
    return change.new_value


def asks_for_approval(settings: Settings) -> str | None:
    """Whether the recommendation to save 406 dollars a day says that a person must approve."""
    (decision,) = decisions(settings, dear(settings, 15))
    return decision.metadata.get("requires_approval")


def fates_after_refusal(settings: Settings) -> list[tuple[str, str]]:
    """Slow at once; refused after five minutes; failing after ten, which the rest does not bind."""
    (first,) = decisions(settings, slow(settings))
    order = an_order(OrderAction.REJECT, decision_id=first.id, timestamp=minutes_later(4))
    refused = (a_tick(minutes_later(5), order), slow(settings, 5))
    return fates(*decisions(settings, slow(settings), *refused, failing(settings, 10)))


def recommended_when_still_slow(settings: Settings) -> list[str]:
    """Slow at once; refused after five minutes; what is recommended until twenty are over."""
    (first,) = decisions(settings, slow(settings))
    order = an_order(OrderAction.REJECT, decision_id=first.id, timestamp=minutes_later(4))
    refused = (a_tick(minutes_later(5), order), slow(settings, 5))
    later = (slow(settings, minute) for minute in range(6, 21))
    made = decisions(settings, slow(settings), *refused, *later)
    return [str(one.status) for one in made]


def statuses_of_an_hour(settings: Settings) -> list[tuple[str, str]]:
    """Slow at once, and an hour later nobody has answered."""
    return fates(*decisions(settings, slow(settings), an_observation(minutes_later(60))))


DEAR_THRESHOLD = {"strategies": {"thresholds": {"cost_per_request": 0.001}}}
UNBOUND = {"daily_budget": 1e6, "hourly_budget": 1e5, "cost_per_request": 1}
LAVISH = a_route({"model": "gpt-4o-fast", "latency_p95_ms": 1000}, constraints=UNBOUND)
TWINS = a_route(
    {"model": "gpt-4o-mini", "latency_p95_ms": 1000},
    {"model": "vendor/sprint", "latency_p95_ms": 1030},
)
TWO = a_route(QUICK, {"model": "gpt-4o-fast", "latency_p95_ms": 1200})

CHECKED = (
    ("max_latency_p95_ms", (500, 3000), fate_when_slow, a_route()),
    ("daily_budget", (2000, 3000), fate_when_slow, LAVISH),  # it would cost 2,916 a day
    ("hourly_budget", (120, 122), fate_when_slow, LAVISH),
    ("cost_per_request", (0.033, 0.034), fate_when_slow, LAVISH),
    ("max_changes_per_day", (0, 1), fate_when_slow, a_route()),
    (
        "max_error_rate_pct",
        (7, 9),
        fate_beside_errors,
        a_route(strategies={"thresholds": {"error_rate_pct": 50}}),
    ),
    ("min_quality", (0.85, 0.75), fate_beside_scores, a_route()),
)


def _checked(name: str, values: Any, see: Any, given: Any) -> Probe:
    """A constraint that ends a recommendation under the first value only."""
    return Probe(f"constraints.{name}", values, see, (ended_by(name), WAITS), given)


PROBES = (
    *starmap(_checked, CHECKED),
    Probe("autonomy", ("observe", "recommend"), fate_when_slow, ([], WAITS), a_route()),
    Probe(
        "service.optimization_interval_secs",
        (3600, 900),
        fate_when_dear,
        ([], WAITS),
        a_route(**DEAR_THRESHOLD),
    ),
    Probe(
        "decisions.risk_profile",
        ("conservative", "balanced"),
        fate_when_slow,
        ([], WAITS),
        a_route({"model": "gpt-4o-mini", "latency_p95_ms": 0.88 * 2160}),
    ),
    Probe(
        "decisions.risk_profile",
        ("balanced", "aggressive"),
        fate_when_slow,
        ([], WAITS),
        a_route({"model": "gpt-4o-mini", "latency_p95_ms": 0.93 * 2160}),
    ),
    Probe(
        "decisions.cooldown_secs",
        (3600, 600),
        recommended_when_still_slow,
        (["pending", "cancelled"], ["pending", "cancelled", "pending"]),
        a_route(constraints={"min_minutes_between_changes": 0}),
    ),
    Probe(
        "decisions.pending_ttl_secs",
        (3601, 3600),
        statuses_of_an_hour,
        (WAITS, [("cancelled", "")]),
        a_route(decisions={"cooldown_secs": 7200}),
    ),
    Probe(
        "constraints.min_minutes_between_changes",
        (11, 10),
        fates_after_refusal,
        (
            [("cancelled", ""), *ended_by("min_minutes_between_changes")],
            [("cancelled", ""), *WAITS],
        ),
        TWO | {"constraints": UNBOUND},
    ),
    Probe(
        "constraints.approval_above_daily_usd",
        (400, 410),
        asks_for_approval,
        ("true", None),
        a_route(**DEAR_THRESHOLD),
    ),
    Probe(
        "constraints.preferred_models",
        ([], ["vendor/sprint"]),
        chosen,
        ("gpt-4o-mini", "vendor/sprint"),
        TWINS,
    ),
    Probe(
        "constraints.preferred_providers",
        ([], ["vendor"]),
        chosen,
        ("gpt-4o-mini", "vendor/sprint"),
        TWINS,
    ),
)
