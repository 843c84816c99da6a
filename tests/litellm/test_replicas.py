"""What replicas say that they run, whatever answers at their addresses."""

from __future__ import annotations

import json
from contextlib import ExitStack

import pytest

from connectors.gateways.http import HttpClient
from connectors.gateways.replicas import Replicas
from tests.answering import Answering, answer

ROUTE = "acme/shop/answer"


def told(revision: object, *, is_followed: object = True) -> bytes:
    routes = {ROUTE: {"revision": revision, "is_followed": is_followed}}
    return answer(content=json.dumps({"routes": routes}).encode())


@pytest.mark.parametrize(
    ("sent", "revision"),
    [
        pytest.param(told(7), 7, id="what it runs"),
        pytest.param(told(7, is_followed=False), 0, id="the incumbent alone"),
        pytest.param(told(0, is_followed=False), 0, id="no document"),
        pytest.param(answer(content=b'{"routes": {}}'), None, id="another route"),
        pytest.param(told("7"), None, id="no number"),
        pytest.param(answer(content=b"[]"), None, id="another form"),
        pytest.param(answer(content=b"<html>"), None, id="no JSON"),
        pytest.param(answer(404), None, id="no such path"),
        pytest.param(answer(401), None, id="another token"),
        pytest.param(answer(500), None, id="broken"),
        pytest.param(b"nonsense", None, id="no HTTP"),
    ],
)
def test_a_replica_is_read_as(sent: bytes, revision: int | None) -> None:
    with Answering(sent) as server:
        replicas = Replicas([HttpClient(server.address, timeout_s=5)])
        assert replicas.revisions(ROUTE) == {server.address: revision}


def test_one_that_does_not_answer_hides_no_other() -> None:
    with ExitStack() as stack:
        servers = [stack.enter_context(Answering(told(number))) for number in (1, 2)]
        silent = stack.enter_context(Answering())
        clients = [HttpClient(one.address, timeout_s=0.3) for one in (*servers, silent)]
        found = Replicas(clients).revisions(ROUTE)
    assert list(found.values()) == [1, 2, None]
