"""The receiver: traces, metrics and logs over OTLP/HTTP, each request on the disk before its 200.

What cannot be read is written down too, so that the job sets it aside with its reason like any
other record, and is answered with 400: nothing gets better by sending it again. Source:
OpenTelemetry Protocol 1.5 (2025), "OTLP/HTTP".
"""

from __future__ import annotations

import hmac
import socket
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple

from connectors.intake import Entry
from connectors.otlp.checking import damaged
from connectors.receiving import PARTITION, answers
from connectors.receiving.answers import JSON, PROTOBUF, Signal
from connectors.receiving.bodies import Gone, read_body
from connectors.receiving.committing import Committing
from connectors.receiving.heads import BoundedHead, HeadTooLong
from connectors.receiving.inflating import ENCODINGS, check_encoding, inflate
from connectors.receiving.refusals import RETRY_AFTER_S, Refused
from connectors.receiving.room import Room, Share
from connectors.serving import GuardedHandler, GuardedServer
from optimizer.errors import DecodeFailed, RecordingInvalid, SettingsInvalid
from optimizer.observe.columns import RecordKind

if TYPE_CHECKING:
    from io import BufferedIOBase

    from connectors.intake import Intake

PATHS = {
    "/v1/traces": RecordKind.OTLP,
    "/v1/metrics": RecordKind.METRICS,
    "/v1/logs": RecordKind.LOGS,
}
_ENCODINGS = {PROTOBUF: PROTOBUF, "application/protobuf": PROTOBUF, JSON: JSON}
_AT_ONCE = 8  # requests of the greatest size that may be in memory
_DRAINED_S = 2.0
_BUSY = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: %d\r\nContent-Length: 0\r\n"
    b"Connection: close\r\n\r\n" % RETRY_AFTER_S
)


class Rules(NamedTuple):
    """What the receiver allows.

    Attributes:
        most_bytes: Most bytes of a request, inflated.
        token: What every request must carry as a bearer token; None for nothing.
        head_secs: How long a request's head may take, from its first byte on.
        body_secs: How long its body may take, and its being written down.
        most_clients: How many connections are held.
    """

    most_bytes: int = 16 << 20
    token: str | None = None
    head_secs: float = 10.0
    body_secs: float = 30.0
    most_clients: int = 256


class Receiver:
    """Takes telemetry from threads of its own, from when it is made until it is closed.

    Args:
        intake: Where requests are written down.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        rules: What it allows.
        refused: Told of each request that was not taken: its status and why.

    Raises:
        SettingsInvalid: It cannot listen there.
    """

    def __init__(
        self,
        intake: Intake,
        host: str = "127.0.0.1",
        port: int = 0,
        rules: Rules | None = None,
        refused: Callable[[int, str], None] = lambda *_: None,
    ) -> None:
        try:
            self._server = _Server(intake, (host, port), rules or Rules(), refused)
        except OSError as error:
            fault = (
                f"input.otlp_http_port is {port}: cannot listen on {host} port {port}: "
                f"{error.strerror}: free it or name another (OPTIMIZER_INPUT__OTLP_HTTP_PORT, "
                "OPTIMIZER_INPUT__OTLP_HTTP_HOST)"
            )
            raise SettingsInvalid([fault]) from error
        self._server.start()

    @property
    def address(self) -> str:
        """Where it listens, such as `http://127.0.0.1:4318`."""
        return self._server.url

    def close(self) -> None:
        """Take nothing more; what was not answered is sent again by whoever sent it."""
        self._server.close()


class _Server(GuardedServer):
    def __init__(
        self,
        intake: Intake,
        address: tuple[str, int],
        rules: Rules,
        refused: Callable[[int, str], None],
    ) -> None:
        self.rules = rules
        self.refused = refused
        self.committing = Committing(intake)
        self.room = Room(_AT_ONCE * rules.most_bytes)
        super().__init__(
            address, _Handler, head_secs=rules.head_secs, most_clients=rules.most_clients
        )

    def turn_away(self, connection: socket.socket) -> None:
        """Let a client beyond the last try again later."""
        connection.setblocking(False)  # noqa: FBT003 - its only argument
        try:
            connection.send(_BUSY)
        except OSError:
            return
        self.refused(HTTPStatus.SERVICE_UNAVAILABLE, "too many connections")


