"""Live input without a service: OTLP files that an exporter appends to, such as the Collector's.

Each line is one export request in OTLP/JSON. What is read is stamped and written to a recording
before anything else sees it, so a live run can be replayed, and a crash loses nothing.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from optimizer.errors import RecordingInvalid
from optimizer.observe.columns import Record, RecordKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from connectors.recordings import RecordingWriter

PARTITION = "input"
HEARTBEAT_NS = 1_000_000_000
_MOST_BYTES = 8 << 20  # read at once from one file; also the longest line


class Follower:
    """Follows a file or a folder of files; positions are kept beside the recording.

    A crash between writing and noting a position reads some lines again; their calls carry the
    same ids and are dropped as repeats.

    Args:
        path: The file or folder.
        positions: File to keep the positions in.
        writer: The recording.
        clock: Gives nanoseconds since the epoch.
        offset: Offset of the next record.
    """

    def __init__(
        self,
        path: Path,
        positions: Path,
        writer: RecordingWriter,
        clock: Callable[[], int],
        offset: int,
    ) -> None:
        self._path = path
        self._positions_path = positions
        self._positions: dict[str, int] = {}
        if positions.exists():
            self._positions = json.loads(positions.read_text())
        self._writer = writer
        self._clock = clock
        self._offset = offset
        self._beat_ns = 0
        self._behind = False

    def poll(self) -> None:
        """Write what has come, and once a second, when all is read, a heartbeat."""
        self._behind = False
        lines = [line for path in self._files() for line in self._read(path)]
        stamp = self._clock()
        for line in lines:
            self._append(RecordKind.OTLP, stamp, line)
        if not self._behind and stamp - self._beat_ns >= HEARTBEAT_NS:
            self._beat_ns = stamp
            self._append(RecordKind.HEARTBEAT, stamp, b"")
        self._writer.flush()
        if lines:
            self._note_positions()

    def _append(self, kind: RecordKind, stamp_ns: int, body: bytes) -> None:
        self._writer.append(Record(PARTITION, self._offset, stamp_ns, kind, body))
        self._offset += 1

    def _files(self) -> list[Path]:
        if self._path.is_dir():
            return sorted(path for path in self._path.rglob("*.json*") if path.is_file())
        return [self._path] if self._path.exists() else []

    def _read(self, path: Path) -> list[bytes]:
        """Give the whole lines that are new; a file that shrank is read from its beginning."""
        name = str(path.relative_to(self._path)) if path != self._path else path.name
        start = self._positions.get(name, 0)
        size = path.stat().st_size
        if size < start:
            start = 0
        if size == start:
            return []
        with path.open("rb") as file:
            file.seek(start)
            chunk = file.read(_MOST_BYTES)
        self._behind = self._behind or len(chunk) == _MOST_BYTES
        end = chunk.rfind(b"\n") + 1
        if not end and len(chunk) == _MOST_BYTES:
            end = len(chunk)  # no line is so long: set aside what cannot be one
        self._positions[name] = start + end
        return [line for line in chunk[:end].split(b"\n") if line.strip()]

    def _note_positions(self) -> None:
        new = self._positions_path.with_suffix(".new")
        try:
            with new.open("w") as file:
                json.dump(self._positions, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._positions_path)
        except OSError as error:
            raise RecordingInvalid(
                f"{self._positions_path}: cannot be written: {error.strerror}; free space or "
                "choose another folder (OPTIMIZER_SERVICE__DATA_DIR), then start again"
            ) from error
