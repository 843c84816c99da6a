"""Orders to several routes at once: they stand for routes that are seen only later.

So a route whose first call comes while all of its service is stopped begins stopped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from optimizer.events import ALL_ROUTES, EVERYWHERE, Order, OrderAction, is_wide
from optimizer.panes import service_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimizer.events import FeedbackEvent

_ENDS = {
    OrderAction.RESUME: OrderAction.PAUSE,
    OrderAction.UNPIN: OrderAction.PIN,
    OrderAction.START: OrderAction.STOP,
}
_HOLDS = frozenset(_ENDS.values())


class StandingOrders:
    """The orders that a route begins with; one owner, changed in place.

    Kept are holds of several routes, and what was ordered later for some of these.
    """

    def __init__(self, orders: Iterable[FeedbackEvent] = ()) -> None:
        self._orders = list(orders)

    def note(self, event: FeedbackEvent) -> None:
        """Take an order that takes effect now, later than those before."""
        order = event.data
        if not isinstance(order, Order) or _hold(order) not in _HOLDS:
            return
        self._orders = [one for one in self._orders if not _replaces(order, one.data)]
        begins = order.action in _HOLDS and is_wide(order.route)
        if begins or any(_narrows(order, one.data) for one in self._orders):
            self._orders.append(replace(event, metadata={}))  # it may be long, and is of no use

    def of(self, route: str) -> tuple[FeedbackEvent, ...]:
        """Give what a new route begins with, in the order in which it took effect."""
        return tuple(one for one in self._orders if covers(one.data.route, route))

    def all(self) -> tuple[FeedbackEvent, ...]:
        """Give all of them."""
        return tuple(self._orders)


def covers(pattern: str, route: str) -> bool:
    """Tell whether a route, or all that another pattern names, is among those a pattern names."""
    if pattern in {EVERYWHERE, route}:
        return True
    return pattern.endswith(ALL_ROUTES) and service_of(route) == service_of(pattern)


def _hold(order: Order) -> OrderAction:
    """Give the hold that an order begins or ends; any other order's own action."""
    return _ENDS.get(order.action, order.action)


def _replaces(order: Order, earlier: object) -> bool:
    return (
        isinstance(earlier, Order)
        and _hold(earlier) is _hold(order)
        and covers(order.route, earlier.route)
    )


def _narrows(order: Order, earlier: object) -> bool:
    return (
        isinstance(earlier, Order)
        and _hold(earlier) is _hold(order)
        and covers(earlier.route, order.route)
    )
