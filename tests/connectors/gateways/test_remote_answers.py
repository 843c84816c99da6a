"""Whatever a remote gateway answers, it is our document, a conflict, or a fault that is told."""

from __future__ import annotations

import copy
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from connectors.gateways.http import HttpClient
from connectors.gateways.reference.serving import JsonFile, JsonServer
from optimizer.errors import (
    GatewayRefused,
    GatewayUnreachable,
    OptimizerError,
    RevisionConflict,
)
from tests.answering import Answering, answer
from tests.connectors.acting import ROUTE, a_document
from tests.connectors.gateways.scenes import REMOTES, Remote, Scene

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from connectors.gateways.reference.serving import Reply, Request
    from optimizer.ports import Gateway

each_remote = pytest.mark.parametrize("remote", REMOTES, ids=lambda remote: remote.name)
UNREACHABLE, REFUSED = GatewayUnreachable, GatewayRefused
TAG = ['ETag: "1"']
LONG = b'{"a": "' + b"x" * 10_000_000 + b'"}'
OPERATIONS: dict[str, Callable[[Gateway], object]] = {
    "routes": lambda gateway: gateway.routes(),
    "read": lambda gateway: gateway.read(ROUTE),
    "apply": lambda gateway: gateway.apply(a_document(2, 50), 1, "2"),
    "revert": lambda gateway: gateway.revert(ROUTE, 1),
    "renew": lambda gateway: gateway.renew(ROUTE, 1),
    "remove": lambda gateway: gateway.remove(ROUTE, 1),
}
GARBAGE = {
    "html": (answer(200, b"<html>please log in</html>", TAG), UNREACHABLE, "no JSON"),
    "truncated": (answer(200, b'{"revision": 1, "docu', TAG), UNREACHABLE, "no JSON"),
    "ten megabytes": (answer(200, LONG, TAG), UNREACHABLE, "more than 4194304 bytes"),
    "a number": (answer(200, b"17", TAG), REFUSED, "OPTIMIZER_GATEWAY__URL"),
    "a redirect": (answer(307, b"", ["Location: http://else/"]), REFUSED, "http://else/"),
    "no token": (answer(401, b'{"message": "who?"}'), REFUSED, "who.: give a token"),
    "not allowed": (answer(403), REFUSED, "OPTIMIZER_GATEWAY__TOKEN"),
    "broken": (answer(500, b"stack trace"), UNREACHABLE, "500: stack trace"),
    "busy": (answer(429), UNREACHABLE, "429"),
    "odd": (answer(402, b"pay"), REFUSED, "402: pay"),
}


@each_remote
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_told_with_who_sent_it_and_what_to_do(
    garbage: str, operation: str, remote: Remote
) -> None:
    sent, kind, told = GARBAGE[garbage]
    with Answering(sent) as server, pytest.raises(kind, match=told) as fault:
        OPERATIONS[operation](remote.opened(HttpClient(server.address, "secret", 2)))
    assert server.address in str(fault.value)
    assert "secret" not in str(fault.value)


class Meddling:
    """Answers as the other side does, with one answer of a state changed.

    Args:
        remote: The kind.
        meddle: Changes the content of an answer to a GET; None leaves all as it is.
    """

    def __init__(self, remote: Remote) -> None:
        self._answered = remote.made(JsonFile(None))
        self.meddle: Callable[[Any], Any] | None = None

    def answer(self, request: Request) -> Reply:
        reply = self._answered(request)
        if self.meddle is None or request.method != "GET":
            return reply
        return reply._replace(content=self.meddle(copy.deepcopy(reply.content)))


