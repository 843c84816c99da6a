"""Progress: one line that moves on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY_S = 0.2
_EVERY_PLAIN_S = 10.0


class Progress:
    """Tells on standard error how far a command has come; standard output stays clean.

    Args:
        stream: Where to tell it; None = standard error.
        clock: Gives seconds; it paces what is told.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,  # noqa: TID251 - an edge
    ) -> None:
        self._stream = stream or sys.stderr
        self._clock = clock
        self._moving = self._stream.isatty()
        self._next = clock() + (0.0 if self._moving else _EVERY_PLAIN_S)
        self._shown = False

    def tell(self, text: str) -> None:
        """Show where things stand, if it is time to."""
        now = self._clock()
        if now < self._next:
            return
        self._next = now + (_EVERY_S if self._moving else _EVERY_PLAIN_S)
        self._stream.write(f"\r\x1b[2K{text}" if self._moving else f"{text}\n")
        self._stream.flush()
        self._shown = self._moving

    def clear(self) -> None:
        """Take the moving line away, before something else is printed or at the end."""
        if self._shown:
            self._stream.write("\r\x1b[2K")
            self._stream.flush()
            self._shown = False
