"""Routes that callers make up keep nobody from being followed."""

from __future__ import annotations

import threading
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar

import pytest

from connectors.client import Client
from connectors.documents.folder import Folder
from connectors.documents.server import DocumentServer
from tests.connectors.documents.examples import PAIR, ROUTE, a_document

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OTHER, LATE = "acme/shop/other", "acme/shop/late"


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path, PAIR.private)


@pytest.fixture
def client(folder: Folder) -> Iterator[Client]:
    with Client(folder.path, PAIR.public, routes=[ROUTE], poll_secs=60) as made:
        yield made


def ask(client: Client, many: int) -> list[str]:
    asked = [f"acme/shop/{number}" for number in range(many)]
    for route in asked:
        assert not client.choose(route, "someone").arm
    return asked


def revision(client: Client, route: str) -> int:
    client.refresh()
    return client.status(route).revision


def test_as_many_as_there_may_be_keep_no_other_from_being_followed(
    client: Client, folder: Folder
) -> None:
    folder.publish(a_document(route=OTHER, leased=False))
    client.choose(OTHER, "someone")
    assert revision(client, OTHER)
    ask(client, 20_000)
    folder.publish(a_document(route=LATE, leased=False))
    client.refresh()  # makes room
    client.choose(LATE, "someone")
    assert revision(client, LATE)
    assert client.status(OTHER).is_followed
    assert ROUTE in client.routes()
    assert len(client.routes()) <= 10_000


def test_a_route_among_many_has_its_document_when_its_turn_comes(
    client: Client, folder: Folder
) -> None:
    asked = ask(client, 1000)
    for route in (asked[0], asked[500], asked[-1]):
        folder.publish(a_document(route=route, leased=False))
    for _ in range(10):
        client.refresh()
    assert all(client.status(route).is_followed for route in (asked[0], asked[500], asked[-1]))


def test_what_has_a_document_or_was_named_is_looked_for_each_time(folder: Folder) -> None:
    folder.publish(a_document(route=OTHER, leased=False))
    with (
        closing(DocumentServer(folder.path)) as server,
        Client(server.address, PAIR.public, routes=[ROUTE], poll_secs=60) as client,
    ):
        client.choose(OTHER, "someone")
        assert revision(client, OTHER) == 7
        ask(client, 3000)
        for number in range(8, 12):
            for route in (ROUTE, OTHER):
                folder.publish(a_document(route=route, revision=number, leased=False))
            assert [revision(client, route) for route in (OTHER, ROUTE)] == [number] * 2


class Empty(BaseHTTPRequestHandler):
    """Has no document at all, and notes what it is asked for."""

    protocol_version = "HTTP/1.1"
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        self.send_response(404)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Write nothing."""


def test_a_look_asks_for_some_of_many_that_have_none() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Empty)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_address[1]}"
    with server, Client(address, PAIR.public, routes=[ROUTE], poll_secs=60) as client:
        ask(client, 3000)
        Empty.asked.clear()
        client.refresh()
        # Three looks at most: asking hurries the client's own thread, too.
        assert 400 <= len(Empty.asked) <= 1300
        server.shutdown()
