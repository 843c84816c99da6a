"""JSON over HTTP on a port, from threads of its own; each request is a function's answer."""

from __future__ import annotations

import argparse
import hmac
import json
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from connectors.documents import files
from connectors.gateways.exchange import WholeLines

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_BYTES = 4 << 20
_IDLE_S = 10.0
_LOOK_S = 0.05  # how long closing waits at most


class Request(NamedTuple):
    """What was asked.

    Attributes:
        method: Such as `PUT`.
        parts: The parts of the path, unescaped.
        query: What follows the path.
        headers: By their names in lower case.
        content: What was sent, from JSON; None for nothing.
    """

    method: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: Any


class Reply(NamedTuple):
    """What is answered.

    Attributes:
        status: HTTP's.
        content: What is sent as JSON; None sends nothing.
        headers: What stands before it.
    """

    status: int
    content: Any = None
    headers: Mapping[str, str] = {}


def refused(status: int, message: str, **more: Any) -> Reply:
    """Give a refusal with its reason."""
    return Reply(status, {"message": message, **more})


class JsonServer:
    """Serves until it is closed.

    Args:
        answer: Answers a request; called from several threads.
        port: Port to listen on; 0 takes a free one.
        host: Address to listen on.
        token: What every request must show; None asks for nothing.

    Attributes:
        address: Where it listens, such as `http://127.0.0.1:8090`.
        port: The port of it.
    """

    def __init__(
        self,
        answer: Callable[[Request], Reply],
        port: int = 0,
        host: str = "127.0.0.1",
        token: str | None = None,
    ) -> None:
        self._server = _Server((host, port), answer, token)
        self.port: int = self._server.server_address[1]
        self.address = f"http://{host}:{self.port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_LOOK_S,), daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Serve no more; what is being answered is cut."""
        self._server.shutdown()
        self._server.server_close()
        self._server.end_all()
        self._thread.join()

    def wait(self) -> None:
        """Serve until the process ends."""
        self._thread.join()


class JsonFile:
    """Keeps what a server holds in a file, each change in one step.

    Args:
        path: The file; None keeps nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> dict[str, Any]:
        """Give what is kept; empty at first."""
        if self._path is None or not self._path.exists():
            return {}
        content: dict[str, Any] = json.loads(self._path.read_bytes())
        return content

    def keep(self, content: Mapping[str, Any]) -> None:
        """Make it last."""
        if self._path is not None:
            files.put(self._path, json.dumps(content).encode())


def serve(made: Callable[[JsonFile], Callable[[Request], Reply]], about: str) -> None:
    """Run a server as a program: `--port`, `--host`, `--file` and `--token`."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--port", type=int, default=8090, help="0 takes a free one")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument(
        "--file", type=Path, help="where it keeps what it holds; none keeps nothing"
    )
    parser.add_argument("--token", help="what every request must show as Authorization: Bearer")
    options = parser.parse_args()
    answer = made(JsonFile(options.file))
    server = JsonServer(answer, options.port, options.host, options.token)
    sys.stdout.write(f"{server.address}\n")
    sys.stdout.flush()
    try:
        server.wait()
    except KeyboardInterrupt:
        server.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self, address: tuple[str, int], answer: Callable[[Request], Reply], token: str | None
    ) -> None:
        self.answer = answer
        self.token = token
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin with a connection."""
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Be done with a connection."""
        self._open.discard(request)
        super().shutdown_request(request)

    def end_all(self) -> None:
        """Cut all connections."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has gone already
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that leave in the middle."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _IDLE_S
    wbufsize = 1 << 16
    server: _Server

    def setup(self) -> None:
        """Begin with a connection; a request whose head breaks off is nobody's."""
        super().setup()
        self.rfile: Any = WholeLines(self.rfile, ConnectionAbortedError)

    def do_GET(self) -> None:
        """Answer."""
        self._answer()

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the base's names

    def log_message(self, *_: Any) -> None:
        """Write nothing."""

    def _answer(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self._send(refused(413, f"a request may have {MOST_BYTES} bytes"))
            return
        body = self.rfile.read(int(length))
        if len(body) < int(length):  # it broke off: nobody waits for an answer
            self.close_connection = True
            return
        self._send(self._answered(body))

    def _answered(self, body: bytes) -> Reply:
        wanted = f"Bearer {self.server.token}".encode()
        shown = self.headers.get("Authorization", "").encode()
        if self.server.token is not None and not hmac.compare_digest(wanted, shown):
            return refused(401, "show the token")
        try:
            content = json.loads(body) if body else None
        except (ValueError, RecursionError):
            return refused(400, "what was sent is no JSON")
        where = urlsplit(self.path)
        parts = tuple(unquote(part) for part in where.path.split("/") if part)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(where.query))
        return self.server.answer(Request(self.command, parts, query, headers, content))

    def _send(self, reply: Reply) -> None:
        data = b"" if reply.content is None else json.dumps(reply.content).encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if data:
            self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