class _Handler(GuardedHandler):
    server: _Server
    rfile: BoundedHead
    encoding = JSON
    requestline, request_version = "", GuardedHandler.protocol_version  # where none could be read

    def setup(self) -> None:
        """Bound what may stand before a body."""
        super().setup()
        connection: BufferedIOBase = self.rfile
        self.rfile = BoundedHead(connection)

    def handle_one_request(self) -> None:
        """Answer one request; hang up where nothing after it can be trusted."""
        self.rfile.begin_head()
        self.encoding = JSON
        try:
            super().handle_one_request()
        except HeadTooLong:
            told = "the head of the request is too long"
            self._refuse(Refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, told))
        except Gone:
            self.close_connection = True

    def do_POST(self) -> None:  # noqa: N802 - the base class calls it so
        """Take a request."""
        self.rfile.end_head()
        self.server.allow(self.connection, self.server.rules.body_secs)
        try:
            with Share(self.server.room) as share:
                self._answer(HTTPStatus.OK, self._taken(share))
        except Refused as refused:
            self._refuse(refused)

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what is no request of ours, and hang up."""
        del explain
        is_method = code == HTTPStatus.NOT_IMPLEMENTED and message and "method" in message
        status = HTTPStatus.METHOD_NOT_ALLOWED if is_method else HTTPStatus(code)
        self.request_version = self.protocol_version
        self._refuse(Refused(status, message or status.phrase))

    def _taken(self, share: Share) -> bytes:
        """Write a request down, and say so."""
        signal = self._signal()
        coding = self.headers.get("Content-Encoding", "").strip().lower()
        check_encoding(coding)
        most_bytes = self.server.rules.most_bytes
        body = read_body(self.headers, self.rfile, share, most_bytes)
        try:
            body = inflate(body, coding, share, most_bytes)
            body = body.strip() if signal.encoding == JSON else body
            count = damaged(signal.kind, body)
        except DecodeFailed as failed:
            self._commit(signal.kind, body)
            raise Refused(HTTPStatus.BAD_REQUEST, str(failed), keep_alive=True) from failed
        if body:
            self._commit(signal.kind, body)
        return answers.taken(signal, count)

    def _signal(self) -> Signal:
        """Tell what a request's head says is sent."""
        kind = PATHS.get(self.path.partition("?")[0])
        given = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        self.encoding = _ENCODINGS.get(given, JSON)
        if not self._is_allowed():
            raise Refused(HTTPStatus.UNAUTHORIZED, "the bearer token is missing or another one")
        if kind is None:
            raise Refused(HTTPStatus.NOT_FOUND, f"there is only {', '.join(PATHS)} here")
        if given not in _ENCODINGS:
            told = f"Content-Type is {given[:60]!r}: must be {PROTOBUF} or {JSON}"
            raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, told)
        return Signal(kind, self.encoding)

    def _is_allowed(self) -> bool:
        token = self.server.rules.token
        given = self.headers.get("Authorization", "").encode("utf-8", "replace")
        return token is None or hmac.compare_digest(given, f"Bearer {token}".encode())

    def _commit(self, kind: RecordKind, body: bytes) -> None:
        try:
            self.server.committing.commit(Entry(PARTITION, kind, body))
        except RecordingInvalid as error:
            told = "cannot be written down now: try again"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, told, keep_alive=True) from error

    def _refuse(self, refused: Refused) -> None:
        self.server.refused(refused.status, str(refused))
        self.close_connection = self.close_connection or not refused.keep_alive
        self._answer(refused.status, answers.status(self.encoding, str(refused)), refused)
        if self.close_connection:
            self._drain()

    def _answer(self, status: HTTPStatus, content: bytes, refused: Refused | None = None) -> None:
        self.send_response(status)
        if refused and refused.retry_after_s is not None:
            self.send_header("Retry-After", str(refused.retry_after_s))
        for name, value in _MORE_HEADERS.get(status, {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", self.encoding)
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
        self.wfile.flush()

    def _drain(self) -> None:
        """Read what still comes for a moment: closing at once would take the answer back."""
        self.connection.shutdown(socket.SHUT_WR)
        self.server.allow(self.connection, _DRAINED_S)
        while self.connection.recv(1 << 16):
            continue


_MORE_HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.METHOD_NOT_ALLOWED: {"Allow": "POST"},
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: {"Accept-Encoding": ENCODINGS},
}
