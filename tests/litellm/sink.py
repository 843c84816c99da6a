"""A receiver of spans in the test's own process: what a proxy exported, as it was written."""

from __future__ import annotations

import gzip
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from tests.dataflows.actuating import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class Seen(NamedTuple):
    """A span that came.

    Attributes:
        scope: The name of its instrumentation scope.
        service: The service's name.
        name: Its name.
        ids: Of its trace, itself and its parent, in hexadecimal digits.
        begin_ns: When it began.
        end_ns: When it ended.
        failed: Its status says so.
        attributes: What it says.
    """

    scope: str
    service: str
    name: str
    ids: tuple[str, str, str]
    begin_ns: int
    end_ns: int
    failed: bool
    attributes: dict[str, object]


class Sink:
    """Takes spans over HTTP and keeps them.

    Attributes:
        payloads: What came, as it came.
    """

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self._seen: list[Seen] = []
        self._since_ns = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def spans(self) -> list[Seen]:
        """Give all spans that came and began since what came was forgotten."""
        return [span for span in list(self._seen) if span.begin_ns >= self._since_ns]

    def calls(self) -> list[Seen]:
        """Give the spans of calls that came from the plugin."""
        return [
            span
            for span in self.spans()
            if span.scope.startswith("llm-optimizer") and "gen_ai.operation.name" in span.attributes
        ]

    def wait_for(self, count: int) -> list[Seen]:
        """Wait until so many calls came; give all of them."""
        wait_until(lambda: len(self.calls()) >= count)
        return self.calls()

    def clear(self) -> None:
        """Forget what came, and what began by now and is still on its way."""
        self._since_ns = time.time_ns()  # noqa: TID251 - a real server's spans, in real time
        self.payloads.clear()
        self._seen.clear()

    def close(self) -> None:
        """Take no more."""
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        payloads, seen = self.payloads, self._seen

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                content = self.rfile.read(int(self.headers["content-length"]))
                if self.headers.get("content-encoding") == "gzip":
                    content = gzip.decompress(content)
                payloads.append(content)
                seen.extend(_spans_of(content))
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


def _spans_of(payload: bytes) -> Iterator[Seen]:
    for resource in ExportTraceServiceRequest.FromString(payload).resource_spans:
        service = _told(resource.resource.attributes).get("service.name")
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Seen(
                    scope=scope.scope.name,
                    service=str(service),
                    name=span.name,
                    ids=(span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()),
                    begin_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    failed=span.status.code == span.status.STATUS_CODE_ERROR,
                    attributes=_told(span.attributes),
                )


def _told(attributes: Iterable[KeyValue]) -> dict[str, object]:
    return {one.key: _value(one.value) for one in attributes}


def _value(value: AnyValue) -> object:
    return getattr(value, value.WhichOneof("value") or "string_value")
