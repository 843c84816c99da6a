"""From orders and proposals to decisions: at most one recommendation of a route waits at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

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
    docket: Docket, event: FeedbackEvent, at: datetime
) -> tuple[Docket, tuple[Finding | OptimizationDecision, ...]]:
    """Carry out an order; one that cannot be is answered by a finding that says why."""
    order = event.data
    if not isinstance(order, Order):
        return docket, ()
    match order.action:
        case OrderAction.PAUSE:
            return replace(docket, paused=True), ()
        case OrderAction.RESUME:
            return replace(docket, paused=False), ()
        case OrderAction.REJECT:
            if docket.pending is None or docket.pending.id != order.decision_id:
                return docket, (_refused(event.id, order, at, _not_pending(order)),)
            arm = docket.pending.candidate
            words = ": ".join(filter(None, (f"rejected by {order.author or '?'}", order.reason)))
            docket, cancelled = cancel_pending(docket, at, words)
            docket = replace(docket, refused=arm, refused_at=at)
            return docket, (cancelled,) if cancelled else ()
        case action:
            return docket, (_refused(event.id, order, at, f"{action} is not carried out yet."),)


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


def _not_pending(order: Order) -> str:
    return f"No decision {order.decision_id or '(none named)'} of this route is pending."


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
