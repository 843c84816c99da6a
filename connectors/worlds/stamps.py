"""The stamps of simulated calls: route, arm, revision, cell, slot, and the signature of these."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.worlds import wire
from optimizer.observe.stamps import Stamp, sign

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimizer.simulate.calls import SimulatedCalls
    from optimizer.simulate.worlds import World

_ATTRIBUTES = 9  # of a span, in `trace.proto`
_Place = tuple[int, int, int, int, int]  # route, arm, cell, revision, slot


class StampEncoder:
    """Encodes the stamps of the calls of one world, each distinct one once.

    A gateway without a document stamps the route and the cell it knows, and nothing that a
    document would say. Spans of a route without stamps carry none.

    Args:
        world: The world.
        key: What stamps are signed with; None signs none.
    """

    def __init__(self, world: World, key: str | None) -> None:
        self._routes = world.routes
        self._key = key
        self._known: dict[_Place, bytes] = {}

    def encode(self, calls: SimulatedCalls) -> Iterable[bytes]:
        """Encode each call's stamp, as attributes of its span."""
        columns = (calls.route, calls.arm, calls.cell, calls.revision, calls.slot)
        places = zip(*(column.tolist() for column in columns), strict=True)
        return [self._encoded(place) for place in places]

    def _encoded(self, place: _Place) -> bytes:
        if place not in self._known:
            self._known[place] = self._encode(place)
        return self._known[place]

    def _encode(self, place: _Place) -> bytes:
        route = self._routes[place[0]]
        stamp = self._stamp(place)
        pairs: list[tuple[str, wire.Value | None]] = [
            ("llm.optimizer.route", stamp.route),
            ("llm.optimizer.arm", stamp.arm or None),
            ("llm.optimizer.revision", stamp.revision or None),
            ("llm.optimizer.cell", stamp.cell or None),
            ("llm.optimizer.slot", stamp.slot if stamp.slot >= 0 else None),
            ("llm.optimizer.signature", sign(self._key, stamp) if self._key else None),
        ]
        return b"".join(
            wire.attribute(_ATTRIBUTES, name, value)
            for name, value in pairs
            if value is not None and route.revision
        )

    def _stamp(self, place: _Place) -> Stamp:
        route, arm, cell, revision, slot = place
        tenant, _, name = self._routes[route].route.split("/")
        return Stamp(
            tenant=tenant,
            route=name,
            arm=self._routes[route].arms[arm].arm.id if revision else "",
            cell=self._routes[route].cells[cell].name if cell >= 0 else "",
            revision=revision,
            slot=slot if revision else -1,
        )
