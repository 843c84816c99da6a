"""What waits for the end of its minute: orders and alerts, and whom an alert concerns.

Both act at the end of a minute, in the order of their time, so that no order of arrival can matter.
One that comes late acts when it came, by the time of the partition it came in: how far the other
partitions were by then depends on nothing but chance.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from optimizer.events import (
    ALL_ROUTES,
    Alert,
    EventSource,
    EventType,
    FeedbackEvent,
    Heard,
    Order,
    nanoseconds,
)
from optimizer.panes import shard_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

UNNAMED_ROUTE = "default"


class Inbox:
    """Events by the instant from which they count; one owner, changed in place."""

    def __init__(self, waiting: Iterable[Heard] = ()) -> None:
        self._waiting = list(waiting)

    def put(self, heard: Heard) -> None:
        """Let an event wait."""
        self._waiting.append(heard)

    def take(self, end_ns: int) -> list[FeedbackEvent]:
        """Give what counts before an instant, in the order of time, and keep the rest."""
        taken = [heard.event for heard in self._waiting if heard.due_ns < end_ns]
        if taken:
            self._waiting = [heard for heard in self._waiting if heard.due_ns >= end_ns]
        return sorted(taken, key=_by_time)

    def dump(self) -> list[tuple[int, bytes]]:
        """Give the state as plain values."""
        return [(due_ns, msgspec.msgpack.encode(event)) for event, due_ns in self._waiting]

    @classmethod
    def load(cls, state: Iterable[tuple[int, bytes]], orders: Iterable[bytes] = ()) -> Inbox:
        """Read what `dump` gave.

        Args:
            state: The same.
            orders: What version 1 gave instead: orders alone.
        """
        waiting = [Heard(_event(encoded), due_ns) for due_ns, encoded in state]
        older = [_event(encoded) for encoded in orders]
        return cls([*waiting, *(Heard(event, nanoseconds(event.timestamp)) for event in older)])


class Directory:
    """Knows the routes of a shard, and so whom an alert about a whole service concerns.

    Args:
        name: The shard's.
        declared: Routes that the settings declare, of any shard.
        shards: How many shards routes are dealt to.
    """

    def __init__(self, name: str, declared: Collection[str] = (), shards: int = 1) -> None:
        self._name = name
        self._shards = shards
        self._services = {_service(route) for route in declared}
        self._own = {route for route in declared if self._owns(route)}

    def concerned(self, event: FeedbackEvent, routes: Collection[str]) -> set[str]:
        """Name the routes of this shard that an event concerns.

        An alert about a service that has no route here and is declared nowhere is shown on the
        route a service has that names none, lest nobody shows it: no shard knows of the others.

        Args:
            event: An order, or an alert.
            routes: The routes that are known here.
        """
        route = event.data.route
        service = _service(route)
        if not isinstance(event.data, Alert) or route != f"{service}{ALL_ROUTES}":
            return {route}
        found = {one for one in self._own.union(routes) if _service(one) == service}
        unnamed = f"{service}/{UNNAMED_ROUTE}"
        if not found and service not in self._services and self._owns(unnamed):
            return {unnamed}
        return found

    def _owns(self, route: str) -> bool:
        return f"shard-{shard_of(route, self._shards)}" == self._name


def _service(route: str) -> str:
    return route.rpartition("/")[0]


def _by_time(event: FeedbackEvent) -> tuple[Any, str, bytes]:
    return event.timestamp, event.id, msgspec.json.encode(event.data)


def _event(encoded: bytes) -> FeedbackEvent:
    content: dict[str, Any] = msgspec.msgpack.decode(encoded)
    kind: type[Alert | Order] = Alert if content["data"]["kind"] == "alert" else Order
    return FeedbackEvent(
        id=content["id"],
        timestamp=content["timestamp"],
        source=EventSource(content["source"]),
        event_type=EventType(content["event_type"]),
        data=msgspec.convert(content["data"], kind),
        metadata=content["metadata"],
    )
