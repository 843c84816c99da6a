"""The gateway of Kubernetes: the shares of a document are the weights of a rule of one object."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.gateways.conflicts import check_follows, conflict
from connectors.gateways.gateway_api.annotations import kept_in, names_of
from connectors.gateways.gateway_api.api_server import Changed
from connectors.gateways.gateway_api.changes import acting
from connectors.gateways.gateway_api.patches import bringing, removing, rule_in
from connectors.gateways.gateway_api.references import is_within
from connectors.gateways.gateway_api.serving import told
from connectors.journal import note
from connectors.mixes import mix_of
from optimizer.documents import Unit
from optimizer.errors import (
    DocumentInvalid,
    GatewayRefused,
    GatewayUnreachable,
    RevisionConflict,
    UnknownVersion,
)
from optimizer.ports import Capabilities, Write

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from connectors.gateways.gateway_api.annotations import Kept
    from connectors.gateways.gateway_api.api_server import ApiServer
    from connectors.gateways.gateway_api.patches import Patch
    from optimizer.documents import Document
    from optimizer.settings import RouteObject

    Found = dict[str, Any]
    Making = Callable[[Found, Kept | None], Patch | None]

_TRIES = 8  # the object's status is written too, by whoever serves it


class GatewayApiGateway:
    """Implements `ports.Gateway` over an API server.

    Args:
        server: The API server.
        places: Which object deals the calls of which route.
        stamp_key: Signs stamps; None leaves them unsigned.
    """

    def __init__(
        self, server: ApiServer, places: Sequence[RouteObject], stamp_key: str | None = None
    ) -> None:
        self._server = server
        self._places = {place.route: place for place in places}
        self._key = stamp_key

    def capabilities(self) -> Capabilities:
        """Tell what it can do; calls tell their revision where headers become stamps."""
        return Capabilities(
            name="gateway_api",
            units=frozenset({Unit.CALL}),
            stamps_revision=True,
            atomic=True,
            compares=True,
        )

    def routes(self) -> Collection[str]:
        """Name the routes that have a document there, of those that the settings name."""
        found = {route: self._server.get(place) or {} for route, place in self._places.items()}
        return [route for route, one in found.items() if _kept(one, route)]

    def read(self, route: str) -> Document | None:
        """Give the document in force, as it acts; None also where it is damaged, which is noted.

        Where somebody else changed the weights, it is not the document that was written any more.
        """
        place = self._place(route)
        found = self._server.get(place) or {}
        return _acting(found, _kept(found, route), place)

    def plan(self, document: Document) -> Sequence[Write]:
        """Give the one write."""
        return [Write("all weights", mix_of([document]))]

    def apply(self, document: Document, expected: int, key: str) -> None:  # noqa: ARG002 - the port's
        """Write weights, stamps and document in one patch."""
        place = self._place(document.route)

        def make(found: Found, kept: Kept | None) -> Patch | None:
            there = _acting(found, kept, place)
            if there == document:
                return None
            check_follows(document, there, expected)
            if not found:
                raise GatewayRefused(f"{told(place)} is not there: make it first")
            return bringing(found, place, document, kept, key=self._key)

        self._write(place, make)

    def observe(self, route: str) -> Mapping[str, int | None]:  # noqa: ARG002 - the port's
        """Tell nothing: proxies do not say which weights they deal by."""
        return {}

    def renew(self, route: str, revision: int) -> None:
        """Find that a revision is in force; there are no leases."""
        place = self._place(route)
        _expected(_kept(self._server.get(place) or {}, route), route, revision)

    def revert(self, route: str, expected: int) -> None:
        """Let the incumbent serve all, also where somebody else changed the weights."""
        place = self._place(route)

        def make(found: Found, kept: Kept | None) -> Patch | None:
            kept = _expected(kept, route, expected)
            there = rule_in(found, place)[1]
            if kept.returned and is_within(kept.written, there):
                return None
            return bringing(found, place, kept.document, kept, key=self._key, returned=True)

        self._write(place, make)

    def remove(self, route: str, expected: int) -> None:
        """Leave the rule as it was before the first document.

        Raises:
            RevisionConflict: Another revision is there, or somebody else changed the weights.
        """
        place = self._place(route)

        def make(found: Found, kept: Kept | None) -> Patch:
            kept = _expected(kept, route, expected)
            if not is_within(kept.written, rule_in(found, place)[1]):
                names = " ".join(f"{name}-" for name in names_of(route))
                message = (
                    f"somebody else changed rule {place.rule} of {told(place)}: nobody knows what "
                    f"to go back to; `kubectl annotate` it with {names} to leave it as it is"
                )
                raise RevisionConflict(message, expected)
            return removing(found, place, kept)

        self._write(place, make)

    def _write(self, place: RouteObject, make: Making) -> None:
        """Patch an object as it is; where it was written meanwhile, look and patch again."""
        for _ in range(_TRIES):
            found = self._server.get(place) or {}
            patch = make(found, _kept(found, place.route))
            if patch is None:
                return
            try:
                self._server.patch(place, patch)
            except Changed:
                continue
            return
        raise GatewayUnreachable(f"{told(place)} is written too often to be patched")

    def _place(self, route: str) -> RouteObject:
        place = self._places.get(route)
        if place is None:
            raise GatewayRefused(
                f"nothing says which object deals the calls of {route}: name it in "
                "gateway.gateway_api.routes"
            )
        return place


def _kept(found: Found, route: str) -> Kept | None:
    """Read what is kept of a route; what is damaged is noted, and is nothing."""
    try:
        return kept_in(found, route)
    except DocumentInvalid as fault:
        note("warn", "document_damaged", route=route, fault=fault)
        return None
    except UnknownVersion as error:
        raise GatewayRefused(str(error)) from error


def _acting(found: Found, kept: Kept | None, place: RouteObject) -> Document | None:
    return acting(kept, rule_in(found, place)[1], place) if kept else None


def _expected(kept: Kept | None, route: str, revision: int) -> Kept:
    if kept is None or kept.document.revision != revision:
        raise conflict(route, kept.document if kept else None, revision)
    return kept