def places(content: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Name every member of JSON, at any depth."""
    members = content.items() if isinstance(content, dict) else enumerate(content)
    found = []
    for name, value in members:
        found.append((*before, name))
        if isinstance(value, dict | list):
            found += places(value, (*before, name))
    return found


def put(content: Any, place: tuple[Any, ...], value: Any) -> Any:
    within = content
    for name in place[:-1]:
        within = within[name]
    within[place[-1]] = value
    return content


@each_remote
def test_a_member_of_another_type_is_never_taken_for_another_document(remote: Remote) -> None:
    meddling = Meddling(remote)
    with closing(JsonServer(meddling.answer)) as server:
        gateway = remote.opened(HttpClient(server.address))
        document = a_document(1, 50)
        gateway.apply(document, 0, "1")
        seen: list[Any] = []
        meddling.meddle = lambda content: seen.append(content) or content
        gateway.read(ROUTE)
        tried = 0
        for place in places(seen[0]):
            for value in (None, 7, "x", [], {}, True):
                meddling.meddle = lambda content, place=place, value=value: put(
                    content, place, value
                )
                tried += 1
                try:
                    found = gateway.read(ROUTE)
                except OptimizerError:
                    continue
                assert found in (document, None) or place[-1] == "reverted", (place, value)
        assert tried > 50


@each_remote
@pytest.mark.parametrize("slots", [10, 200])
def test_who_changes_what_steers_calls_under_our_document_is_noticed(
    slots: int, remote: Remote
) -> None:
    changes = {
        "orchestrator": lambda state: state["allotments"][0].update(slots=slots + 1),
        "configurations": lambda state: state["deployment"].update(initial_percentage=71),
        "config_manager": lambda state: state["value"]["arms"].clear(),
    }
    change = changes[remote.name.removesuffix("-without-etags")]
    meddling = Meddling(remote)
    with closing(JsonServer(meddling.answer)) as server:
        gateway = remote.opened(HttpClient(server.address))
        gateway.apply(a_document(3, slots), 0, "3")
        meddling.meddle = lambda content: change(content) or content
        for operation in (
            lambda: gateway.read(ROUTE),
            lambda: gateway.apply(a_document(4, 50), 3, "4"),
            lambda: gateway.revert(ROUTE, 3),
        ):
            with pytest.raises(RevisionConflict, match="somebody else changed it") as conflict:
                operation()
            assert conflict.value.found == 3
        meddling.meddle = None
        assert gateway.read(ROUTE) == a_document(3, slots)


THEIRS = {
    "configurations": (
        "/api/v1/configurations",
        {
            "service_id": "default.gateway-check.scratch",
            "configuration": {"model": "theirs"},
            "deployment": {"strategy": "immediate", "initial_percentage": 100},
        },
    ),
    "config_manager": (
        "/api/v1/configs/llm-optimizer/default.gateway-check.scratch",
        {"value": {"model": "theirs"}, "env": "production"},
    ),
}


@pytest.mark.parametrize("name", THEIRS)
def test_what_we_never_wrote_is_no_document_and_is_replaced_with_care(
    name: str, tmp_path: Path
) -> None:
    path, content = THEIRS[name]
    remote = next(one for one in REMOTES if one.name == name)
    with closing(Scene(remote, tmp_path)) as scene:
        scene.client().request("POST", path, content)
        gateway = scene.gateway()
        assert gateway.read(ROUTE) is None
        assert list(gateway.routes()) == [ROUTE]
        with pytest.raises(RevisionConflict):
            gateway.apply(a_document(2), 1, "2")
        gateway.apply(a_document(1), 0, "1")
        assert gateway.read(ROUTE) == a_document(1)


@each_remote
def test_a_document_that_another_key_signed_is_read_and_a_torn_one_is_a_conflict(
    remote: Remote,
) -> None:
    meddling = Meddling(remote)
    with closing(JsonServer(meddling.answer)) as server:
        gateway = remote.opened(HttpClient(server.address))
        gateway._signing_key = "5e" * 32  # noqa: SLF001 - what the settings give
        gateway.apply(a_document(1), 0, "1")
        assert remote.opened(HttpClient(server.address)).read(ROUTE) == a_document(1)
        meddling.meddle = lambda content: json.loads(
            json.dumps(content).replace("a check of the gateway", "another reason")
        )
        with pytest.raises(RevisionConflict, match="damaged"):
            gateway.read(ROUTE)
