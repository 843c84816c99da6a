"""A folder of documents over HTTP: to read, whole, with an ETag each.

Paths are those of the folder: `/current/acme/shop/answer.json`, `/leases/...`, `/index.json`. A
percent sign in a file's name is escaped once more. `/flags.json` is all routes as one flag file, as
they act at this moment, leases included: what evaluators of flags point at.

There is no password and no encryption: what is
signed cannot be forged on the way, but prompts can be read by whoever reaches the port.
"""

from __future__ import annotations

import hashlib
import time
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import unquote

from connectors.documents import files
from connectors.documents.flag_set import FLAGS, FlagSet
from connectors.documents.names import INDEX, SERVED
from connectors.documents.rules import MOST_BYTES, MOST_PROMPT_BYTES
from connectors.serving import GuardedHandler, GuardedServer
from optimizer.errors import DocumentInvalid, GatewayUnreachable, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_MOST_INDEX_BYTES = 1 << 28
_MOST_PATH = 4096
_TYPES = {"json": "application/json", "txt": "text/plain; charset=utf-8"}


class DocumentServer:
    """Serves a folder from threads of its own.

    Args:
        path: The folder; it may be made later.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        public_keys: Who may have signed what `/flags.json` tells; empty when nobody asks.
        head_secs: How long a request may take to come, from its first byte on.
        most_clients: How many connections it holds; more are hung up on.

    Raises:
        GatewayUnreachable: It cannot listen there.
    """

    def __init__(
        self,
        path: Path,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        public_keys: Sequence[str] = (),
        head_secs: float = 10.0,
        most_clients: int = 512,
    ) -> None:
        try:
            flags = FlagSet(path, _clocks, public_keys)
            self._server = _Server(
                path, flags, (host, port), head_secs=head_secs, most_clients=most_clients
            )
        except OSError as error:
            way_out = "free it or name another (gateway.http_host, gateway.http_port)"
            told = f"cannot listen on {host} port {port}: {error.strerror}: {way_out}"
            raise GatewayUnreachable(told) from error
        self._server.start()

    @property
    def address(self) -> str:
        """Where it listens, such as `http://127.0.0.1:8320`."""
        return self._server.url

    def close(self) -> None:
        """Serve no more."""
        self._server.close()


class _Server(GuardedServer):
    def __init__(
        self,
        path: Path,
        flags: FlagSet,
        address: tuple[str, int],
        *,
        head_secs: float,
        most_clients: int,
    ) -> None:
        self.folder = path
        self.flags = flags
        super().__init__(address, _Handler, head_secs=head_secs, most_clients=most_clients)


class _Handler(GuardedHandler):
    server: _Server

    def do_GET(self) -> None:  # noqa: N802 - the base class calls it so
        """Answer with a file."""
        self._answer()

    def do_HEAD(self) -> None:  # noqa: N802 - the base class calls it so
        """Answer with what stands before a file."""
        self._answer()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Answer what cannot be served in a line, and hang up: nothing after it is trusted."""
        del explain
        status = HTTPStatus.METHOD_NOT_ALLOWED if code == HTTPStatus.NOT_IMPLEMENTED else code
        self.close_connection = True
        self.request_version = self.protocol_version  # also where the request told none
        self._send(HTTPStatus(status), f"{message or HTTPStatus(status).phrase}\n".encode())

    def _answer(self) -> None:
        if self.headers.get("Transfer-Encoding") or self.headers.get("Content-Length", "0") != "0":
            self.send_error(HTTPStatus.BAD_REQUEST, "a request here has no body")
            return
        try:
            name, content = self._found()
        except (StorageFailed, DocumentInvalid):
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "the folder cannot be read")
            return
        if content is None:
            self._send(HTTPStatus.NOT_FOUND, b"there is nothing of this name\n")
            return
        tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        kept = {each.strip() for each in self.headers.get("If-None-Match", "").split(",")}
        is_known = bool(kept & {tag, f"W/{tag}", "*"})
        status = HTTPStatus.NOT_MODIFIED if is_known else HTTPStatus.OK
        self._send(status, b"" if is_known else content, tag, _TYPES[name.rpartition(".")[2]])

    def _found(self) -> tuple[str, bytes | None]:
        """Give the name of what is asked for, and its content; None for nothing."""
        path = self.path.partition("?")[0]
        name = unquote(path[1:], errors="replace") if len(path) <= _MOST_PATH else ""
        if path == f"/{FLAGS}":
            return FLAGS, self.server.flags.read()
        if not path.startswith("/") or not SERVED.fullmatch(name):
            return name, None
        most = _MOST_INDEX_BYTES if name == INDEX else max(MOST_BYTES, MOST_PROMPT_BYTES)
        content = files.read(self.server.folder / name, most)
        if content is not None and len(content) > most:
            raise StorageFailed(f"{name} has more than {most} bytes")
        return name, content

    def _send(
        self, status: HTTPStatus, content: bytes, tag: str = "", kind: str = _TYPES["txt"]
    ) -> None:
        self.send_response(status)
        if tag:
            self.send_header("ETag", tag)
            self.send_header("Cache-Control", "no-cache")
        if status is HTTPStatus.METHOD_NOT_ALLOWED:
            self.send_header("Allow", "GET, HEAD")
        if status is not HTTPStatus.NOT_MODIFIED:
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _clocks() -> tuple[int, int]:
    return time.time_ns(), time.monotonic_ns()  # noqa: TID251 - an edge: leases end by them
