"""What the journal says of requests that were not taken: each kind at once, then by the minute."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from connectors.journal import note

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY_S = 60.0


class Telling:
    """Notes refusals, so that a client's fault is seen here and a flood of them fills no disk.

    Args:
        clock: Gives seconds, never falling.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._untold: dict[int, int] = {}
        self._told_s: dict[int, float] = {}

    def __call__(self, status: int, why: str) -> None:
        """Take note of a request that was not taken."""
        with self._lock:
            now_s = self._clock()
            count = self._untold[status] = self._untold.get(status, 0) + 1
            if now_s - self._told_s.get(status, -_EVERY_S) < _EVERY_S:
                return
            self._told_s[status] = now_s
            self._untold[status] = 0
        note("warn", "otlp_refused", status=int(status), requests=count, why=why)
