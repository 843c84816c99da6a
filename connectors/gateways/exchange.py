"""One request and its whole answer on a connection, in time, or a word about what went wrong."""

from __future__ import annotations

import http.client
import socket
import threading
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Wanted(NamedTuple):
    """A request.

    Attributes:
        method: Such as `PUT`.
        target: The path with what follows it.
        body: What is sent; None for nothing.
        headers: What stands before it.
    """

    method: str
    target: str
    body: bytes | None
    headers: Mapping[str, str]


class Exchanged(NamedTuple):
    """A whole answer.

    Attributes:
        status: Its HTTP status.
        headers: Its headers, by their names in lower case.
        content: Its body.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes


class ExchangeFailed(Exception):
    """There is no whole answer; the message says why."""


def exchanged(
    connection: http.client.HTTPConnection, wanted: Wanted, timeout_s: float, most_bytes: int
) -> Exchanged:
    """Ask once, and close the connection.

    Args:
        connection: Not open yet.
        wanted: What is asked.
        timeout_s: How long the answer may take from the moment that somebody is there, seconds.
        most_bytes: How long its body may be.

    Raises:
        ExchangeFailed: Nobody is there, or what comes is not a whole answer.
    """
    connection.response_class = _Response
    is_late = threading.Event()
    try:
        connection.connect()
        with _cut_after(connection.sock, timeout_s, is_late):
            connection.request(wanted.method, wanted.target, wanted.body, dict(wanted.headers))
            with closing(connection.getresponse()) as found:
                content = found.read(most_bytes + 1)
        cause = _fault(found, content, most_bytes)
    except TimeoutError:
        is_late.set()
    except (OSError, http.client.HTTPException, ValueError) as error:
        cause = _cause(error)
    finally:
        connection.close()
    if is_late.is_set():
        cause = f"no whole answer in {timeout_s:g} s"
    if cause:
        raise ExchangeFailed(cause)
    headers = {name.lower(): value for name, value in found.headers.items()}
    return Exchanged(found.status, headers, content)


class WholeLines:
    """A file in which an end in the middle of a head is a fault.

    The library takes a head that breaks off for one that ends.

    Args:
        file: What is read.
        fault: What is raised where a line has no end.
    """

    def __init__(self, file: BinaryIO, fault: type[Exception]) -> None:
        self._file = file
        self._fault = fault

    def readline(self, most: int = -1) -> bytes:
        """Give a line, which has an end."""
        line = self._file.readline(most)
        if not line.endswith(b"\n"):
            raise self._fault(line)
        return line

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class _Response(http.client.HTTPResponse):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.fp: Any = WholeLines(self.fp, http.client.IncompleteRead)


def _fault(found: http.client.HTTPResponse, content: bytes, most_bytes: int) -> str:
    """Say why what was read is not the whole answer; `""` where it is."""
    if len(content) > most_bytes:
        return f"the answer has more than {most_bytes} bytes"
    return "the answer broke off" if found.length else ""


@contextmanager
def _cut_after(
    connection: socket.socket, seconds: float, is_late: threading.Event
) -> Iterator[None]:
    """Cut a connection that takes too long, also one that gives a byte now and then."""

    def cut() -> None:
        is_late.set()
        try:
            # As a plain socket: TLS would drop what the reading thread holds.
            socket.socket.shutdown(connection, socket.SHUT_RDWR)
        except OSError:  # it has gone already
            return

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cause(error: Exception) -> str:
    match error:
        case http.client.IncompleteRead():
            return "the answer broke off"
        case http.client.BadStatusLine():
            return "what came is no HTTP"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
