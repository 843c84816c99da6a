"""A shard: the windows and controllers of its routes, moved on by panes, marks and events.

A route's whole brain is one state with one owner. The shard changes its mind only when the minimum
watermark passes a minute; it then takes what lies before that, in the order of event time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from optimizer.controller import Controller, Observation, RouteState, is_blank
from optimizer.errors import UnknownVersion
from optimizer.events import Alert, Heard
from optimizer.inbox import Directory, Inbox
from optimizer.open_windows import Windows
from optimizer.panes import Mark, Pane, Served
from optimizer.pieces import Pieces
from optimizer.summaries import instant, summarize
from optimizer.windows import WindowSummary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Set as AbstractSet

    from optimizer.decisions import OptimizationDecision
    from optimizer.events import FeedbackEvent
    from optimizer.findings import Finding
    from optimizer.open_windows import Closing
    from optimizer.ports import Vault

    Output = WindowSummary | Finding | OptimizationDecision

VERSION = 2
READS = (1, VERSION)  # 1 knew neither estimates nor sampling nor alerts


class Shard:
    """One shard; one owner, changed in place.

    Args:
        name: What it is called.
        controller: What judges a route.
        limit_ms: Gives a route's latency limit.
        partitions: The source partitions whose watermarks are waited for.
        vault: Where what does not change is kept.
        directory: Tells whom alerts concern.
    """

    def __init__(
        self,
        name: str,
        controller: Controller,
        limit_ms: Callable[[str], float],
        partitions: Iterable[str],
        vault: Vault,
        *,
        directory: Directory | None = None,
    ) -> None:
        self.name = name
        self.windows = Windows(partitions)
        self._pieces = Pieces(vault, name)
        self.routes: dict[str, RouteState | None] = {}
        self._inbox = Inbox()
        self._directory = directory or Directory(name)
        self._controller = controller
        self._limit_ms = limit_ms

    def take(self, item: Pane | Mark | Heard | Served) -> list[Output]:
        """Take a pane, a watermark or an event; give what closed windows and what they mean."""
        match item:
            case Pane():
                self.windows.add(item)
                return []
            case Served():
                self._directory.learn(item)
                return []
            case Heard():
                self._inbox.put(item)
                self.windows.wake(item.due_ns)
                return []
            case Mark():
                return [
                    out for closing in self.windows.advance(item) for out in self._pass(closing)
                ]

    def _pass(self, closing: Closing) -> Iterable[Output]:
        """Let each route see the windows that ended at a boundary, and its events before it."""
        if all(closed.partial for closed in closing.windows) and closing.windows:
            for closed in closing.windows:  # the replay's end is no instant to judge at
                yield from summarize(closed, self._limit_ms)
            return
        at = instant(closing.end_ns)
        ended: dict[str, list[WindowSummary]] = {}
        for closed in closing.windows:
            for summary in summarize(closed, self._limit_ms):
                ended.setdefault(summary.route, []).append(summary)
        routes = self.routes.keys() | ended.keys()
        heard = self._heard(closing.end_ns, routes)
        for route in sorted(routes | heard.keys()):
            summaries = tuple(ended.get(route, ()))
            yield from summaries
            mine = heard.get(route, ())
            seen = Observation(
                route=route,
                at=at,
                summaries=summaries,
                orders=tuple(event for event in mine if not isinstance(event.data, Alert)),
                alerts=tuple(event for event in mine if isinstance(event.data, Alert)),
            )
            state, outputs = self._controller.step(self.routes.get(route), seen)
            if is_blank(state):  # what alone an alert or an order made known is let go
                self.routes.pop(route, None)
            else:
                self.routes[route] = state
            yield from outputs

    def _heard(self, end_ns: int, routes: AbstractSet[str]) -> dict[str, list[FeedbackEvent]]:
        """Give the events that count before an instant to the routes they concern."""
        heard: dict[str, list[FeedbackEvent]] = {}
        for event in self._inbox.take(end_ns):
            for route in self._directory.concerned(event, routes, end_ns):
                heard.setdefault(route, []).append(event)
        return heard

    def dump(self) -> bytes:
        """Write the state; what does not change is pieces of it."""
        state = {
            "version": VERSION,
            "name": self.name,
            "windows": self.windows.dump(self._pieces),
            "routes": {route: msgspec.msgpack.encode(s) for route, s in self.routes.items()},
            "waiting": self._inbox.dump(),
            "served": self._directory.served,
        }
        return msgspec.msgpack.encode(state)

    def load(self, state: bytes) -> None:
        """Read what `dump` wrote.

        Raises:
            UnknownVersion: The bytes come from a version this code does not know.
            NotFound: A piece is missing.
        """
        content: dict[str, Any] = msgspec.msgpack.decode(state, strict=False)
        if content["version"] not in READS:
            raise UnknownVersion(
                f"shard state has version {content['version']}: this program reads {READS}; "
                "resume with the program that wrote it, or start from an empty recovery folder"
            )
        self.windows = Windows.load(content["windows"], self.windows.marks, self._pieces)
        self.routes = {
            route: msgspec.msgpack.decode(encoded, type=RouteState)
            for route, encoded in content["routes"].items()
        }
        self._directory.served = dict(content.get("served", {}))
        self._inbox = Inbox.load(content.get("waiting", ()), content.get("orders", ()))


def name_in(state: bytes) -> str:
    """Give the name of the shard whose state this is."""
    name: str = msgspec.msgpack.decode(state, strict=False)["name"]
    return name
