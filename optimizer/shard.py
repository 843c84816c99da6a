"""A shard: the windows and controllers of its routes, moved on by panes, marks and events.

A route's whole brain is one state with one owner. The shard changes its mind only when the minimum
watermark passes a tick of ten seconds, for orders and routes that are being acted on, or a minute,
for all; it then takes what lies before that, in the order of event time. Of a tick and a minute
that end together, the tick comes first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from optimizer.controller import Controller, Observation
from optimizer.documents import Document
from optimizer.errors import UnknownVersion
from optimizer.events import Alert, Heard
from optimizer.inbox import Directory, Inbox, event_in
from optimizer.open_ticks import OpenTicks
from optimizer.open_windows import Windows
from optimizer.panes import Mark, Pane, Served
from optimizer.pieces import Pieces
from optimizer.rollouts import RolloutProgress, Tick
from optimizer.route_state import RouteState, is_acted_on, is_blank
from optimizer.standing_orders import StandingOrders
from optimizer.summaries import instant, summarize
from optimizer.windows import WindowSummary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Set as AbstractSet

    from optimizer.decisions import OptimizationDecision
    from optimizer.events import FeedbackEvent
    from optimizer.findings import Finding
    from optimizer.open_windows import Closing
    from optimizer.ports import Vault

    Output = WindowSummary | Finding | OptimizationDecision | Document | RolloutProgress

VERSION = 3
READS = (1, 2, VERSION)  # 1 knew neither estimates nor sampling nor alerts, 2 no rollouts


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
        self._ticks = OpenTicks(controller.controlled)
        self._acting: set[str] = set()
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
                self._ticks.add(item)
                return []
            case Served():
                self._directory.learn(item)
                return []
            case Heard():
                self._inbox.put(item)
                if isinstance(item.event.data, Alert):
                    self.windows.wake(item.due_ns)
                return []
            case Mark():
                return list(self._advance(item))

    def _advance(self, mark: Mark) -> Iterable[Output]:
        """Tell the ticks and close the minutes that the minimum watermark has passed."""
        for closing in self.windows.advance(mark):
            yield from self._tick_until(closing.end_ns)
            yield from self._pass(closing)
        yield from self._tick_until(self.windows.passed_ns)

    def _tick_until(self, until_ns: int) -> Iterable[Output]:
        while True:
            due_ns = self._inbox.next_order_ns()
            end_ns = self._ticks.next_end_ns(until_ns, due_ns, acting=bool(self._acting))
            if end_ns is None:
                return
            rows = self._ticks.take(end_ns, self._acting)
            known = self.routes.keys() | rows.keys()
            heard = self._shared(self._inbox.take_orders(end_ns), known, end_ns)
            for route in sorted(self._acting | heard.keys()):
                events = tuple(heard.get(route, ()))
                tick = Tick(route=route, end_ns=end_ns, rows=rows.get(route), events=events)
                state = self._state(route, end_ns)
                yield from self._step(route, *self._controller.tick(state, tick))

    def _state(self, route: str, end_ns: int) -> RouteState | None:
        """Give a route's state; a new one begins with the orders that stand for such routes."""
        state = self.routes.get(route)
        orders = self._directory.orders.of(route) if state is None else ()
        if not orders:
            return state
        begun, _ = self._controller.tick(None, Tick(route=route, end_ns=end_ns, events=orders))
        # The orders were answered when they came; nothing else of that step is kept.
        return RouteState(docket=begun.docket)

    def _step(self, route: str, state: RouteState, outputs: Iterable[Output]) -> Iterable[Output]:
        """Keep a route's new state; what alone an alert or an order made known is let go."""
        if is_blank(state):
            self.routes.pop(route, None)
        else:
            self.routes[route] = state
        (self._acting.add if is_acted_on(state) else self._acting.discard)(route)
        return outputs

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
        alerts = self._inbox.take_alerts(closing.end_ns)
        heard = self._shared(alerts, routes, closing.end_ns)
        for route in sorted(routes | heard.keys()):
            summaries = tuple(ended.get(route, ()))
            yield from summaries
            mine = tuple(heard.get(route, ()))
            seen = Observation(route=route, at=at, summaries=summaries, alerts=mine)
            state = self._state(route, closing.end_ns)
            yield from self._step(route, *self._controller.step(state, seen))

    def _shared(
        self, events: Iterable[FeedbackEvent], routes: AbstractSet[str], end_ns: int
    ) -> dict[str, list[FeedbackEvent]]:
        """Give events to the routes they concern."""
        heard: dict[str, list[FeedbackEvent]] = {}
        for event in events:
            for route in self._directory.concerned(event, routes, end_ns):
                heard.setdefault(route, []).append(event)
        return heard

    def dump(self) -> bytes:
        """Write the state; what does not change is pieces of it."""
        waiting, given = self._inbox.dump()
        state = {
            "version": VERSION,
            "name": self.name,
            "windows": self.windows.dump(self._pieces),
            "ticks": self._ticks.dump(),
            "routes": {route: msgspec.msgpack.encode(s) for route, s in self.routes.items()},
            "waiting": waiting,
            "given": given,
            "served": self._directory.served,
            "standing": list(map(msgspec.msgpack.encode, self._directory.orders.all())),
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
        self._acting = {route for route, one in self.routes.items() if one and is_acted_on(one)}
        if "ticks" in content:
            self._ticks.load(content["ticks"])
        self._directory.served = dict(content.get("served", {}))
        self._directory.orders = StandingOrders(map(event_in, content.get("standing", ())))
        self._inbox = Inbox.load(
            content.get("waiting", ()), content.get("given", ()), content.get("orders", ())
        )


def name_in(state: bytes) -> str:
    """Give the name of the shard whose state this is."""
    name: str = msgspec.msgpack.decode(state, strict=False)["name"]
    return name
