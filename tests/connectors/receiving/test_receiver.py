"""What is acknowledged is on the disk; what cannot be read is too; nothing else gets in."""

from __future__ import annotations

import gzip
import json
import resource
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from connectors.receiving.server import Receiver, Rules
from optimizer.errors import SettingsInvalid
from optimizer.observe.columns import RecordKind
from tests.connectors.receiving.the_receiver import (
    JSON,
    NOW_NS,
    PROTOBUF,
    Receiving,
    a_log,
    a_metric,
    a_trace,
)

EMPTY = {
    "/v1/traces": b'{"resourceSpans":[]}',
    "/v1/metrics": b'{"resourceMetrics":[]}',
    "/v1/logs": b'{"resourceLogs":[]}',
}
FULL = {"/v1/traces": a_trace(), "/v1/metrics": a_metric(), "/v1/logs": a_log()}
KINDS = {
    "/v1/traces": RecordKind.OTLP,
    "/v1/metrics": RecordKind.METRICS,
    "/v1/logs": RecordKind.LOGS,
}


@pytest.fixture
def receiving(tmp_path: Path) -> Iterator[Receiving]:
    made = Receiving(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("path", KINDS)
@pytest.mark.parametrize(
    ("kind", "bodies", "answered"),
    [
        pytest.param(PROTOBUF, FULL, b"", id="protobuf"),
        pytest.param("application/protobuf", FULL, b"", id="protobuf by its other name"),
        pytest.param(JSON, EMPTY, b"{}", id="json"),
        pytest.param(f"{JSON}; charset=utf-8", EMPTY, b"{}", id="json that tells its charset"),
    ],
)
def test_each_signal_is_kept_to_the_byte_as_what_it_is(
    receiving: Receiving, path: str, kind: str, bodies: dict[str, bytes], answered: bytes
) -> None:
    answer = receiving.post(bodies[path], path, kind)
    assert (answer.status, answer.body) == (200, answered)
    assert answer.headers["Content-Type"] == (JSON if JSON in kind else PROTOBUF)
    (record,) = receiving.records()
    assert record == ("otlp", 0, NOW_NS, KINDS[path], bodies[path])


@pytest.mark.parametrize(
    ("coding", "squeeze"),
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("identity", bytes),
        ("gzip", lambda body: gzip.compress(body[:9]) + gzip.compress(body[9:])),
    ],
    ids=["gzip", "in capitals", "deflate", "identity", "two members"],
)
def test_what_is_compressed_is_kept_inflated(receiving: Receiving, coding, squeeze) -> None:
    body = a_trace(200)
    assert receiving.post(squeeze(body), Content_Encoding=coding).status == 200
    assert receiving.bodies() == [body]


def test_a_body_in_chunks_is_put_together(receiving: Receiving) -> None:
    body = a_trace(50)
    parts = (body[at : at + 100] for at in range(0, len(body), 100))
    assert receiving.post(parts).status == 200
    trailed = b"POST /v1/traces HTTP/1.1\r\nContent-Type: %b\r\nTransfer-Encoding: Chunked\r\n\r\n"
    chunk = b"%x;name=value\r\n%b\r\n0\r\nDigest: none\r\n\r\n" % (len(body), body)
    assert receiving.say(trailed % PROTOBUF.encode() + chunk).startswith(b"HTTP/1.1 200 ")
    assert receiving.bodies() == [body, body]


def test_a_client_that_asks_before_it_sends_a_body_is_told_to_go_on(receiving: Receiving) -> None:
    connection = receiving.connect()
    connection.putrequest("POST", "/v1/traces")
    for name, value in (
        ("Content-Type", JSON),
        ("Content-Length", "2"),
        ("Expect", "100-continue"),
    ):
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.send(b"{}")
    assert connection.getresponse().status == 200
    connection.close()


def test_json_may_stand_between_spaces(receiving: Receiving) -> None:
    assert receiving.post(b'\n {"resourceSpans": []} \n', kind=JSON).status == 200
    assert receiving.bodies() == [b'{"resourceSpans": []}']


@pytest.mark.parametrize("path", KINDS)
def test_a_request_without_anything_is_taken_and_leaves_nothing(
    receiving: Receiving, path: str
) -> None:
    assert receiving.post(b"", path).status == 200
    assert receiving.records() == []


