"""Whoever lies, dawdles or sends garbage is hung up on, and others are served meanwhile."""

from __future__ import annotations

import gzip
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from connectors.receiving.server import Rules
from connectors.recordings.messages import varint
from tests.connectors.receiving.the_receiver import JSON, PATIENCE_S, PROTOBUF, Receiving, a_trace

T = TypeVar("T")
HEAD = f"POST /v1/traces HTTP/1.1\r\nContent-Type: {PROTOBUF}\r\n".encode()
MANY = 110_000
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def of(*parts: bytes) -> bytes:
    """Give protobuf in protobuf: the tags of what encloses the last part, the outermost first."""
    *tags, content = (b"\x0a", *parts)
    for tag in reversed(tags):
        content = tag + varint(len(content)) + content
    return content


@pytest.fixture(scope="module")
def hurried(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiving]:
    """A receiver without patience."""
    folder = tmp_path_factory.mktemp("hurried")
    made = Receiving(folder, Rules(most_bytes=100_000, head_secs=0.2, body_secs=0.2))
    yield made
    made.close()


def count(receiving: Receiving) -> int:
    """Count what is kept, once it has proved to serve others still."""
    assert receiving.post(a_trace()).status == 200
    return len(receiving.records())


def until(ask: Callable[[], T], is_so: Callable[[T], bool]) -> T:
    """Ask until an answer is so: a server notices later what clients did before."""
    answers = (ask() for _ in range(2000))
    return next(answer for answer in answers if is_so(answer))


@pytest.mark.parametrize(
    "parts",
    [
        pytest.param([b"POST"], id="half a line"),
        pytest.param([HEAD], id="half a head"),
        pytest.param([HEAD + b"Content-Length: 9\r\n\r\n1234"], id="less than it said"),
        pytest.param([CHUNKED + b"9\r\n1234"], id="half a chunk"),
        pytest.param([CHUNKED + b"4\r\n1234\r\n"], id="no last chunk"),
        pytest.param([CHUNKED + b"0\r\n"], id="half of the last chunk"),
    ],
)
@pytest.mark.parametrize("then", ["leaves", "stays"])
def test_half_a_request_is_hung_up_on_and_leaves_nothing(
    hurried: Receiving, parts: list[bytes], then: str
) -> None:
    before = count(hurried)
    answer = hurried.say(*parts, leaves=then == "leaves")
    assert b" 200 " not in answer
    assert count(hurried) == before + 1


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(CHUNKED + b"xyz\r\n1234\r\n0\r\n\r\n", 400, id="a size that is none"),
        pytest.param(CHUNKED + b"-4\r\n1234\r\n0\r\n\r\n", 400, id="a size below nothing"),
        pytest.param(CHUNKED + b"0x4\r\n1234\r\n0\r\n\r\n", 400, id="a size with a prefix"),
        pytest.param(CHUNKED + b"+4\r\n1234\r\n0\r\n\r\n", 400, id="a size with a sign"),
        pytest.param(CHUNKED + b"4\n1234\n0\n\n", 400, id="lines that end in another way"),
        pytest.param(CHUNKED + b"\r\n", 400, id="no size"),
        pytest.param(CHUNKED + b"2\r\n1234\r\n0\r\n\r\n", 400, id="more than the size"),
        pytest.param(CHUNKED + b"ffffffffffffff\r\n1234", 413, id="a size nobody has"),
        pytest.param(CHUNKED + b"f" * 400 + b"\r\n", 400, id="a size without end"),
        pytest.param(CHUNKED + b"0\r\n" + b"A: b\r\n" * 50 + b"\r\n", 400, id="many trailers"),
        pytest.param(CHUNKED + b"0\r\nA: " + b"b" * 999 + b"\r\n\r\n", 400, id="a long trailer"),
        pytest.param(
            HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            400,
            id="both a length and chunks",
        ),
        pytest.param(
            HEAD + b"Content-Length: 4\r\nContent-Length: 5\r\n\r\n12345", 400, id="two lengths"
        ),
        pytest.param(HEAD + b"\r\n", 411, id="no length"),
        pytest.param(HEAD + b"A: b\r\n" * 200 + b"\r\n", 431, id="many headers"),
        pytest.param(HEAD + b"A: " + b"b" * 40_000 + b"\r\n\r\n", 431, id="a long header"),
        pytest.param(b"POST /" + b"b" * 40_000 + b" HTTP/1.1\r\n\r\n", 431, id="a long path"),
        pytest.param(b"POST /v1/traces HTTP/2.0\r\n\r\n", 505, id="another version"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 400, id="tls"),
        pytest.param(HEAD.replace(b"HTTP/1.1", b"HTTP/x.y"), 400, id="no version"),
    ],
)
def test_garbage_is_refused_for_good_and_leaves_nothing(
    hurried: Receiving, sent: bytes, status: int
) -> None:
    before = count(hurried)
    answer = hurried.say(sent)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close" in answer
    assert count(hurried) == before + 1


