"""Requests that come at once are written down at once: one wait for the disk serves all of them."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.intake import Entry, Intake


class _Turn:
    """One request on its way to the disk."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.is_over = False
        self.error: Exception | None = None


class Committing:
    """Lets several threads write; whoever comes first writes for all that wait by then.

    Args:
        intake: Where it is written to.
    """

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._waiting: list[_Turn] = []
        self._guard = Lock()
        self._writing = Lock()

    def commit(self, entry: Entry) -> None:
        """Write an entry; it is durable when this returns.

        Raises:
            RecordingInvalid: The disk is full or refuses, or the recording is closed.
        """
        turn = _Turn(entry)
        with self._guard:
            self._waiting.append(turn)
        with self._writing:
            if not turn.is_over:
                self._write()
        if turn.error:
            raise turn.error

    def _write(self) -> None:
        with self._guard:
            turns, self._waiting = self._waiting, []
        error = None
        try:
            self._intake.take([turn.entry for turn in turns])
        except Exception as failed:  # noqa: BLE001 - none of them is written: each is told so
            error = failed
        for turn in turns:
            turn.error, turn.is_over = error, True
