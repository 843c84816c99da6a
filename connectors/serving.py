"""HTTP servers that hold out against clients that are slow, many, or leave in the middle."""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_IDLE_S = 75.0  # between the requests of a connection
_LOOK_S = 0.05  # how long closing waits at most


class GuardedServer(ThreadingHTTPServer):
    """Serves from threads of its own, with an end to each connection's patience and their number.

    Args:
        address: Host and port to listen on; port 0 takes a free one.
        handler: What answers requests.
        head_secs: How long a request's head may take to come, from its first byte on.
        most_clients: How many connections it holds; more are hung up on.

    Raises:
        OSError: It cannot listen there.
    """

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(
        self,
        address: tuple[str, int],
        handler: type[GuardedHandler],
        *,
        head_secs: float,
        most_clients: int,
    ) -> None:
        self.head_secs = head_secs
        self._most_clients = most_clients
        self._deadlines: dict[socket.socket, float] = {}
        if ":" in address[0]:
            self.address_family = socket.AF_INET6
        super().__init__(address, handler)

    @property
    def url(self) -> str:
        """Where it listens, such as `http://127.0.0.1:8320`."""
        host, port = self.server_address[:2]
        name = f"[{host!s}]" if ":" in str(host) else str(host)
        return f"http://{name}:{port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin with a connection, or close it where there are too many."""
        if len(self._deadlines) >= self._most_clients:
            self.turn_away(request)
            self.shutdown_request(request)
            return
        self.allow(request, self.head_secs)
        super().process_request(request, client_address)

    def turn_away(self, connection: socket.socket) -> None:
        """Say something to a client there is no room for; nothing, where that is understood."""

    def shutdown_request(self, request: Any) -> None:
        """Be done with a connection."""
        self._deadlines.pop(request, None)
        super().shutdown_request(request)

    def allow(self, connection: socket.socket, seconds: float) -> None:
        """Let a connection take so long for what it does next."""
        self._deadlines[connection] = _now() + seconds

    def service_actions(self) -> None:
        """Cut connections that take too long, such as those that send a byte now and then."""
        now = _now()
        for connection, deadline in list(self._deadlines.items()):
            if deadline < now:
                _cut(connection)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that leave in the middle."""

    def start(self) -> None:
        """Begin to serve."""
        self._thread = threading.Thread(target=self.serve_forever, args=(_LOOK_S,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Serve no more, and cut all connections."""
        self.shutdown()
        self.server_close()
        for connection in list(self._deadlines):
            _cut(connection)
        self._thread.join()


class GuardedHandler(BaseHTTPRequestHandler):
    """Answers the requests of one connection."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "llm-optimizer", ""
    timeout = _IDLE_S
    wbufsize = 1 << 16  # an answer in one packet, or its second half waits for the first's receipt
    server: GuardedServer

    def handle_one_request(self) -> None:
        """Wait for a request for a while; once it begins it must come soon."""
        self.server.allow(self.connection, _IDLE_S)
        if self.rfile.peek(1):  # type: ignore[attr-defined]  # a buffered reader, as the base makes it
            self.server.allow(self.connection, self.server.head_secs)
        super().handle_one_request()

    def handle_expect_100(self) -> bool:
        """Tell a client at once that waits to be told before it sends a body."""
        is_wanted = super().handle_expect_100()
        self.wfile.flush()
        return is_wanted

    def log_message(self, *_: Any) -> None:
        """Write nothing: clients ask many times a second."""


def _now() -> float:
    return time.monotonic()  # noqa: TID251 - an edge: connections end by it


def _cut(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has gone already
        return
