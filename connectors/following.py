"""Live input without a service: files that an exporter appends to, such as the Collector's.

Each line is one export request in OTLP/JSON, of any signal, or an event of another system. What is
read is stamped and written to a recording before anything else sees it, so a live run can be
replayed, and a crash loses nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from connectors.inputs import partition_of
from connectors.intake import Entry
from connectors.positions import Positions
from connectors.signals import kinds_of
from optimizer.errors import RecordingInvalid

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.inputs import LogInput
    from connectors.intake import Intake

PARTITION = "input"
_COMPRESSED = {".gz", ".zst", ".bz2", ".xz"}  # their lines were read before they were compressed
_MOST_BYTES = 8 << 20  # read at once from one file; also the longest line


class Follower:
    """Follows a file or a folder of files; positions are kept beside the recording.

    A crash between writing and noting a position reads some lines again; their calls carry the
    same ids and are dropped as repeats.

    Args:
        path: The file or folder; None follows commands alone.
        positions: File to keep the positions in.
        intake: Takes what is read.
        log: Records that commands have appended, to be taken in too; None for none.
        partition: The partition of what is read, and of commands that name none of their own.
    """

    def __init__(
        self,
        path: Path | None,
        positions: Path,
        intake: Intake,
        *,
        log: LogInput | None = None,
        partition: str = PARTITION,
    ) -> None:
        self._path = path
        self._positions = Positions(positions)
        self._intake = intake
        self._log = log
        self._partition = partition
        self._behind = False

    def poll(self) -> None:
        """Write what has come, and once a second, when all is read, a heartbeat."""
        self._behind = False
        files = self._files()
        lines = [line for name, path in files.items() for line in self._read(name, path)]
        commanded = self._log.read() if self._log else ()
        entries = [Entry(self._partition, kind, line) for line in lines for kind in kinds_of(line)]
        entries += [
            Entry(partition_of(record, self._partition), record.kind, record.body)
            for record in commanded
        ]
        self._intake.take(entries, caught_up=not self._is_behind())
        if lines:
            self._positions.keep(files)
        if self._log:
            self._log.keep()

    def _is_behind(self) -> bool:
        return self._behind or (self._log is not None and self._log.behind)

    def _files(self) -> dict[str, Path]:
        """Give the files there are, by name; hidden ones and those compressed by now left out."""
        if self._path is None:
            return {}
        if not self._path.is_dir():
            return {self._path.name: self._path}
        try:
            paths = sorted(path for path in self._path.rglob("*.json*") if path.is_file())
        except FileNotFoundError:  # a folder went away while it was looked through
            return {}
        names = {path.relative_to(self._path): path for path in paths}
        return {
            str(name): path
            for name, path in names.items()
            if path.suffix not in _COMPRESSED
            and not any(part.startswith(".") for part in name.parts)
        }

    def _read(self, name: str, path: Path) -> list[bytes]:
        """Give the whole lines that are new."""
        try:
            if self._positions.is_read(name, path.stat()):
                return []
            with path.open("rb") as file:
                return self._new_lines(name, file)
        except FileNotFoundError:  # not there yet, or renamed since it was listed
            return []
        except OSError as error:
            raise RecordingInvalid(
                f"{path}: cannot be read: {error.strerror}; let this user read it, or follow "
                "another input (OPTIMIZER_INPUT__PATH)"
            ) from error

    def _new_lines(self, name: str, file: BinaryIO) -> list[bytes]:
        start = self._positions.start(name, file)
        file.seek(start)
        chunk = file.read(_MOST_BYTES)
        self._behind = self._behind or len(chunk) == _MOST_BYTES
        end = chunk.rfind(b"\n") + 1
        if not end and len(chunk) == _MOST_BYTES:
            end = len(chunk)  # no line is so long: set aside what cannot be one
        self._positions.reached(name, file, start + end)
        return [line for line in chunk[:end].split(b"\n") if line.strip()]
