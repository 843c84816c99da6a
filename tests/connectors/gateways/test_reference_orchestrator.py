"""The reference orchestrator does what `orchestrator.md` asks of one, header by header."""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from connectors.gateways.held import Held, content_of
from connectors.gateways.http import HttpClient
from connectors.gateways.orchestrator import OrchestratorGateway
from connectors.gateways.reference.orchestrator import Orchestrator
from connectors.gateways.reference.serving import JsonFile, JsonServer, Request
from optimizer.errors import GatewayRefused, ModelGone
from optimizer.slots import slot_of
from tests.connectors.acting import ROUTE, a_document

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connectors.gateways.reference.serving import Reply

TOKEN = "abc"  # noqa: S105 - made up
PARTS = ("v1", "routes", *ROUTE.split("/"))
NEW, OLD = a_document(1).arms
UNITS = [f"conversation-{number}" for number in range(400)]


class Stand:
    """An orchestrator, and a clock."""

    def __init__(self, models: list[str] | None = None) -> None:
        self.now_s = 1000.0
        self.orchestrator = Orchestrator(JsonFile(None), models, lambda: self.now_s)

    def ask(
        self, method: str, action: str = "", content: Any = None, unit: str = "", **headers: str
    ) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        parts = (*PARTS, *([action] if action else []))
        return self.orchestrator.answer(Request(method, parts, {"unit": unit}, named, content))

    def put(self, revision: int, slots: int = 10, lease_secs: float | None = None) -> Reply:
        content = content_of(Held(a_document(revision, slots)))
        content |= {} if lease_secs is None else {"lease_secs": lease_secs}
        there = self.ask("GET")
        known = {"if_match": there.headers["ETag"]} if there.status == 200 else {}
        return self.ask("PUT", "", content, **(known or {"if_none_match": "*"}))

    def arms(self) -> Counter[str]:
        """Count the arms that units are dealt."""
        return Counter(self.ask("GET", "assignment", unit=u).content["arm"] for u in UNITS)


def test_who_does_not_say_what_he_expects_or_expects_something_else_writes_nothing() -> None:
    stand, first = Stand(), content_of(Held(a_document(1)))
    assert stand.ask("PUT", "", first).status == 428
    assert stand.ask("PUT", "", first, if_match='"1"').status == 412
    tag = stand.put(1).headers["ETag"]
    assert stand.ask("PUT", "", first, if_none_match="*").status == 412
    for method, action in (("PUT", ""), ("POST", "rollback"), ("DELETE", "")):
        assert stand.ask(method, action, first, if_match='"else"').status == 412
        assert stand.ask(method, action, first).status == 428
    assert stand.ask("GET").headers["ETag"] == tag


def test_an_attempt_that_is_repeated_on_the_way_is_done_once() -> None:
    stand, content = Stand(), content_of(Held(a_document(1)))
    first = stand.ask("PUT", "", content, if_none_match="*", idempotency_key="k")
    again = stand.ask("PUT", "", content, if_none_match="*", idempotency_key="k")
    assert (first.status, again.status) == (200, 200)
    assert first.headers == again.headers
    other = content_of(Held(a_document(1, 50)))
    assert stand.ask("PUT", "", other, if_none_match="*", idempotency_key="k").status == 412


def test_calls_are_dealt_by_their_slots_until_the_lease_ends_or_a_rollback() -> None:
    stand = Stand()
    stand.put(1, 50, lease_secs=30)
    inside = sum(slot_of("check", unit) < 50 for unit in UNITS)
    dealt = {NEW.id: inside, OLD.id: len(UNITS) - inside}
    assert stand.arms() == dealt
    stand.now_s += 20
    assert stand.ask("PUT", "lease", {"revision": 2, "lease_secs": 30}).status == 409
    assert stand.ask("PUT", "lease", {"revision": 1, "lease_secs": 30}).status == 200
    stand.now_s += 29
    assert stand.arms() == dealt
    stand.now_s += 1
    assert stand.arms() == {OLD.id: len(UNITS)}
    tag = stand.put(2, 200).headers["ETag"]
    assert stand.arms() == {NEW.id: len(UNITS)}
    assert stand.ask("POST", "rollback", {"to_revision": 1}, if_match=tag).status == 409
    back = stand.ask("POST", "rollback", {"to_revision": 2}, if_match=tag)
    assert (back.status, back.content["reverted"]) == (200, True)
    assert back.headers["ETag"] != tag
    assert stand.arms() == {OLD.id: len(UNITS)}
    assert stand.put(3, 200).content["reverted"] is False