def test_one_connection_serves_many_requests_and_survives_a_bad_one(receiving: Receiving) -> None:
    connection = receiving.connect()
    for body, status in ((a_trace(), 200), (b"junk", 400), (a_trace(), 200)):
        connection.request("POST", "/v1/traces", body, {"Content-Type": PROTOBUF})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == status
    connection.close()
    assert receiving.bodies() == [a_trace(), b"junk", a_trace()]


@pytest.mark.parametrize(
    ("path", "kind", "body", "coding"),
    [
        pytest.param("/v1/traces", PROTOBUF, b"junk", "", id="junk"),
        pytest.param("/v1/traces", PROTOBUF, a_trace()[:-1], "", id="protobuf cut short"),
        pytest.param("/v1/metrics", PROTOBUF, a_metric()[:-1], "", id="metrics cut short"),
        pytest.param("/v1/logs", PROTOBUF, a_log()[:-1], "", id="logs cut short"),
        pytest.param("/v1/traces", JSON, b'{"resourceSpans":[', "", id="json cut short"),
        pytest.param("/v1/metrics", JSON, b'{"resourceMetrics":3}', "", id="json of another form"),
        pytest.param("/v1/logs", JSON, b'{"resourceLogs":3}', "", id="logs of another form"),
        pytest.param("/v1/traces", JSON, b"[]", "", id="a list"),
        pytest.param("/v1/traces", JSON, b'{"a":' * 9000, "", id="nested without end"),
        pytest.param("/v1/traces", PROTOBUF, a_trace(), "gzip", id="not compressed at all"),
        pytest.param(
            "/v1/logs", JSON, gzip.compress(EMPTY["/v1/logs"])[:-4], "gzip", id="gzip cut"
        ),
        pytest.param("/v1/logs", JSON, gzip.compress(b"") * 17, "gzip", id="members without end"),
    ],
)
def test_what_cannot_be_read_is_refused_for_good_and_kept(
    receiving: Receiving, path: str, kind: str, body: bytes, coding: str
) -> None:
    answer = receiving.post(body, path, kind, **({"Content-Encoding": coding} if coding else {}))
    assert answer.status == 400
    assert "Retry-After" not in answer.headers
    told = answer.body if kind == PROTOBUF else json.loads(answer.body)["message"].encode()
    assert b"not_" in told
    (record,) = receiving.records()
    assert (record.kind, record.body) == (KINDS[path], body)
    assert [status for status, _ in receiving.refused] == [400]


@pytest.mark.parametrize(
    ("path", "kind", "more", "status"),
    [
        pytest.param("/v1/profiles", PROTOBUF, {}, 404, id="another path"),
        pytest.param("/", PROTOBUF, {}, 404, id="no path"),
        pytest.param("/v1/traces", "text/plain", {}, 415, id="another type"),
        pytest.param("/v1/traces", None, {}, 415, id="no type"),
        pytest.param("/v1/traces", PROTOBUF, {"Content-Encoding": "br"}, 415, id="another coding"),
        pytest.param("/v1/traces", PROTOBUF, {"Transfer-Encoding": "gzip"}, 501, id="gzip on top"),
        pytest.param("/v1/traces", PROTOBUF, {"Content-Length": "1_0"}, 400, id="a strange length"),
        pytest.param("/v1/traces", PROTOBUF, {"Content-Length": "-1"}, 400, id="less than nothing"),
        pytest.param("/v1/traces", PROTOBUF, {"Content-Length": "9" * 30}, 400, id="endless"),
        pytest.param("/v1/traces", PROTOBUF, {"Content-Length": "16777217"}, 413, id="too long"),
    ],
)
def test_what_is_no_request_of_ours_is_refused_and_leaves_nothing(
    receiving: Receiving, path: str, kind: str | None, more: dict[str, str], status: int
) -> None:
    given = {"Content-Type": kind} if kind else {}
    length = {} if "Transfer-Encoding" in more else {"Content-Length": "4"}
    heads = "".join(f"{name}: {value}\r\n" for name, value in (given | length | more).items())
    answer = receiving.say(f"POST {path} HTTP/1.1\r\n{heads}\r\n1234".encode())
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"Connection: close" in answer
    assert b"Retry-After" not in answer
    assert receiving.records() == []


