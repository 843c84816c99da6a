"""Orders of operators: each is carried out, or refused with the reason; either is told."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from optimizer.decide.autonomy import limit_of, reaches
from optimizer.decide.docket import Docket, cancel_pending
from optimizer.events import Order, OrderAction
from optimizer.findings import Finding, remark
from optimizer.settings import Autonomy

if TYPE_CHECKING:
    from datetime import datetime

    from optimizer.decisions import OptimizationDecision
    from optimizer.events import FeedbackEvent
    from optimizer.settings import Settings

    Answers = tuple[Finding | OptimizationDecision, ...]

OBEYED, REFUSED = "order_obeyed", "order_refused"  # rules of the findings that tell what came of it
_MOST_AUTHOR, _MOST_REASON = 100, 1000  # characters that are repeated
_AHEAD = timedelta(minutes=10)  # no clock that is wrong may hold a route for longer than this
_HOLDS = {OrderAction.PAUSE: "paused", OrderAction.PIN: "pinned", OrderAction.STOP: "stopped"}
_ENDS = {OrderAction.RESUME: "paused", OrderAction.UNPIN: "pinned", OrderAction.START: "stopped"}


class InForce(NamedTuple):
    """What an order can be about, beside what waits for an answer.

    Attributes:
        route: `tenant/service/route`; an order may name several at once.
        revision: The document's; 0 for none.
        rollout: Id of the decision that is being rolled out; `""` for none.
        newest: Id of the decision whose change was kept last and can be undone; `""` for none.
    """

    route: str
    revision: int = 0
    rollout: str = ""
    newest: str = ""


def obey(
    docket: Docket, event: FeedbackEvent, at: datetime, settings: Settings, in_force: InForce
) -> tuple[Docket, Answers]:
    """Carry out an order; an event of another kind changes nothing.

    What it asks of a rollout is left in the docket: `approved`, `undo`, and whether it is open.

    Args:
        docket: The route's decisions.
        event: The order.
        at: The tick at which it is carried out, aware UTC.
        settings: The settings in force.
        in_force: What it can be about.

    Returns:
        The docket as it stands next, and what came of the order.
    """
    order = event.data
    if not isinstance(order, Order):
        return docket, ()
    why_not = _outdated(order, in_force) or _why_not(docket, event, order, settings, in_force)
    told = _told(event.id, order, at, in_force.route, why_not)
    if why_not:
        return docket, (told,)
    if order.action is OrderAction.REJECT:
        docket, cancelled = _reject(docket, order, at)
        return docket, (told, *cancelled)
    given = min(event.timestamp, at + _AHEAD)
    return replace(docket, **_changes(docket, given, order, in_force)), (told,)


def _changes(docket: Docket, given: datetime, order: Order, in_force: InForce) -> dict[str, Any]:
    """Give what an order that is no rejection changes in the docket."""
    match order.action:
        case OrderAction.APPROVE:
            pending = docket.pending and _approved(docket.pending, order)
            return {"approved": order.decision_id, "pending": pending}
        case OrderAction.ROLL_BACK:
            return {"undo": _signed("rolled back", order)}
        case action if action in _ENDS:
            ended = _ENDS[action]
            ordered = {name: then for name, then in docket.ordered.items() if name != ended}
            return {ended: False, "ordered": ordered}
    held = _HOLDS[order.action]
    changes = {held: True, "ordered": {**docket.ordered, held: given}}
    undoes = order.action is OrderAction.STOP and in_force.rollout
    return changes | ({"undo": _signed("stopped", order)} if undoes else {})


def _approved(decision: OptimizationDecision, order: Order) -> OptimizationDecision:
    """Let a decision say to its end by whom it was approved, and why."""
    by = ": ".join(filter(None, (order.author or "?", order.reason)))
    return replace(decision, metadata={**decision.metadata, "approved_by": by})


def _reject(
    docket: Docket, order: Order, at: datetime
) -> tuple[Docket, tuple[OptimizationDecision, ...]]:
    arm = docket.pending.candidate if docket.pending else ""
    docket, cancelled = cancel_pending(docket, at, _signed("rejected", order))
    docket = replace(docket, refused=arm, refused_at=at)
    return docket, (cancelled,) if cancelled else ()


def _why_not(
    docket: Docket, event: FeedbackEvent, order: Order, settings: Settings, in_force: InForce
) -> str:
    """Say why an order is refused; `""` where it is not."""
    match order.action:
        case OrderAction.REJECT:
            return _not_pending(docket, order)
        case OrderAction.APPROVE:
            return _not_pending(docket, order) or _not_approved(docket, settings)
        case OrderAction.ROLL_BACK:
            return _not_undone(order, in_force)
        case OrderAction.PIN if in_force.rollout:
            return f"{in_force.rollout} is being rolled out: roll it back first, or let it end."
        case OrderAction.RESUME | OrderAction.UNPIN | OrderAction.START:
            return _overtaken(docket, event, _ENDS[order.action])
    return ""


def _outdated(order: Order, in_force: InForce) -> str:
    if order.revision in {None, in_force.revision}:
        return ""
    seen, now = _revision(order.revision), _revision(in_force.revision)
    return f"It saw {seen}, but {now} is in force: look again, then order again."


def _not_pending(docket: Docket, order: Order) -> str:
    if docket.pending is not None and docket.pending.id == order.decision_id:
        return ""
    waiting = f"{docket.pending.id} is" if docket.pending else "none is"
    return f"No decision {order.decision_id or '(none named)'} of this route is pending: {waiting}."


def _not_approved(docket: Docket, settings: Settings) -> str:
    """Say what keeps the pending decision from being started."""
    held = [name for name in _HOLDS.values() if getattr(docket, name)]
    if held:
        end = {name: action for action, name in _ENDS.items()}[held[0]]
        return f"The route is {held[0]}: {end} it first."
    changes = docket.pending.changes if docket.pending else ()
    limit = limit_of((change.parameter for change in changes), settings)
    if reaches(limit.level, Autonomy.APPROVE):
        return ""
    return f"{limit.setting} is {limit.level}: nothing is carried out below approve."


def _not_undone(order: Order, in_force: InForce) -> str:
    newest = in_force.rollout or in_force.newest
    if not newest:
        return "Nothing was changed that could be rolled back."
    if order.decision_id in {"", newest}:
        return ""
    return f"{order.decision_id} is not the newest change: {newest} is."


def _overtaken(docket: Docket, event: FeedbackEvent, held: str) -> str:
    """Say so where what an order would end was ordered after it: that does not wait, this did."""
    later = docket.ordered.get(held)
    if later is None or later <= event.timestamp:
        return ""
    return f"It was given at {event.timestamp}; that the route be {held}, later: at {later}."


def _revision(revision: int | None) -> str:
    return f"revision {revision}" if revision else "no document"


def _signed(what: str, order: Order) -> str:
    """Say who ordered it and why, however long: an order is never refused for its words."""
    by, why = order.author[:_MOST_AUTHOR] or "?", order.reason[:_MOST_REASON]
    return ": ".join(filter(None, (f"{what} by {by}", why)))


def _told(event_id: str, order: Order, at: datetime, route: str, why_not: str) -> Finding:
    """Tell what came of an order."""
    rule = REFUSED if why_not else OBEYED
    by = _signed("Given", order)
    came = "refused" if why_not else "carried out"
    title = f"An order to {order.action.replace('_', ' ')} was {came}"
    detail = f"{why_not} {by}" if why_not else by
    return remark((route, "", rule), at, title, detail, key=event_id)
