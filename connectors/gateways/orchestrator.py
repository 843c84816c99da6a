"""The compare-and-swap gateway: any orchestrator that keeps one state a route and compares ETags.

What it must answer is written down in `orchestrator.md` beside this file; `reference/orchestrator`
is one that does.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from connectors.gateways.conflicts import conflict
from connectors.gateways.held import Held, content_of, held_in
from connectors.gateways.http import path_of
from connectors.gateways.remote import Place, RemoteGateway, mapping_in, unfit
from optimizer.documents import Unit
from optimizer.errors import GatewayRefused, GatewayUnreachable, ModelGone
from optimizer.ports import Capabilities

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from connectors.gateways.http import Answer, HttpClient
    from optimizer.documents import Document
    from optimizer.ports import Write

_ABSENT = frozenset({404, 405, 501})  # what answers for a path that a server does not have
_REFUSED = frozenset({404, 409, 412, 422, 428})
_FIRST = "*"


class OrchestratorGateway(RemoteGateway):
    """Implements `ports.Gateway` over HTTP.

    Args:
        client: Asks it.
        lease_s: How long a step of a rollout holds when nobody renews it, seconds.
        signing_key: Ed25519 private key that signs documents; None signs nothing.
    """

    def __init__(self, client: HttpClient, lease_s: int, signing_key: str | None = None) -> None:
        super().__init__(signing_key)
        self._client = client
        self._lease_s = lease_s
        self._told: Capabilities | None = None

    def capabilities(self) -> Capabilities:
        """Tell what it says that it can do; the least where it says nothing."""
        if self._told is None:
            answer = self._client.request("GET", "/v1/capabilities", answers=_ABSENT)
            self._told = _capabilities({} if answer.status in _ABSENT else mapping_in(answer))
        return self._told

    def routes(self) -> Collection[str]:
        """Name the routes that have a document."""
        answer = self._client.request("GET", "/v1/routes")
        routes = mapping_in(answer).get("routes")
        if not isinstance(routes, list) or not all(isinstance(one, str) for one in routes):
            raise unfit(answer, f"routes {str(routes)[:80]!r}, not a list of texts")
        return routes

    def plan(self, document: Document) -> Sequence[Write]:
        """Give the one write, once the server says that it would take it."""
        path = f"{_path(document.route)}/validate"
        content = self._content(document)
        answer = self._client.request("POST", path, content, answers={*_ABSENT, 422})
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise _refusal(answer, document)
        return super().plan(document)

    def observe(self, route: str) -> Mapping[str, int | None]:
        """Give what each replica runs, where the server tells."""
        answer = self._client.request("GET", f"{_path(route)}/observed", answers=_ABSENT)
        if answer.status in _ABSENT:
            return {}
        replicas = mapping_in(answer).get("replicas")
        if not isinstance(replicas, dict) or not all(map(_is_revision, replicas.values())):
            raise unfit(answer, f"replicas {str(replicas)[:80]!r}, not revisions by name")
        return replicas

    def renew(self, route: str, revision: int) -> None:
        """Let a leased document hold for another lease."""
        place = self._expected(route, revision)
        if place.held is None or place.held.is_reverted or not place.held.document.leased:
            return
        content = {"revision": revision, "lease_secs": self._lease_s}
        answer = self._client.request(
            "PUT", f"{_path(route)}/lease", content, answers={*_ABSENT, 409, 412}
        )
        if answer.status not in _ABSENT and not answer.is_done:
            self._expected(route, revision)
            raise GatewayUnreachable(f"{answer.address} answered {answer.status}, and it is there")

    def _content(self, document: Document) -> dict[str, Any]:
        return self._with_lease(document, content_of(Held(document), self._signing_key))

    def _look(self, route: str) -> Place:
        answer = self._client.request("GET", _path(route), answers={HTTPStatus.NOT_FOUND})
        if answer.status == HTTPStatus.NOT_FOUND:
            return Place()
        tag = answer.headers.get("etag", "")
        if not tag.startswith('"'):
            raise unfit(answer, f"the ETag {tag!r}, not one in quotes")
        return Place(held_in(mapping_in(answer), f"{route} at {self._client.address}"), tag)

    def _write(self, place: Place, held: Held, content: Mapping[str, Any], key: str) -> None:
        path, document = _path(held.document.route), held.document
        if held.is_reverted:
            method, path, sent = "POST", f"{path}/rollback", {"to_revision": document.revision}
        else:
            method, sent = "PUT", self._with_lease(document, content)
        headers = {"If-Match": place.tag} if place.tag else {"If-None-Match": _FIRST}
        if key:
            headers["Idempotency-Key"] = quote(key, safe="/@:")
        answer = self._client.request(method, path, sent, headers=headers, answers=_REFUSED)
        if answer.status in {422, 428}:
            raise _refusal(answer, document)
        if answer.status == HTTPStatus.NOT_FOUND and place.tag is None:
            raise unfit(answer, "no such path")
        if not answer.is_done:
            self._settle(held)

    def _remove(self, place: Place, route: str) -> None:
        headers = {"If-Match": place.tag}
        answer = self._client.request("DELETE", _path(route), headers=headers)
        if not answer.is_done:
            raise conflict(route, self._look(route).acting, place.revision)

    def _with_lease(self, document: Document, content: Mapping[str, Any]) -> dict[str, Any]:
        return {**content, **({"lease_secs": self._lease_s} if document.leased else {})}


def _path(route: str) -> str:
    return f"/v1/routes{path_of(*route.split('/'))}"


def _is_revision(value: object) -> bool:
    return value is None or (type(value) is int and value >= 0)


def _refusal(answer: Answer, document: Document) -> GatewayRefused:
    """Say why it will not have a document: for its own reasons, or for an arm that it names."""
    try:
        content = answer.json()
    except GatewayUnreachable:
        content = None
    arm = content.get("arm") if isinstance(content, dict) else None
    is_ours = any(arm == one.id for one in document.arms)
    return ModelGone(answer.told, str(arm)) if is_ours else GatewayRefused(answer.told)


def _capabilities(told: Mapping[str, Any]) -> Capabilities:
    units = told.get("units")
    named = units if isinstance(units, list) else [Unit.CALL]
    return Capabilities(
        name="orchestrator",
        units=frozenset(unit for unit in Unit if unit in named) or frozenset({Unit.CALL}),
        stamps_slots=told.get("stamps_slots") is True,
        stamps_revision=told.get("stamps_revision") is True,
        atomic=True,
        leases=told.get("leases") is True,
        tells_replicas=told.get("tells_replicas") is True,
        compares=True,
    )
