"""What waits for its time: orders, reports and alerts, and whom they concern.

Alerts act at the end of a minute, the others of ten seconds, in the order of their time, so that no
order of arrival can matter. One that comes late acts when it came, by the time of the partition it
came in: how far the other partitions were by then depends on nothing but chance. An order that is
told twice is given once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from optimizer.events import (
    Alert,
    EventSource,
    EventType,
    FeedbackEvent,
    Heard,
    Order,
    Report,
    is_wide,
    nanoseconds,
)
from optimizer.panes import FINAL_NS, Served, service_of, shard_of, unnamed_route
from optimizer.standing_orders import StandingOrders, covers

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable


_KINDS: dict[str, type[Alert | Order | Report]] = {
    "alert": Alert,
    "order": Order,
    "report": Report,
}


_MOST_GIVEN = 1000  # orders that are known again


class Inbox:
    """Events by the instant from which they count; one owner, changed in place."""

    def __init__(self, waiting: Iterable[Heard] = (), given: Iterable[str] = ()) -> None:
        self._waiting = list(waiting)
        self._given = dict.fromkeys(given)  # ids of the newest orders, oldest first

    def put(self, heard: Heard) -> None:
        """Let an event wait."""
        self._waiting.append(heard)

    def take_alerts(self, end_ns: int) -> list[FeedbackEvent]:
        """Give the alerts that count before an instant, in the order of time, and forget them."""
        return self._take(end_ns, alerts=True)

    def take_orders(self, end_ns: int) -> list[FeedbackEvent]:
        """Give the orders and reports that count before an instant, likewise; repeats left out."""
        return [event for event in self._take(end_ns, alerts=False) if self._is_first(event)]

    def _is_first(self, event: FeedbackEvent) -> bool:
        if not isinstance(event.data, Order):  # to be told again may mean that it is so again
            return True
        name = f"{event.source} {event.id}"
        if name in self._given:
            return False
        self._given[name] = None
        if len(self._given) > _MOST_GIVEN:
            del self._given[next(iter(self._given))]
        return True

    def next_order_ns(self) -> int:
        """Tell from when on the next order or report counts; `FINAL_NS` when none waits."""
        waiting = (one.due_ns for one in self._waiting if not isinstance(one.event.data, Alert))
        return min(waiting, default=FINAL_NS)

    def _take(self, end_ns: int, *, alerts: bool) -> list[FeedbackEvent]:
        kept: list[Heard] = []
        taken: list[FeedbackEvent] = []
        for heard in self._waiting:
            if heard.due_ns < end_ns and isinstance(heard.event.data, Alert) is alerts:
                taken.append(heard.event)
            else:
                kept.append(heard)
        self._waiting = kept
        return sorted(taken, key=_by_time)

    def dump(self) -> tuple[list[tuple[int, bytes]], list[str]]:
        """Give the state as plain values."""
        waiting = [(due_ns, msgspec.msgpack.encode(event)) for event, due_ns in self._waiting]
        return waiting, list(self._given)

    @classmethod
    def load(
        cls,
        waiting: Iterable[tuple[int, bytes]],
        given: Iterable[str] = (),
        orders: Iterable[bytes] = (),
    ) -> Inbox:
        """Read what `dump` gave.

        Args:
            waiting: What waits.
            given: Ids of orders; version 2 gave none.
            orders: What version 1 gave instead: orders alone.
        """
        waits = [Heard(event_in(encoded), due_ns) for due_ns, encoded in waiting]
        older = [event_in(encoded) for encoded in orders]
        waits += (Heard(event, nanoseconds(event.timestamp)) for event in older)
        return cls(waits, given)


class Directory:
    """Knows what routes there are, and so whom an alert or order about several concerns.

    Args:
        name: The shard's.
        declared: Routes that the settings declare, of any shard.
        shards: How many shards routes are dealt to.

    Attributes:
        served: From when on services are known to have routes; of those whose unnamed route is
            here.
        orders: Those that stand for routes which are not known yet.
    """

    def __init__(self, name: str, declared: Collection[str] = (), shards: int = 1) -> None:
        self._name = name
        self._shards = shards
        self._own = {route for route in declared if self._owns(route)}
        self._declared = set(map(service_of, declared))
        self.served: dict[str, int] = {}
        self.orders = StandingOrders()

    def learn(self, notice: Served) -> None:
        """Take the notice that a service has routes in some shard."""
        known = self.served.get(notice.service, notice.from_ns)
        self.served[notice.service] = min(known, notice.from_ns)

    def concerned(self, event: FeedbackEvent, routes: Collection[str], end_ns: int) -> set[str]:
        """Name the routes of this shard that an event concerns.

        An alert about a service that has no route anywhere is shown on its unnamed route, lest
        nobody shows it. An order to several is remembered for those that come later.

        Args:
            event: An order, a report or an alert.
            routes: The routes that are known here.
            end_ns: The end of the minute.
        """
        self.orders.note(event)
        route = event.data.route
        if not is_wide(route):
            return {route}
        found = {one for one in self._own.union(routes) if covers(route, one)}
        if not isinstance(event.data, Alert):
            return found
        service = service_of(route)
        served = service in self._declared or self.served.get(service, end_ns) < end_ns
        unnamed = unnamed_route(service)
        return found if found or served or not self._owns(unnamed) else {unnamed}

    def _owns(self, route: str) -> bool:
        return f"shard-{shard_of(route, self._shards)}" == self._name


def _by_time(event: FeedbackEvent) -> tuple[Any, str, bytes]:
    return event.timestamp, event.id, msgspec.json.encode(event.data)


def event_in(encoded: bytes) -> FeedbackEvent:
    """Read an event that state keeps."""
    content: dict[str, Any] = msgspec.msgpack.decode(encoded)
    return FeedbackEvent(
        id=content["id"],
        timestamp=content["timestamp"],
        source=EventSource(content["source"]),
        event_type=EventType(content["event_type"]),
        data=msgspec.convert(content["data"], _KINDS[content["data"]["kind"]]),
        metadata=content["metadata"],
    )
