"""What an order must be, whoever gave it: state keeps it, people read what it caused."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.readable import check_texts, fault, parts_in
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
    check_texts(event, order, ("route", "decision_id", "author", "reason"))
    if order.action in _ANSWERS and not order.decision_id:
        raise fault("decision_id", f'is "": to {order.action} names a decision')
    _check_route(order)


def _check_route(order: Order) -> None:
    route, parts = order.route, parts_in(order.route)
    if route != EVERYWHERE and (parts is None or EVERYWHERE in parts[:-1]):
        raise fault("route", "must be tenant/service/route, tenant/service/* or *")
    if route == EVERYWHERE and order.action not in FOR_EVERYWHERE:
        raise fault("route", f"is *: to {order.action} names a route, or tenant/service/*")
    if is_wide(route) and (order.decision_id or order.revision is not None):
        raise fault("route", f"is {route}: a decision or revision is that of one route")
