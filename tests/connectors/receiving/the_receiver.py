"""A receiver on a recording of its own, and clients of several manners."""

from __future__ import annotations

import http.client
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from connectors.intake import Intake
from connectors.receiving import PARTITION
from connectors.receiving.server import Receiver, Rules
from connectors.recordings import RecordingReader, RecordingWriter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from optimizer.observe.columns import Record

NOW_NS = 1_800_000_000_000_000_000
PROTOBUF, JSON = "application/x-protobuf", "application/json"
PATIENCE_S = 20


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class Receiving:
    """A receiver that is closed with its recording."""

    def __init__(self, folder: Path, rules: Rules | None = None) -> None:
        self.folder = folder / "recording"
        self.writer = RecordingWriter(self.folder, [PARTITION])
        self.intake = Intake(self.writer, lambda: NOW_NS, {PARTITION: 0})
        self.refused: list[tuple[int, str]] = []
        self.receiver = Receiver(
            self.intake, rules=rules, refused=lambda status, why: self.refused.append((status, why))
        )

    def records(self) -> list[Record]:
        """Give what is on the disk by now."""
        return list(RecordingReader(self.folder))

    def bodies(self) -> list[bytes]:
        return [record.body for record in self.records()]

    def connect(self) -> http.client.HTTPConnection:
        place = self.receiver.address.removeprefix("http://")
        return http.client.HTTPConnection(place, timeout=PATIENCE_S)

    def post(
        self, body: object, path: str = "/v1/traces", kind: str | None = PROTOBUF, **headers: str
    ) -> Answer:
        """Send one request over a connection of its own."""
        connection = self.connect()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if kind is not None:
            named["Content-Type"] = kind
        connection.request("POST", path, body, named)
        answer = connection.getresponse()
        found = Answer(answer.status, answer.read(), dict(answer.headers))
        connection.close()
        return found

    def say(self, *parts: bytes, leaves: bool = True) -> bytes:
        """Send bytes as they are; give all that comes back until the server hangs up."""
        host, port = self.receiver.address.removeprefix("http://").rsplit(":", 1)
        answer = b""
        with (
            socket.create_connection((host, int(port)), timeout=PATIENCE_S) as connection,
            suppress(ConnectionError),  # it hangs up on what it will not read
        ):
            for part in parts:
                connection.sendall(part)
            if leaves:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65_536):
                answer += part
        return answer

    def close(self) -> None:
        self.receiver.close()
        self.intake.close()
        self.writer.close()


def a_trace(spans: int = 1, first: int = 1) -> bytes:
    """Make an export of some spans in protobuf, their ids counted from `first`."""
    request = ExportTraceServiceRequest()
    found = request.resource_spans.add().scope_spans.add().spans
    for number in range(first, first + spans):
        span = found.add(
            trace_id=number.to_bytes(16, "big"),
            span_id=number.to_bytes(8, "big"),
            start_time_unix_nano=NOW_NS,
            end_time_unix_nano=NOW_NS + 1,
        )
        span.attributes.add(key="gen_ai.operation.name").value.string_value = "chat"
    return request.SerializeToString()


def a_metric() -> bytes:
    """Make an export of one point."""
    request = ExportMetricsServiceRequest()
    metric = request.resource_metrics.add().scope_metrics.add().metrics.add(name="app.ticks")
    metric.sum.data_points.add(as_int=1)
    return request.SerializeToString()


def a_log() -> bytes:
    """Make an export of one log record."""
    request = ExportLogsServiceRequest()
    request.resource_logs.add().scope_logs.add().log_records.add(event_name="something")
    return request.SerializeToString()
