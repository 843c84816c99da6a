"""An HTTP answer that must be whole in time, also where a byte comes now and then."""

from __future__ import annotations

import http.client
import io
import time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import socket


class Patience(NamedTuple):
    """How long an answer is waited for, seconds.

    Attributes:
        between_s: For the next byte.
        whole_s: In all.
    """

    between_s: float = 5.0
    whole_s: float = 20.0


class Timely(http.client.HTTPResponse):
    """Reads an answer as the library does; raises `TimeoutError` when patience ends."""

    def __init__(
        self, connection: socket.socket, *arguments: Any, patience: Patience, **options: Any
    ) -> None:
        super().__init__(connection, *arguments, **options)
        self.fp = io.BufferedReader(_Received(connection, patience, self.fp))


class _Received(io.RawIOBase):
    """What a socket receives while there is patience.

    Args:
        connection: The socket.
        patience: How long it is waited for.
        held: Keeps the socket open where the library is done with it before all of it is read.
    """

    def __init__(self, connection: socket.socket, patience: Patience, held: io.IOBase) -> None:
        super().__init__()
        self._connection = connection
        self._held = held
        self._patience = patience
        self._until_s = _now() + patience.whole_s

    def readable(self) -> bool:
        """It can be read."""
        return True

    def close(self) -> None:
        """Let go of the socket."""
        self._held.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        """Wait for some bytes."""
        left_s = self._until_s - _now()
        if left_s <= 0:
            raise TimeoutError(f"no whole answer in {self._patience.whole_s:g} s")
        self._connection.settimeout(min(self._patience.between_s, left_s))
        try:
            return self._connection.recv_into(buffer)
        finally:
            self._connection.settimeout(self._patience.between_s)


def _now() -> float:
    return time.monotonic()  # noqa: TID251 - an edge: answers are waited for by it
