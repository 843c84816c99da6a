"""Remote gateways are asked over HTTP, and whatever goes wrong is told as what can be done."""

from __future__ import annotations

import socket
from contextlib import closing

import pytest

from connectors.gateways.http import HttpClient, client_of, path_of
from optimizer.errors import GatewayRefused, GatewayUnreachable, SettingsInvalid
from optimizer.settings import validate
from tests.answering import Answering, answer
from tests.faulty_way import EVERY, Fault, FaultyWay, Kind

TOKEN = "s3cret-token"  # noqa: S105 - made up
QUICK_S = 0.3
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
GOOD = answer(200, b'{"a": [1, "\xc3\xa4"]}', ['ETag: "7"'])


def test_what_is_asked_and_what_is_answered_arrive() -> None:
    with Answering(GOOD) as server:
        client = HttpClient(f"{server.address}/base/", TOKEN)
        found = client.request(
            "PUT", path_of("a b", "c/d", ".."), {"x": 1}, headers={"If-Match": '"6"'},
            query={"env": "é&"},
        )  # fmt: skip
    assert (found.status, found.json(), found.headers["etag"]) == (200, {"a": [1, "ä"]}, '"7"')
    head, _, body = server.requests[0].partition("\r\n\r\n")
    first, *rest = head.split("\r\n")
    assert first == "PUT /base/a%20b/c%2Fd/%2E%2E?env=%C3%A9%26 HTTP/1.1"
    assert {"Authorization: Bearer s3cret-token", 'If-Match: "6"'} < {*rest}
    assert "Content-Type: application/json" in rest
    assert body == '{"x": 1}'


@pytest.mark.parametrize("status", [404, 409, 412, 428, 204])
def test_what_a_caller_reads_himself_is_given_back(status: int) -> None:
    with Answering(answer(status, b"")) as server:
        assert HttpClient(server.address).request("GET", "/x").status == status


