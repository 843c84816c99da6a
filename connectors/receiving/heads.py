"""The head of a request, bounded: its lines together, not only each."""

from __future__ import annotations

from io import BufferedIOBase
from typing import Any

MOST_BYTES = 32 << 10


class HeadTooLong(Exception):
    """A request's line and headers have more bytes than anybody needs."""


class BoundedHead(BufferedIOBase):
    """A connection as a file; between `begin_head` and `end_head` few bytes may be read.

    Args:
        file: The connection.
    """

    def __init__(self, file: BufferedIOBase) -> None:
        self._file: Any = file
        self._left: int | None = None

    def begin_head(self) -> None:
        """Count from here."""
        self._left = MOST_BYTES

    def end_head(self) -> None:
        """Count no more: a body follows, whose bytes are counted elsewhere."""
        self._left = None

    def readline(self, size: int | None = -1, /) -> bytes:
        """Read a line.

        Raises:
            HeadTooLong: The head has too many bytes.
        """
        line: bytes = self._file.readline(size)
        if self._left is not None:
            self._left -= len(line)
            if self._left < 0:
                raise HeadTooLong
        return line

    def read(self, size: int | None = -1, /) -> bytes:
        """Read so many bytes; fewer only at the end."""
        content: bytes = self._file.read(size)
        return content

    def peek(self, size: int = 0) -> bytes:
        """Wait for the next bytes, and leave them."""
        content: bytes = self._file.peek(size)
        return content

    def close(self) -> None:
        """Let go of the connection."""
        self._file.close()
        super().close()
