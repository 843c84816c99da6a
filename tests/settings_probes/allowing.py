"""Keys that bound how far the optimizer may go: what is proposed, and what may be approved."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from optimizer.act.acting import Acting
from optimizer.act.desired import at_rest
from optimizer.controller import Controller
from optimizer.decisions import OptimizationDecision
from optimizer.documents import Document, Unit
from optimizer.events import OrderAction
from optimizer.route_state import RouteState
from tests.builders import (
    ROUTE,
    START,
    a_summary,
    a_tick,
    an_observation,
    an_order,
    minutes_later,
)
from tests.settings_probes.deciding import (
    DEAR_THRESHOLD,
    PRICES,
    WAITS,
    a_route,
    dear,
    decisions,
    fate_when_slow,
    slow,
)
from tests.settings_probes.probe import Probe

if TYPE_CHECKING:
    from optimizer.controller import Observation
    from optimizer.settings import Settings

ANYTHING = {"unsigned_autonomy": "auto"}
CHANGES: dict[str, dict[str, Any]] = {
    "model": {"model": "gpt-4o-mini"},
    "prompt": {"model": "gpt-4o", "prompt": "short", "prompt_version": "2"},
    "parameters": {"model": "gpt-4o", "temperature": 0.1},
    "cache": {"model": "gpt-4o", "cache": True},
}


def answer_to_approval(settings: Settings) -> list[str]:
    """Slow at once; a person approves what is recommended: what becomes of the order."""
    controller = Controller(settings, PRICES)
    state, said = controller.step(None, slow(settings))
    (decision,) = (one for one in said if isinstance(one, OptimizationDecision))
    order = an_order(OrderAction.APPROVE, decision_id=decision.id)
    _, answers = controller.tick(state, a_tick(minutes_later(1), order))
    return [one.rule for one in answers if getattr(one, "rule", "").startswith("order_")]


def statuses(settings: Settings, seen: Observation) -> list[str]:
    """What becomes of a recommendation within its first minute."""
    return [str(one.status) for one in decisions(settings, seen)]


def statuses_when_slow(settings: Settings) -> list[str]:
    return statuses(settings, slow(settings))


def statuses_when_dear(settings: Settings) -> list[str]:
    """It would save 406 dollars a day."""
    return statuses(settings, dear(settings, 15))


def put_back(settings: Settings) -> list[str]:
    """The candidate was promoted before, and half of its calls fail: what is put in its place."""
    (route,) = settings.routes
    old = at_rest(ROUTE, route.incumbent, 1, START, unit=Unit.CALL, reason="")
    new = at_rest(ROUTE, route.candidates[0], 2, START, unit=Unit.CALL, reason="")
    new = replace(new, decision_id="promoted")
    state = RouteState(acting=Acting(document=new, known_good=(old, new)))
    at = minutes_later(30)
    failing = a_summary(arm=new.incumbent, end=at, errors=150)
    _, said = Controller(settings, PRICES).step(state, an_observation(at, failing))
    return [one.arms[0].config.model for one in said if isinstance(one, Document)]


STARTED = ["pending", "validating", "deploying"]
REFUSED, OBEYED = ["order_refused"], ["order_obeyed"]

PROBES = (
    *(
        Probe(
            f"autonomy_by.{kind}",
            ("observe", "recommend"),
            fate_when_slow,
            ([], WAITS),
            a_route({**change, "latency_p95_ms": 1000}, stamps=ANYTHING),
        )
        for kind, change in CHANGES.items()
    ),
    Probe(
        "autonomy",
        ("guard", "approve"),
        answer_to_approval,
        (REFUSED, OBEYED),
        a_route(stamps=ANYTHING),
    ),
    Probe(
        "autonomy_by.model",
        ("recommend", "auto"),
        answer_to_approval,
        (REFUSED, OBEYED),
        a_route(stamps=ANYTHING),
    ),
    Probe(
        "autonomy",
        ("approve", "auto"),
        statuses_when_slow,
        (["pending"], STARTED),
        a_route(stamps=ANYTHING, constraints={"approval_above_daily_usd": 1e6}),
    ),
    Probe(
        "autonomy",
        ("recommend", "guard"),
        put_back,
        ([], ["gpt-4o"]),
        a_route(stamps=ANYTHING),
    ),
    Probe(
        "autonomy_by.model",
        ("recommend", "guard"),
        put_back,
        ([], ["gpt-4o"]),
        a_route(stamps=ANYTHING, autonomy="auto"),
    ),
    Probe(
        "constraints.approval_above_daily_usd",
        (400, 410),
        statuses_when_dear,
        (["pending"], STARTED),
        a_route(**DEAR_THRESHOLD, stamps=ANYTHING, autonomy="auto"),
    ),
    Probe(
        "stamps.unsigned_autonomy",
        ("guard", "approve"),
        answer_to_approval,
        (REFUSED, OBEYED),
        a_route(autonomy="approve"),
    ),
)
