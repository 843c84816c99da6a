"""From orders and proposals to decisions: at most one recommendation of a route waits at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from optimizer.decide.docket import (
    Docket,
    cancel_pending,
    changes_so_far,
    enter,
    is_refused,
    is_waiting,
    may_propose,
)
from optimizer.decide.drafting import draft, validated
from optimizer.events import Order, OrderAction
from optimizer.findings import Finding, FindingStatus, Magnitude, Severity, finding_id

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from optimizer.decide.case import Case, Proposal, Strategy
    from optimizer.decisions import OptimizationDecision
    from optimizer.events import FeedbackEvent


def obey(
    docket: Docket, event: FeedbackEvent, at: datetime, revision: int = 0
) -> tuple[Docket, tuple[Finding | OptimizationDecision, ...]]:
    """Carry out an order; one that cannot be is answered by a finding that says why.

    Args:
        docket: The route's decisions.
        event: The order.
        at: The tick at which it is carried out, aware UTC.
        revision: The document revision in force; 0 for none.
    """
    order = event.data
    if not isinstance(order, Order):
        return docket, ()
    why_not = _why_refused(docket, order, revision)
    if why_not:
        return docket, (_refused(event.id, order, at, why_not),)
    if order.action is OrderAction.REJECT:
        return _reject(docket, order, at)
    return replace(docket, **_changes(order)), ()


def _changes(order: Order) -> dict[str, Any]:
    """Give what an order that is no rejection changes in the docket."""
    match order.action:
        case OrderAction.APPROVE:
            return {"approved": order.decision_id}
        case OrderAction.ROLL_BACK:
            return {"undo": _signed("rolled back", order)}
        case OrderAction.STOP:
            return {"stopped": True, "undo": _signed("stopped", order)}
        case OrderAction.START:
            return {"stopped": False}
        case OrderAction.PAUSE | OrderAction.RESUME:
            return {"paused": order.action is OrderAction.PAUSE}
        case _:
            return {"pinned": order.action is OrderAction.PIN}


def _why_refused(docket: Docket, order: Order, revision: int) -> str:
    if order.revision is not None and order.revision != revision:
        return f"It saw revision {order.revision}; revision {revision} is in force."
    needs = order.action in {OrderAction.APPROVE, OrderAction.REJECT}
    if needs and (docket.pending is None or docket.pending.id != order.decision_id):
        return f"No decision {order.decision_id or '(none named)'} of this route is pending."
    return ""


def _reject(
    docket: Docket, order: Order, at: datetime
) -> tuple[Docket, tuple[OptimizationDecision, ...]]:
    arm = docket.pending.candidate if docket.pending else ""
    docket, cancelled = cancel_pending(docket, at, _signed("rejected", order))
    docket = replace(docket, refused=arm, refused_at=at)
    return docket, (cancelled,) if cancelled else ()


def _signed(what: str, order: Order) -> str:
    return ": ".join(filter(None, (f"{what} by {order.author or '?'}", order.reason)))


def consider(
    docket: Docket, case: Case, strategies: Iterable[Strategy]
) -> tuple[Docket, tuple[OptimizationDecision, ...]]:
    """Let strategies propose, and make the most important proposal that may be made a decision."""
    proposals = [one for strategy in strategies for one in strategy.propose(case)]
    for proposal in sorted(proposals, key=lambda one: one.priority):
        if may_propose(docket, proposal, case):
            docket, said = _decide(docket, case, proposal)
            if said:
                return docket, said
    return docket, ()


def _decide(
    docket: Docket, case: Case, proposal: Proposal
) -> tuple[Docket, tuple[OptimizationDecision, ...]]:
    options = tuple(one for one in proposal.options if not is_refused(docket, one.arm.id, case))
    if not options:
        return docket, ()
    decision = draft(case, replace(proposal, options=options), changes_so_far(docket))
    if is_waiting(docket, decision):
        return docket, ()
    statuses = validated(decision)
    superseded = None
    if len(statuses) == 1:
        reason = f"superseded by {decision.id} ({decision.rule})"
        docket, superseded = cancel_pending(docket, case.at, reason)
    docket = enter(docket, statuses[-1], proposal.priority)
    return docket, (*((superseded,) if superseded else ()), *statuses)


def _refused(event_id: str, order: Order, at: datetime, detail: str) -> Finding:
    return Finding(
        id=finding_id(order.route, event_id, "order_refused", at),
        route=order.route,
        arm="",
        rule="order_refused",
        severity=Severity.INFO,
        status=FindingStatus.CLOSED,
        since=at,
        seen=at,
        until=at,
        magnitude=Magnitude(value=0.0, reference=0.0, ratio=0.0, unit=""),
        confidence=0.0,
        title=f"An order to {order.action} was refused",
        detail=detail,
    )