def test_nothing_behind_a_refused_request_is_taken_for_the_next(hurried: Receiving) -> None:
    before = count(hurried)
    body = a_trace()
    whole = HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)
    smuggled = CHUNKED + b"0_\r\n" + whole
    answer = hurried.say(smuggled)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert count(hurried) == before + 1


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200), st.sampled_from([b"", HEAD, CHUNKED]))
def test_no_bytes_whatever_stop_it(hurried: Receiving, garbage: bytes, head: bytes) -> None:
    assert b"HTTP/1.1 200" not in hurried.say(head + garbage)
    assert hurried.post(a_trace()).status == 200


def test_who_sends_a_byte_now_and_then_is_hung_up_on(hurried: Receiving) -> None:
    assert 0 < _dawdled(hurried, HEAD * 10) < len(HEAD)


def _dawdled(receiving: Receiving, data: bytes) -> int:
    """Send a byte every 20 ms; give how many were sent until the server hung up."""
    host, port = receiving.receiver.address.removeprefix("http://").rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=0.02) as connection:
        for sent in range(len(data)):
            try:
                connection.send(data[sent : sent + 1])
                assert not connection.recv(1)
            except TimeoutError:
                continue
            except ConnectionError:
                pass
            return sent
    return len(data)


@pytest.mark.parametrize(
    ("path", "kind", "body"),
    [
        pytest.param("/v1/traces", PROTOBUF, of(b"\x12", b"\x12\0" * MANY), id="empty spans"),
        pytest.param("/v1/traces", PROTOBUF, b"\x0a\0" * MANY, id="empty resources"),
        pytest.param("/v1/logs", PROTOBUF, of(b"\x12\0" * MANY), id="empty scopes"),
        pytest.param(
            "/v1/metrics", PROTOBUF, of(b"\x12", b"\x12", b"\x3a", b"\x0a\0" * MANY), id="points"
        ),
        pytest.param(
            "/v1/traces", JSON, b'{"resourceSpans":[%b{}]}' % (b"{}," * 10 * MANY), id="{}"
        ),
        pytest.param(
            "/v1/logs", JSON, b'{"resourceLogs":[%b0]}' % (b"0," * 20 * MANY), id="numbers"
        ),
    ],
)
def test_a_few_bytes_that_would_be_much_work_are_refused_and_leave_nothing(
    tmp_path: Path, path: str, kind: str, body: bytes
) -> None:
    receiving = Receiving(tmp_path)
    answer = receiving.post(gzip.compress(body), path, kind, Content_Encoding="gzip")
    enough = receiving.post(of(b"\x12", b"\x12\0" * 1000))
    receiving.close()
    assert (answer.status, enough.status) == (413, 200)
    assert b"100000 spans" in answer.body
    assert len(receiving.records()) == 1


def test_who_comes_when_all_connections_are_held_is_asked_to_try_again(tmp_path: Path) -> None:
    receiving = Receiving(tmp_path, Rules(most_clients=3))
    held = [receiving.connect() for _ in range(3)]
    for connection in held:
        connection.request("POST", "/v1/traces", b"", {"Content-Type": PROTOBUF})
        assert connection.getresponse().read() == b""
    answer = receiving.say(b"")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"Retry-After: 1\r\n" in answer
    for connection in held:
        connection.close()
    whole = HEAD + b"Content-Length: 0\r\n\r\n"
    until(lambda: receiving.say(whole), lambda one: one.startswith(b"HTTP/1.1 200 "))
    receiving.close()


def test_requests_that_fill_all_room_ask_others_to_try_again_until_they_are_gone(
    tmp_path: Path,
) -> None:
    receiving = Receiving(tmp_path, Rules(most_bytes=100_000))
    host, port = receiving.receiver.address.removeprefix("http://").rsplit(":", 1)
    with ExitStack() as stack:
        for _ in range(8):
            held = stack.enter_context(socket.create_connection((host, int(port)), PATIENCE_S))
            held.sendall(HEAD + b"Content-Length: 100000\r\n\r\n" + bytes(99_999))
        room = receiving.receiver._server.room  # noqa: SLF001 - nobody outside needs to know it
        until(lambda: threading.Event().wait(0.01) or room.left, lambda left: not left)
        answer = receiving.post(bytes(90_000))
        assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    answer = until(lambda: receiving.post(a_trace()), lambda one: one.status != 503)
    receiving.close()
    assert answer.status == 200
    assert receiving.bodies()[-1] == a_trace()