@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "BREW"])
def test_nothing_but_posting_is_understood(receiving: Receiving, method: str) -> None:
    answer = receiving.say(f"{method} /v1/traces HTTP/1.1\r\nHost: here\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 405 ")
    assert b"Allow: POST" in answer


def test_a_bomb_is_not_inflated_past_what_is_allowed(tmp_path: Path) -> None:
    receiving = Receiving(tmp_path, Rules(most_bytes=1 << 20))
    bomb = gzip.compress(bytes(64 << 20))
    answer = receiving.post(bomb, Content_Encoding="gzip")
    in_chunks = receiving.post(iter([bomb]), Content_Encoding="gzip")
    largest = receiving.post(gzip.compress(bytes(1 << 20)), Content_Encoding="gzip")
    too_long = receiving.post(iter([bytes(1 << 19)] * 3))
    receiving.close()
    assert [answer.status, in_chunks.status, too_long.status] == [413, 413, 413]
    assert largest.status == 400
    assert b"input.otlp_http_max_mb" in answer.body
    assert receiving.bodies() == [bytes(1 << 20)]  # nothing readable, but not too large


def test_only_who_knows_the_token_is_heard(tmp_path: Path) -> None:
    rules = Rules(token="open-sesame")  # noqa: S106 - made up
    receiving = Receiving(tmp_path, rules)
    given = ("", "Bearer open-sesam", "Basic open-sesame", "Bearer ÿ", "Bearer open-sesame")
    answers = [receiving.post(a_trace(), Authorization=one) for one in given]
    receiving.close()
    assert [answer.status for answer in answers] == [401, 401, 401, 401, 200]
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"
    assert len(receiving.records()) == 1


def test_spans_that_cannot_be_read_beside_others_that_can_are_counted(receiving: Receiving) -> None:
    spans = [{"traceId": "ab", "spanId": "cd"}, {"traceId": 7}, "no span"]
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
    answer = receiving.post(body, kind=JSON)
    told = json.loads(answer.body)["partialSuccess"]
    assert (answer.status, told["rejectedSpans"]) == (200, "2")
    assert told["errorMessage"].startswith("2 cannot be read")
    assert receiving.bodies() == [body]


def test_a_partial_success_is_told_in_protobuf_too(receiving: Receiving) -> None:
    log = b"\x09" + bytes(3)  # a fixed64 that is cut short
    body = b"\x0a\x08\x12\x06\x12\x04" + log
    answer = receiving.post(body, "/v1/logs")
    told = ExportLogsServiceResponse.FromString(answer.body).partial_success
    assert (answer.status, told.rejected_log_records) == (200, 1)
    full = receiving.post(a_trace())
    assert not ExportTraceServiceResponse.FromString(full.body).HasField("partial_success")


def test_many_at_once_are_all_kept_and_few_waits_for_the_disk_serve_them(
    receiving: Receiving,
) -> None:
    bodies = [a_trace(3, first=10 * number + 1) for number in range(64)]
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(receiving.post, bodies))
    assert {answer.status for answer in answers} == {200}
    assert sorted(receiving.bodies()) == sorted(bodies)
    assert [record.offset for record in receiving.records()] == list(range(64))


def test_a_full_disk_asks_to_try_again_and_what_was_told_so_is_taken_later(
    receiving: Receiving,
) -> None:
    assert receiving.post(a_trace()).status == 200
    bodies = [a_trace(3, first=10 * number) for number in range(1, 9)]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (receiving.writer.end.frame + 5, limits[1]))
    try:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(receiving.post, bodies))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    told = {(answer.status, answer.headers.get("Retry-After")) for answer in answers}
    assert told == {(503, "1")}
    assert receiving.bodies() == [a_trace()]
    assert {receiving.post(body).status for body in bodies} == {200}
    assert set(receiving.bodies()) == {a_trace(), *bodies}
    offsets = [record.offset for record in receiving.records()]
    assert offsets == list(range(len(offsets)))


def test_a_port_that_is_taken_is_told_with_the_setting(receiving: Receiving) -> None:
    port = int(receiving.receiver.address.rpartition(":")[2])
    with pytest.raises(SettingsInvalid, match=rf"input.otlp_http_port is {port}: cannot listen"):
        Receiver(receiving.intake, port=port)
