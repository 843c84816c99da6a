"""A live recording that grows at its end and is let go at its beginning: it holds content."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.recordings.cursor import Cursor, file_path
from connectors.recordings.reader import RecordingReader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from connectors.recordings.writer import RecordingWriter

HOUR_NS = 3_600_000_000_000
LOOK_NS = 300_000_000_000  # time between looks
_FILES = 24  # so many files make up what is kept, so what goes is never much older than it may be


class Retention:
    """Lets old files of a recording go that no job needs any more.

    Args:
        folder: The recording.
        writer: Who writes it.
        keep_hours: How old a record may get; 0 keeps all.
        clock: Gives nanoseconds since the epoch.
        needed: Gives the cursor that a job may have to resume from; None when it has none yet.
    """

    def __init__(
        self,
        folder: Path,
        writer: RecordingWriter,
        keep_hours: int,
        clock: Callable[[], int],
        needed: Callable[[], str | None],
    ) -> None:
        self._folder = folder
        self._writer = writer
        self._keep_ns = keep_hours * HOUR_NS
        self._clock = clock
        self._needed = needed
        self._looked_ns = -LOOK_NS

    def look(self) -> None:
        """Every few minutes, begin a new file if the last one is old enough, and let old ones go.

        Raises:
            RecordingInvalid: A file is damaged, or the folder cannot be written.
        """
        now_ns, cursor = self._clock(), self._needed()
        if not self._keep_ns or cursor is None or now_ns - self._looked_ns < LOOK_NS:
            return
        self._looked_ns = now_ns
        self._cut(now_ns)
        self._let_go(now_ns, Cursor.parse(cursor).file)

    def _cut(self, now_ns: int) -> None:
        """Begin a new file when the one being written spans much of what is kept."""
        began_ns = self._began(self._writer.end.file)
        if began_ns is not None and now_ns - began_ns >= self._keep_ns // _FILES:
            self._writer.begin_file()

    def _let_go(self, now_ns: int, needed: int) -> None:
        """Let go of each file whose follower began too long ago, up to the one that is needed."""
        first = self._writer.first
        while first < needed:
            following_ns = self._began(first + 1)
            if following_ns is None or following_ns >= now_ns - self._keep_ns:
                break
            first += 1
        if first > self._writer.first:
            self._writer.let_go(first)

    def _began(self, number: int) -> int | None:
        """Give the stamp of a file's first record; None when it has none."""
        if not file_path(self._folder, number).exists():
            return None
        pairs = RecordingReader(self._folder).read(str(Cursor(number)))
        return pairs[0][0].stamp_ns if pairs else None
