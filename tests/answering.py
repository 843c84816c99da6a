"""A server on loopback that answers what it is told to, byte for byte, and remembers what came."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable


class Answering:
    """Reads a request on each connection and answers with the next of some answers.

    Args:
        answers: What it sends; `""` and what comes after the last one is nothing, held open.

    Attributes:
        requests: What came, the oldest first.
        port: Where it listens.
        address: The same with its host.
    """

    def __init__(self, *answers: bytes) -> None:
        self.requests: list[str] = []
        self._answers = iter(answers)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._held: list[socket.socket] = []
        self._is_closed = False
        self.port: int = self._listener.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._is_closed = True
        self._listener.shutdown(socket.SHUT_RDWR)
        for one in (self._listener, *self._held):
            one.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self._held.append(connection)
            if self._is_closed:
                connection.close()
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            self.requests.append(_request(connection))
            if sent := next(self._answers, b""):
                connection.sendall(sent)
                connection.shutdown(socket.SHUT_WR)
        except OSError:  # who asked has gone
            return


def answer(
    status: int = 200,
    content: bytes = b"{}",
    headers: Iterable[str] = (),
    length: int | None = None,
) -> bytes:
    """Write an answer; `length` is the one it claims."""
    many = len(content) if length is None else length
    head = [f"HTTP/1.1 {status} So", f"Content-Length: {many}", *headers, "", ""]
    return "\r\n".join(head).encode() + content


def _request(connection: socket.socket) -> str:
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    many = int(lengths[0].partition(b":")[2]) if lengths else 0
    while len(body) < many:
        body += _more(connection)
    return (head + b"\r\n\r\n" + body).decode()


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(65_536)
    if not data:
        raise ConnectionError("the request broke off")
    return data
