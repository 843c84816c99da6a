"""How a request is answered: taken once it is on the disk, or refused with the reason."""

from __future__ import annotations

import hmac
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING

from connectors.intake import Entry
from connectors.otlp.checking import damaged
from connectors.otlp.crowding import MOST_ITEMS, is_crowded
from connectors.receiving import PARTITION, answers
from connectors.receiving.answers import JSON, PROTOBUF, Signal
from connectors.receiving.bodies import Gone, read_body
from connectors.receiving.heads import BoundedHead, HeadTooLong
from connectors.receiving.inflating import ENCODINGS, check_encoding, inflate
from connectors.receiving.refusals import Refused
from connectors.receiving.room import Share
from connectors.serving import GuardedHandler
from optimizer.errors import DecodeFailed, RecordingInvalid
from optimizer.observe.columns import RecordKind

if TYPE_CHECKING:
    from io import BufferedIOBase

    from connectors.receiving.server import ReceivingServer

PATHS = {
    "/v1/traces": RecordKind.OTLP,
    "/v1/metrics": RecordKind.METRICS,
    "/v1/logs": RecordKind.LOGS,
}
_ENCODINGS = {PROTOBUF: PROTOBUF, "application/protobuf": PROTOBUF, JSON: JSON}
_DRAINED_S = 2.0


class Handler(GuardedHandler):
    """Answers the requests of one exporter."""

    server: ReceivingServer
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
            _check_crowd(signal.kind, body)
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


def _check_crowd(kind: RecordKind, body: bytes) -> None:
    """Refuse what would keep the job busy for long, whether it can be read or not: it is no gift.

    Raises:
        Refused: It is too much at once.
    """
    if is_crowded(body, metrics=kind is RecordKind.METRICS):
        told = f"a request may hold {MOST_ITEMS} spans, log records or points: send fewer at once"
        raise Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)


_MORE_HEADERS = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.METHOD_NOT_ALLOWED: {"Allow": "POST"},
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: {"Accept-Encoding": ENCODINGS},
}
