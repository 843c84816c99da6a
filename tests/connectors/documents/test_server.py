"""The server gives the folder's files, and nothing else, to whoever asks however badly."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from connectors.documents.folder import Folder
from connectors.documents.names import CURRENT, INDEX, LEASES, file_of, prompt_file
from connectors.documents.rendering import prompts_of
from connectors.documents.server import DocumentServer
from optimizer.errors import GatewayUnreachable
from tests.connectors.documents.examples import PAIR, ROUTE, a_document, a_lease

NAME = file_of(CURRENT, ROUTE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    folder = Folder(tmp_path_factory.mktemp("served") / "documents", PAIR.private)
    folder.publish(a_document(), lease=a_lease(a_document()))
    (folder.path.parent / "secret.json").write_text("secret")
    (folder.path / "secret.json").write_text("secret")
    (folder.path / CURRENT / "acme/shop/link.txt").write_text("secret")
    return folder


@pytest.fixture(scope="module")
def server(folder: Folder) -> Iterator[DocumentServer]:
    server = DocumentServer(folder.path)
    yield server
    server.close()


def connect(server: DocumentServer) -> http.client.HTTPConnection:
    return http.client.HTTPConnection(server.address.removeprefix("http://"), timeout=10)


def ask(server: DocumentServer, path: str, method: str = "GET", **headers: str):
    connection = connect(server)
    connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def say(server: DocumentServer, data: bytes) -> bytes:
    """Send bytes as they are; give all that comes back until the server hangs up."""
    host, port = server.address.removeprefix("http://").rsplit(":", 1)
    answer = b""
    with (
        socket.create_connection((host, int(port)), timeout=10) as connection,
        suppress(OSError),  # it hangs up on what it will not read
    ):
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        while part := connection.recv(65_536):
            answer += part
    return answer


@pytest.mark.parametrize(
    "name", [NAME, file_of(LEASES, ROUTE), "history/acme/shop/answer/7.json", INDEX,
             prompt_file(next(iter(prompts_of(a_document()))))],
)  # fmt: skip
def test_each_file_is_served_as_it_stands(
    server: DocumentServer, folder: Folder, name: str
) -> None:
    answer, body = ask(server, f"/{name}")
    assert answer.status == 200
    assert body == (folder.path / name).read_bytes()
    assert answer.headers["Content-Length"] == str(len(body))
    assert answer.headers["ETag"]


def test_who_has_it_already_is_told_so(server: DocumentServer) -> None:
    tag = ask(server, f"/{NAME}")[0].headers["ETag"]
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        answer, body = ask(server, f"/{NAME}", If_None_Match=known)
        assert (answer.status, body, answer.headers["ETag"]) == (304, b"", tag)
    assert ask(server, f"/{NAME}", If_None_Match='"other"')[0].status == 200


def test_a_new_document_has_a_new_tag(tmp_path: Path) -> None:
    folder = Folder(tmp_path, PAIR.private)
    folder.publish(a_document())
    server = DocumentServer(tmp_path)
    try:
        tag = ask(server, f"/{NAME}")[0].headers["ETag"]
        folder.publish(a_document(revision=8))
        answer, body = ask(server, f"/{NAME}", If_None_Match=tag)
    finally:
        server.close()
    assert (answer.status, json.loads(body)["flags"][ROUTE]["metadata"]["revision"]) == (200, 8)


def test_a_head_is_answered_without_a_body(server: DocumentServer) -> None:
    answer, body = ask(server, f"/{NAME}", "HEAD")
    assert (answer.status, body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 1000


def test_one_connection_serves_many_requests(server: DocumentServer) -> None:
    connection = connect(server)
    for status in (200, 404, 200):
        connection.request("GET", f"/{NAME if status == 200 else 'current/a/b/c.json'}")
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/secret.json",
        "/current/../secret.json",
        "/current/../../secret.json",
        "/current/%2e%2e/%2e%2e/secret.json",
        "/current/%2E%2E/b/secret.json",
        "/current/a/b/..%2f..%2f..%2fsecret.json",
        "//etc/passwd",
        "/current/acme/shop/link.txt",
        "/current/acme/shop/answer.json/",
        "/current/acme/shop/",
        "/current/acme/shop",
        "/current/acme/shop/answer.json%00",
        "/current/acme/shop/answer.json%0a",
        "/.lock",
        "/history/acme/shop/answer/../../../../index.json",
        "/history/acme/shop/answer/99999999999.json",
        "/prompts/../index.json",
        "/prompts/abc.txt",
        "/current/" + "a" * 5000 + "/b/c.json",
        "/%ff%fe",
        "/index.json.new",
        "http://elsewhere/current/acme/shop/answer.json",
        "*",
    ],
)
def test_nothing_else_is_served(server: DocumentServer, path: str) -> None:
    answer, body = ask(server, path)
    assert answer.status == 404
    assert b"secret" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "X"])
def test_other_methods_are_refused(server: DocumentServer, method: str) -> None:
    answer, _ = ask(server, f"/{NAME}", method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /%s HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", 400),
        (b"GET /%s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"GET /%s HTTP/1.1\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
        (b"GET /%s HTTP/1.1\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /%s HTTP/9.9\r\n\r\n", 505),
        (b"GET /%s HTTP/x\r\n\r\n", 400),
        (b"one two three four\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),
    ],
)
def test_bad_requests_are_refused_and_cut(
    server: DocumentServer, request_: bytes, status: int
) -> None:
    answer = say(server, request_.replace(b"%s", NAME.encode()) * 2)
    was_cut = len(request_) > 65_536 and not answer
    assert was_cut or answer.startswith(b"HTTP/1.1 %d " % status)
    assert answer.count(b"HTTP/1.1 ") <= 1


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_any_bytes_leave_the_server_serving(server: DocumentServer, data: bytes) -> None:
    say(server, data + b"\r\n\r\n")
    assert ask(server, f"/{NAME}")[0].status == 200


def test_many_clients_are_served_at_once(server: DocumentServer, folder: Folder) -> None:
    whole = (folder.path / NAME).read_bytes()

    def follow(_: int) -> bool:
        connection = connect(server)
        good = True
        for _ in range(20):
            connection.request("GET", f"/{NAME}")
            good &= connection.getresponse().read() == whole
        connection.close()
        return good

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(follow, range(64)))


def test_clients_that_say_nothing_do_not_keep_others_out(server: DocumentServer) -> None:
    host, port = server.address.removeprefix("http://").rsplit(":", 1)
    silent = [socket.create_connection((host, int(port))) for _ in range(100)]
    for connection in silent[::2]:
        connection.sendall(b"GET /")
    assert ask(server, f"/{NAME}")[0].status == 200
    for connection in silent:
        connection.close()


def test_a_client_that_sends_a_byte_now_and_then_is_cut(folder: Folder) -> None:
    server = DocumentServer(folder.path, head_secs=0.2)
    host, port = server.address.removeprefix("http://").rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=0.02) as dripping:
        for _ in range(1000):
            try:
                dripping.sendall(b"G")
                if dripping.recv(1) == b"":
                    break
            except TimeoutError:
                continue
            except OSError:
                break
        else:
            pytest.fail("it was never cut")
    server.close()


def test_more_clients_than_it_holds_are_hung_up_on(folder: Folder) -> None:
    server = DocumentServer(folder.path, most_clients=2)
    holding = [connect(server) for _ in range(2)]
    for connection in holding:
        connection.request("GET", f"/{NAME}")
        connection.getresponse().read()
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(server, f"/{NAME}")
    for connection in holding:
        connection.request("GET", f"/{NAME}")
        assert connection.getresponse().read()
        connection.close()
    server.close()


def test_a_closed_server_lets_its_clients_go_and_its_port(folder: Folder) -> None:
    server = DocumentServer(folder.path)
    connection = connect(server)
    connection.request("GET", f"/{NAME}")
    connection.getresponse().read()
    before = threading.active_count()
    server.close()
    with pytest.raises((OSError, http.client.HTTPException)):
        ask(server, f"/{NAME}")
    assert connection.sock.recv(1) == b""
    connection.close()
    again = DocumentServer(folder.path, port=int(server.address.rsplit(":", 1)[1]))
    assert ask(again, f"/{NAME}")[0].status == 200
    again.close()
    assert threading.active_count() <= before


def test_a_port_that_is_taken_is_told(server: DocumentServer, folder: Folder) -> None:
    with pytest.raises(GatewayUnreachable, match="name another"):
        DocumentServer(folder.path, port=int(server.address.rsplit(":", 1)[1]))


def test_a_folder_that_is_not_there_yet_is_served_when_it_is(tmp_path: Path) -> None:
    server = DocumentServer(tmp_path / "later")
    try:
        assert ask(server, f"/{NAME}")[0].status == 404
        Folder(tmp_path / "later").publish(a_document())
        assert ask(server, f"/{NAME}")[0].status == 200
    finally:
        server.close()


def test_a_file_that_cannot_be_read_is_told_as_trouble(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir(parents=True)
    server = DocumentServer(tmp_path)
    try:
        assert ask(server, f"/{NAME}")[0].status == 503
    finally:
        server.close()
