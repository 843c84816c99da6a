"""Config Manager does not compare: versions tell who wrote in between; he gets his value back."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from connectors.gateways.held import Held, content_of
from connectors.gateways.http import HttpClient
from connectors.gateways.managed_configs import ManagedConfigsGateway
from connectors.gateways.reference import managed_configs
from connectors.gateways.reference.serving import JsonFile, JsonServer
from optimizer.errors import RevisionConflict
from tests.connectors.acting import ROUTE, a_document

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from connectors.gateways.reference.serving import Reply, Request
    from optimizer.documents import Document

KEY = ("api", "v1", "configs", "llm-optimizer", "default.gateway-check.scratch")
PATH, ENV = f"/{'/'.join(KEY)}", {"env": "production"}
OTHERS = replace(a_document(2, 30), reason="somebody else's")


class Manager:
    """A Config Manager at which something may happen just before the next write, or just after.

    Attributes:
        before: What happens then, once.
        after: What happens then, once.
    """

    def __init__(self) -> None:
        self.before: Callable[[], object] | None = None
        self.after: Callable[[], object] | None = None
        self._answered = managed_configs.made(JsonFile(None))
        self._server = JsonServer(self._answer)
        self.gateway = self.opened()

    def opened(self) -> ManagedConfigsGateway:
        return ManagedConfigsGateway(HttpClient(self._server.address), "llm-optimizer", ENV["env"])

    def write(self, document: Document) -> None:
        """Write as a process does that does not look."""
        content = {"value": content_of(Held(document)), **ENV, "user": "somebody"}
        self._ask("POST", PATH, content)

    def delete(self) -> None:
        self._ask("DELETE", PATH)

    def history(self) -> list[Any]:
        """Give version and revision of what was ever written, the newest first."""
        found = self._ask("GET", f"{PATH}/history")
        return [(one["version"], one["value"].get("revision")) for one in found]

    def close(self) -> None:
        self._server.close()

    def _ask(self, method: str, path: str, content: Any = None) -> Any:
        client = HttpClient(self._server.address)
        answer = client.request(method, path, content, query=ENV)
        return answer.json() if answer.content else None

    def _answer(self, request: Request) -> Reply:
        is_ours = request.method == "POST" and "llm-optimizer" in str(request.content)
        if is_ours and self.before:
            happen, self.before = self.before, None
            happen()
        reply = self._answered(request)
        if is_ours and self.after:
            happen, self.after = self.after, None
            happen()
        return reply


@pytest.fixture
def manager() -> Iterator[Manager]:
    with closing(Manager()) as manager:
        yield manager


def test_who_wrote_in_between_gets_his_value_back(manager: Manager) -> None:
    manager.gateway.apply(a_document(1), 0, "1")
    manager.before = lambda: manager.write(OTHERS)
    with pytest.raises(RevisionConflict, match=r"version 2 .* put back") as conflict:
        manager.gateway.apply(a_document(2, 50), 1, "2")
    assert conflict.value.found == 2
    assert manager.gateway.read(ROUTE) == OTHERS
    assert manager.history() == [(4, 2), (3, 2), (2, 2), (1, 1)]


def test_what_was_deleted_in_between_stays_deleted(manager: Manager) -> None:
    manager.gateway.apply(a_document(1), 0, "1")
    manager.gateway.apply(a_document(2), 1, "2")
    manager.before = manager.delete
    with pytest.raises(RevisionConflict) as conflict:
        manager.gateway.apply(a_document(3, 50), 2, "3")
    assert conflict.value.found == 0
    assert manager.gateway.read(ROUTE) is None


def test_who_writes_right_after_us_is_noticed_and_keeps_his_value(manager: Manager) -> None:
    manager.gateway.apply(a_document(1), 0, "1")
    manager.after = lambda: manager.write(OTHERS)
    with pytest.raises(RevisionConflict) as conflict:
        manager.gateway.apply(a_document(2, 50), 1, "2")
    assert conflict.value.found == 2
    assert manager.gateway.read(ROUTE) == OTHERS


def test_writers_of_one_process_wait_for_one_another(manager: Manager) -> None:
    for start in range(1, 6):
        manager.gateway.apply(a_document(start), start - 1, str(start))
        rivals = [replace(a_document(start + 1), reason=name) for name in "abcd"]

        def wins(document: Document, start: int = start) -> bool:
            try:
                manager.opened().apply(document, start, document.reason)
            except RevisionConflict:
                return False
            return True

        with ThreadPoolExecutor(4) as pool:
            won = [*pool.map(wins, rivals)]
        assert won.count(True) == 1
        assert manager.gateway.read(ROUTE) == rivals[won.index(True)]
        manager.gateway.remove(ROUTE, start + 1)
        manager.gateway.apply(a_document(start), 0, "again")


def test_a_revert_is_a_version_with_a_mark_and_the_incumbent_s_slots(manager: Manager) -> None:
    document = a_document(3, 50)
    manager.gateway.apply(document, 0, "3")
    manager.gateway.revert(ROUTE, 3)
    manager.gateway.revert(ROUTE, 3)
    assert manager.history() == [(2, 3), (1, 3)]
    (entry,) = manager._ask("GET", PATH.rpartition("/")[0])  # noqa: SLF001 - as a follower does
    assert entry["value"]["reverted"] is True
    assert entry["value"]["allotments"] == [{"arm": document.incumbent, "slots": 200}]
    assert entry["metadata"]["updated_by"] == "llm-optimizer"
