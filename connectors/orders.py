"""What an order must be, whoever gave it: state keeps it, people read what it caused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.alerts import MOST_LETTERS, ROUTE_PARTS
from optimizer.errors import InvalidEvent
from optimizer.events import EVERYWHERE, OrderAction, is_wide

if TYPE_CHECKING:
    from optimizer.events import FeedbackEvent, Order

FOR_EVERYWHERE = frozenset({OrderAction.STOP, OrderAction.START})
_ANSWERS = frozenset({OrderAction.APPROVE, OrderAction.REJECT})


def check_order(event: FeedbackEvent, order: Order) -> None:
    """Refuse an order that is none, or that nobody should have to keep.

    Raises:
        InvalidEvent: It is of no route, it answers no decision, it concerns several routes where
            it may concern one only, or one of its texts is too long or cannot be printed.
    """
    for name in ("route", "decision_id", "author", "reason"):
        text = getattr(order, name)
        if len(text) > MOST_LETTERS or not text.isprintable():
            raise _fault(name, f"must be printable, at most {MOST_LETTERS} letters")
    if len(event.id) > MOST_LETTERS:
        raise InvalidEvent(f"FeedbackEvent: id must have at most {MOST_LETTERS} letters")
    if order.action in _ANSWERS and not order.decision_id:
        raise _fault("decision_id", f'is "": to {order.action} names a decision')
    _check_route(order)


def _check_route(order: Order) -> None:
    route = order.route
    parts = [*filter(None, route.split("/", ROUTE_PARTS - 1))]
    if route != EVERYWHERE and (len(parts) != ROUTE_PARTS or EVERYWHERE in parts[:-1]):
        raise _fault("route", "must be tenant/service/route, tenant/service/* or *")
    if route == EVERYWHERE and order.action not in FOR_EVERYWHERE:
        raise _fault("route", f"is *: to {order.action} names a route, or tenant/service/*")
    if is_wide(route) and (order.decision_id or order.revision is not None):
        raise _fault("route", f"is {route}: a decision or revision is that of one route")


def _fault(name: str, wrong: str) -> InvalidEvent:
    return InvalidEvent(f"FeedbackEvent: data.{name} {wrong}")