@pytest.mark.parametrize(
    "change",
    [
        {"route": "a/b/c"},
        {"revision": "1"},
        {"document": None},
        {"allotments": []},
        {"allotments": [{"arm": "nobody", "slots": 200}]},
        {"allotments": [{"arm": OLD.id, "slots": 199}]},
        {"arms": {}},
        {"incumbent": "nobody"},
    ],
    ids=str,
)
def test_a_state_with_a_fault_is_refused_and_told_before_it_is_written(
    change: dict[str, Any],
) -> None:
    stand, content = Stand(), content_of(Held(a_document(1))) | change
    told = stand.ask("POST", "validate", content)
    assert told.status == 422
    assert stand.ask("PUT", "", content, if_none_match="*") == told
    assert stand.ask("GET").status == 404


@pytest.fixture
def serving_the_old_model_alone() -> Iterator[OrchestratorGateway]:
    server = JsonServer(Stand([OLD.config.model]).orchestrator.answer, token=TOKEN)
    yield OrchestratorGateway(HttpClient(server.address, TOKEN), 30)
    server.close()


def test_a_model_that_nobody_serves_is_told_by_its_arm(
    serving_the_old_model_alone: OrchestratorGateway,
) -> None:
    gateway = serving_the_old_model_alone
    for act in (gateway.plan, lambda document: gateway.apply(document, 0, "1")):
        with pytest.raises(ModelGone, match="nobody serves check-new") as gone:
            act(a_document(1, 10))
        assert gone.value.arm == NEW.id
        act(a_document(1, 0))
    assert gateway.read(ROUTE) == a_document(1, 0)


def test_a_lease_is_asked_for_as_long_as_the_settings_say() -> None:
    stand = Stand()
    server = JsonServer(stand.orchestrator.answer)
    gateway = OrchestratorGateway(HttpClient(server.address), 45)
    gateway.apply(a_document(1, 50, leased=True), 0, "1")
    assert stand.ask("GET").content["lease_until"] == 1045
    stand.now_s += 40
    gateway.renew(ROUTE, 1)
    assert stand.ask("GET").content["lease_until"] == 1085
    assert gateway.observe(ROUTE) == {"one": 1}
    gateway.apply(a_document(2, 0), 1, "2")
    assert stand.ask("GET").content["lease_until"] is None
    server.close()


def test_who_shows_no_token_is_told_what_to_set(
    serving_the_old_model_alone: OrchestratorGateway,
) -> None:
    address = serving_the_old_model_alone._client.address  # noqa: SLF001 - where it is
    with pytest.raises(GatewayRefused, match=r"show the token: .*OPTIMIZER_GATEWAY__TOKEN"):
        OrchestratorGateway(HttpClient(address), 30).capabilities()


@pytest.mark.parametrize(
    "sent",
    [
        b"GE",
        b"GET /v1/routes HTTP/1.1\r\nContent-Le",
        b"DELETE /v1/routes/a/b/c HTTP/1.1\r\nIf-Match: x\r\n",
        b"PUT /v1/routes/a/b/c HTTP/1.1\r\nContent-Length: 9\r\n\r\n{}",
    ],
)
def test_a_request_that_breaks_off_is_answered_by_nobody(sent: bytes) -> None:
    with closing(JsonServer(Stand().orchestrator.answer)) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            assert connection.recv(100) == b""
        assert HttpClient(server.address).request("GET", "/v1/routes").json() == {"routes": []}
