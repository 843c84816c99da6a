"""Keys that bound how far the optimizer may go: what is proposed, and what may be approved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from optimizer.controller import Controller
from optimizer.decisions import OptimizationDecision
from optimizer.events import OrderAction
from tests.builders import a_tick, an_order, minutes_later
from tests.settings_probes.deciding import PRICES, WAITS, a_route, fate_when_slow, slow
from tests.settings_probes.probe import Probe

if TYPE_CHECKING:
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
        "stamps.unsigned_autonomy",
        ("guard", "approve"),
        answer_to_approval,
        (REFUSED, OBEYED),
        a_route(autonomy="approve"),
    ),
)