@pytest.mark.parametrize(
    ("sent", "kind", "told"),
    [
        (answer(400, b'{"error": {"message": "no such arm"}}'), GatewayRefused, "no such arm"),
        (answer(422, b"plain\x00 words"), GatewayRefused, "422: plain words"),
        (answer(401), GatewayRefused, "OPTIMIZER_GATEWAY__TOKEN"),
        (answer(403, b"you shall not"), GatewayRefused, "not: give a token"),
        (answer(302, b"", ["Location: http://else.where/"]), GatewayRefused, "http://else.where/"),
        (answer(308, b""), GatewayRefused, "OPTIMIZER_GATEWAY__URL"),
        (answer(304, b""), GatewayRefused, "304"),
        (answer(418, b"x" * 4000), GatewayRefused, r"x{300} \.\.\."),
        (answer(408), GatewayUnreachable, "408"),
        (answer(429, b'{"detail": "slow down"}'), GatewayUnreachable, "slow down"),
        (answer(500, b"<html>oh</html>"), GatewayUnreachable, "500: <html>oh"),
        (answer(503), GatewayUnreachable, "503"),
        (answer(200, b"x" * 101), GatewayUnreachable, "more than 100 bytes"),
        (answer(200, b"ab", length=3), GatewayUnreachable, "broke off"),
        (b"SSH-2.0-OpenSSH_9\r\n", GatewayUnreachable, "no HTTP"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"y" * 101, GatewayUnreachable, "more than 100 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", GatewayUnreachable, "broke off"),
        (b"HTTP/1.1 200 OK\r\nServer: x\r\n", GatewayUnreachable, "broke off"),
        (CHUNKED + b"5\r\nab", GatewayUnreachable, "broke off"),
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200, GatewayUnreachable, "headers"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_each_fault_is_one_that_can_be_tried_again_or_one_that_cannot(
    sent: bytes, kind: type[Exception], told: str
) -> None:
    most = 5000 if b"x" * 4000 in sent else 100
    with Answering(sent) as server, pytest.raises(kind, match=told) as fault:
        HttpClient(server.address, TOKEN, 2, most_bytes=most).request("GET", "/x")
    assert f"GET {server.address}/x" in str(fault.value)


def test_a_server_that_repeats_the_token_does_not_put_it_into_a_message() -> None:
    with Answering(answer(400, f"bad token {TOKEN}".encode())) as server:
        with pytest.raises(GatewayRefused, match=r"bad token \*\*\*"):
            HttpClient(server.address, TOKEN).request("GET", "/")
        with pytest.raises(GatewayUnreachable, match="no whole answer"):
            HttpClient(server.address, TOKEN, QUICK_S).request("GET", "/")
    assert TOKEN in server.requests[0]


@pytest.mark.parametrize(
    "content", [b"<html>log in</html>", b'{"a": 1', b"", b"[" * 100_000, b"\xff\xfe"]
)
def test_what_should_be_json_and_is_not_can_be_tried_again(content: bytes) -> None:
    with Answering(answer(200, content)) as server:
        found = HttpClient(server.address).request("GET", "/state")
    with pytest.raises(GatewayUnreachable, match=r"GET .*/state answered 200 with what is no JSON"):
        found.json()


def test_nobody_there_is_told_with_the_address() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    with pytest.raises(GatewayUnreachable, match=f"GET http://127.0.0.1:{port}/x: .*refused"):
        HttpClient(f"http://127.0.0.1:{port}").request("GET", "/x")


def test_an_answer_that_comes_a_byte_at_a_time_is_given_up() -> None:
    with Answering(GOOD, GOOD) as server, closing(FaultyWay(server.port)) as way:
        way.faults = iter([Fault(Kind.DRIP, seconds=0.02), Fault(Kind.DELAY, seconds=0.02)])
        client = HttpClient(way.address, None, QUICK_S)
        with pytest.raises(GatewayUnreachable, match=r"no whole answer in 0\.3 s"):
            client.request("GET", "/x")
        assert HttpClient(way.address).request("GET", "/x").status == 200


@pytest.mark.parametrize("fault", EVERY, ids=str)
def test_whatever_goes_wrong_on_the_way_can_be_tried_again(fault: Fault) -> None:
    content = b'{"a": "' + b"x" * 1000 + b'"}'
    with (
        Answering(*[answer(200, content)] * 9) as server,
        closing(FaultyWay(server.port)) as way,
    ):
        way.faults = iter([fault])
        client = HttpClient(way.address, None, QUICK_S)
        with pytest.raises(GatewayUnreachable):
            client.request("POST", "/x", {"body": "y" * 1000})
        assert HttpClient(way.address).request("GET", "/x").content == content
        assert way.taken == 2


@pytest.mark.parametrize(
    "url", ["ftp://h", "http://", "h:80", "http://h:x", "http://h?q", "http://u@h", "http://[::1"]
)
def test_what_is_no_address_is_told_at_once(url: str) -> None:
    with pytest.raises(SettingsInvalid, match="OPTIMIZER_GATEWAY__URL"):
        HttpClient(url)


@pytest.mark.parametrize(
    "repeats",
    [
        answer(302, b"", [f"Location: http://elsewhere/?token={TOKEN}"]),
        answer(200, f"no JSON, but {TOKEN}".encode()),
        answer(404, f'{{"message": "nothing for {TOKEN}"}}'.encode()),
        answer(500, TOKEN.encode()),
    ],
)
def test_no_message_repeats_the_token_that_a_server_repeats(repeats: bytes) -> None:
    told = ""
    with Answering(repeats) as server:
        try:
            found = HttpClient(server.address, TOKEN).request("GET", "/x")
            told = found.words()
            found.json()
        except (GatewayRefused, GatewayUnreachable) as error:
            told += str(error)
    assert "***" in told
    assert TOKEN not in told


def test_a_password_in_an_address_is_not_repeated() -> None:
    with pytest.raises(SettingsInvalid) as told:
        HttpClient("http://user:hunter2@host:80")
    assert "hunter2" not in str(told.value)
    assert "http://user:***@host:80" in str(told.value)


def test_settings_without_an_address_say_which_key_is_missing() -> None:
    gateway = validate({"gateway": {"kind": "memory"}}).gateway
    with pytest.raises(SettingsInvalid, match=r"kind is memory: needs gateway\.url"):
        client_of(gateway)
