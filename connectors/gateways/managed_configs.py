"""Config Manager: versioned values by namespace and key, which whoever serves calls follows.

It cannot be asked to compare and write in one step. So the version is read first, and what a write
answers must be the next one; else somebody wrote in between, and what he wrote is put back. Writers
of one process wait for one another.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from connectors.gateways.conflicts import conflict
from connectors.gateways.held import held_in
from connectors.gateways.http import path_of
from connectors.gateways.remote import Place, RemoteGateway, mapping_in, unfit
from connectors.gateways.service_names import name_of, routes_in
from optimizer.documents import Unit
from optimizer.errors import RevisionConflict
from optimizer.ports import Capabilities

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from connectors.gateways.held import Held
    from connectors.gateways.http import Answer, HttpClient
    from optimizer.documents import Document

_BASE = "/api/v1/configs"
_USER = "llm-optimizer"
_LOCKS: dict[str, threading.RLock] = {}  # one for each key that this process writes
_LOCKS_LOCK = threading.Lock()


class ManagedConfigsGateway(RemoteGateway):
    """Implements `ports.Gateway` over a Config Manager.

    Args:
        client: Asks it.
        namespace: Where its keys are, one for each route.
        environment: Which of a key's values is written: base, development, staging, production or
            edge.
        signing_key: Ed25519 private key that signs documents; None signs nothing.
    """

    def __init__(
        self,
        client: HttpClient,
        namespace: str,
        environment: str,
        signing_key: str | None = None,
    ) -> None:
        super().__init__(signing_key)
        self._client = client
        self._base = f"{_BASE}{path_of(namespace)}"
        self._environment = environment
        self._query = {"env": environment}

    def capabilities(self) -> Capabilities:
        """Tell what it can do: it keeps values, and knows nothing of those that follow them."""
        return Capabilities(name="config_manager", units=frozenset(Unit), atomic=True)

    def routes(self) -> Collection[str]:
        """Name the routes among the namespace's keys."""
        answer = self._client.request("GET", self._base, query=self._query)
        listed = answer.json()
        if not isinstance(listed, list):
            raise unfit(answer, f"{str(listed)[:80]!r}, not a list of configurations")
        return routes_in(one.get("key") for one in listed if isinstance(one, dict))

    def apply(self, document: Document, expected: int, key: str) -> None:
        """Bring a document there."""
        with self._alone(document.route):
            super().apply(document, expected, key)

    def revert(self, route: str, expected: int) -> None:
        """Let the incumbent serve all: the same document with a mark, as a new version."""
        with self._alone(route):
            super().revert(route, expected)

    def remove(self, route: str, expected: int) -> None:
        """Delete a route's key."""
        with self._alone(route):
            super().remove(route, expected)

    def _look(self, route: str) -> Place:
        answer = self._client.request(
            "GET", self._path(route), query=self._query, answers={HTTPStatus.NOT_FOUND}
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            return Place()
        found = mapping_in(answer)
        value = found.get("value")
        where = f"{route} at {self._client.address}"
        held = held_in(value, where) if isinstance(value, dict) else None
        return Place(held, _version(answer, found))

    def _write(self, place: Place, held: Held, content: Mapping[str, Any], key: str) -> None:  # noqa: ARG002 - it takes no keys
        route, before = held.document.route, place.tag or 0
        sent = {
            "value": content,
            "env": self._environment,
            "user": _USER,
            "secret": False,
        }
        answer = self._client.request("POST", self._path(route), sent, answers=())
        written = _version(answer, mapping_in(answer))
        if written != before + 1:
            self._put_back(route, written)
            there = self._look(route)
            message = f"{route}: version {written - 1} was written meanwhile, and is put back"
            raise RevisionConflict(message, there.revision)
        self._settle(held)  # two writers may be told the same version: see who was last

    def _put_back(self, route: str, written: int) -> None:
        """Take back what was written over somebody else's value."""
        path = self._path(route)
        if written > 1:
            path = f"{path}/rollback/{written - 1}"
            self._client.request("POST", path, query=self._query, answers=())
        else:  # somebody deleted what was there
            self._client.request("DELETE", path, query=self._query)

    def _remove(self, place: Place, route: str) -> None:
        answer = self._client.request(
            "DELETE", self._path(route), query=self._query, answers={HTTPStatus.NOT_FOUND}
        )
        if answer.status == HTTPStatus.NOT_FOUND:
            raise conflict(route, None, place.revision)

    def _path(self, route: str) -> str:
        return f"{self._base}{path_of(name_of(route))}"

    @contextmanager
    def _alone(self, route: str) -> Iterator[None]:
        """Let the other writers of this process wait."""
        place = f"{self._client.address}{self._path(route)}?{self._environment}"
        with _LOCKS_LOCK:
            lock = _LOCKS.setdefault(place, threading.RLock())
        with lock:
            yield


def _version(answer: Answer, found: Mapping[str, Any]) -> int:
    version = found.get("version")
    if type(version) is not int or version < 1:
        raise unfit(answer, f"the version {str(version)[:80]!r}, not a number from 1")
    return version
