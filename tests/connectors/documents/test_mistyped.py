"""A source, a route or a unit that cannot be meant is told, never taken for an empty one."""

from __future__ import annotations

import threading
from contextlib import closing
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from connectors.client import Client
from connectors.documents.folder import Folder
from connectors.documents.server import DocumentServer
from optimizer.errors import SettingsInvalid
from tests.connectors.documents.examples import OLD, PAIR, ROUTE, a_document

if TYPE_CHECKING:
    from pathlib import Path

AT_REST = a_document(slots=10, leased=False)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "documents", PAIR.private)


def follow(source: str | Path, **changes) -> Client:
    return Client(source, PAIR.public, **{"routes": [ROUTE], "poll_secs": 3600, **changes})


@pytest.mark.parametrize(
    ("source", "way_out"),
    [
        ("ftp://x", "http://host:8320"),
        ("file:///srv/documents", "a folder"),
        ("http:/optimizer:8320", "http://host:8320"),
        ("", "http://host:8320"),
        ("localhost:8320", "http://localhost:8320"),
        ("[::1]:8320/documents", "http://[::1]:8320/documents"),
    ],
)
def test_what_is_neither_folder_nor_address_is_refused(source: str, way_out: str) -> None:
    with pytest.raises(SettingsInvalid) as told:
        Client(source)
    assert repr(source) in str(told.value)
    assert way_out in str(told.value)


def test_a_password_is_not_told() -> None:
    with pytest.raises(SettingsInvalid) as told:
        Client("ftp://user:hunter2@x")
    assert "hunter2" not in str(told.value)


def test_every_route_that_is_none_is_named() -> None:
    with pytest.raises(SettingsInvalid) as told:
        Client("documents", routes=["shop", ROUTE, "shop/answer"])
    assert [fault.split()[0] for fault in told.value.faults] == ["'shop'", "'shop/answer'"]
    assert "tenant/service/route" in str(told.value)


def test_one_route_may_be_given_as_a_text(folder: Folder) -> None:
    with follow(folder.path, routes=ROUTE) as client:
        assert client.routes() == [ROUTE]


def test_an_address_may_be_in_capitals(folder: Folder) -> None:
    folder.publish(AT_REST)
    with (
        closing(DocumentServer(folder.path)) as server,
        follow(server.address.replace("http", "HTTP")) as client,
    ):
        assert client.status(ROUTE).revision == 7


def test_a_folder_that_is_not_there_is_told_until_it_is(folder: Folder) -> None:
    with follow(str(folder.path), keep=str(folder.path.parent / "kept")) as client:
        assert client.status(ROUTE).trouble == f"there is no folder {folder.path}"
        assert client.choose(ROUTE, "someone").arm == ""
        folder.path.mkdir()
        client.refresh()
        assert client.status(ROUTE).trouble == ""
        folder.publish(AT_REST)
        client.refresh()
        assert client.status(ROUTE).revision == 7
    with follow("nowhere", keep=folder.path.parent / "kept") as again:
        assert again.status(ROUTE).revision == 7


def test_a_trouble_is_noted_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with follow(tmp_path / "nowhere", keep=tmp_path / "kept") as client:
        client.refresh()
        client.refresh()
    assert [record.message for record in caplog.records] == ["document_not_followed"]


def test_a_server_that_has_nothing_at_all_is_told_until_it_has(folder: Folder) -> None:
    with closing(DocumentServer(folder.path)) as server, follow(server.address) as client:
        assert "no index.json" in client.status(ROUTE).trouble
        folder.publish(a_document(route="acme/shop/other", leased=False))
        client.refresh()
        assert client.status(ROUTE).trouble == ""  # this route has no document yet
        folder.publish(AT_REST)
        client.refresh()
        assert (client.status(ROUTE).revision, client.status(ROUTE).trouble) == (7, "")


def test_a_path_that_is_another_one_is_told(folder: Folder) -> None:
    folder.publish(AT_REST)
    with (
        closing(DocumentServer(folder.path)) as server,
        follow(f"{server.address}/documents") as client,
    ):
        assert f"{server.address}/documents has no index.json" in client.status(ROUTE).trouble


def test_another_server_is_told(tmp_path: Path) -> None:
    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *given, **named) -> None:
            super().__init__(*given, directory=str(tmp_path), **named)

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with follow(f"http://127.0.0.1:{server.server_address[1]}") as client:
            assert "no index.json" in client.status(ROUTE).trouble
            Folder(tmp_path, PAIR.private).publish(AT_REST)
            client.refresh()
            assert client.status(ROUTE).revision == 7  # any server will do
        server.shutdown()


def test_a_route_that_is_none_is_asked_for_in_vain_and_keeps_none_from_being_followed(
    folder: Folder,
) -> None:
    with follow(folder.path, routes=[]) as client:
        for route in ("shop", "acme/shop/\ud800", ""):
            assert client.choose(route, "someone").arm == ""
            assert "tenant/service/route" in client.status(route).trouble
        client.choose(ROUTE, "someone")
        folder.publish(AT_REST)
        client.refresh()
        assert client.status(ROUTE).revision == 7
        assert client.routes() == [ROUTE]


def test_a_unit_that_is_no_text_is_the_text_of_it(folder: Folder) -> None:
    folder.publish(AT_REST)
    with follow(folder.path) as client:
        assert client.choose(ROUTE, 5) == client.choose(ROUTE, "5")
        assert client.choose(ROUTE, 5).revision == 7


@pytest.mark.parametrize("unit", [None, ""])
def test_without_a_unit_the_incumbent_serves_and_nothing_is_proved(
    folder: Folder, unit: str | None
) -> None:
    folder.publish(a_document(slots=200, leased=False))
    with follow(folder.path) as client:
        choice = client.choose(ROUTE, unit)
        assert (choice.arm, choice.revision, choice.slot) == (OLD.id, 0, -1)
