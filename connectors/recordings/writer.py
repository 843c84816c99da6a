"""Records to files, so that a crash at any moment costs at most what was not yet flushed."""

from __future__ import annotations

import fcntl
import os
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from connectors.recordings import frames, messages
from connectors.recordings.cursor import Cursor, file_numbers, file_path, last_file
from connectors.recordings.manifest import (
    NAME,
    Form,
    Manifest,
    Stamps,
    read_manifest,
    sync_folder,
    write_manifest,
)
from optimizer.errors import RecordingInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from optimizer.observe.columns import Record

FILE_BYTES = 64 << 20  # a file that reached it is followed by the next one
FRAME_BYTES = 16 << 20  # undecoded bytes that are flushed without being told to
RECORD_BYTES = 128 << 20  # most one record may have; twice that is what a reader accepts


class RecordingWriter:
    """Appends records to a recording; what a flush wrote is durable when it returns.

    A recording that is there is continued: whatever a crash left behind the last whole frame is
    cut off. One process at a time may write.

    Args:
        folder: The recording; created when it is not there.
        partitions: Source partitions to come; those of a recording that is there stay.
        stamps: Where the records' stamps come from.
        file_bytes: How large a file grows.

    Raises:
        RecordingInvalid: The folder cannot be written, is damaged, or another process writes to it.
        UnknownVersion: A newer version of this product wrote it.
    """

    def __init__(
        self,
        folder: Path,
        partitions: Iterable[str],
        *,
        stamps: Stamps = Stamps.RECORDED,
        file_bytes: int = FILE_BYTES,
    ) -> None:
        self._folder = folder
        self._file_bytes = file_bytes
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        with ExitStack() as undo:
            self._lock = _locked(folder)
            undo.callback(os.close, self._lock)
            self._stamps = stamps
            self._partitions = _declared(folder, tuple(partitions), stamps)
            self._number = max(last_file(folder), 0)
            self._file = _FrameFile(file_path(folder, self._number))
            undo.pop_all()

    @property
    def end(self) -> Cursor:
        """Where the next record would stand if all before it were flushed already."""
        return Cursor(self._number, self._file.bytes)

    @property
    def first(self) -> int:
        """Number of the first file there is."""
        return read_manifest(self._folder, Form.RECORDS).first

    def begin_file(self) -> None:
        """Let what comes stand in a file of its own.

        Raises:
            RecordingInvalid: The disk is full or refuses.
        """
        self.flush()
        if self._file.bytes:
            self._begin_following()

    def let_go(self, first: int) -> None:
        """Remove all files before one; a crash in between leaves some that nobody reads.

        Args:
            first: Number of the file that is the first from now on.

        Raises:
            RecordingInvalid: The folder cannot be written.
        """
        try:
            manifest = read_manifest(self._folder, Form.RECORDS)
            write_manifest(self._folder, replace(manifest, first=first))
            for number in file_numbers(self._folder):
                if number < first:
                    file_path(self._folder, number).unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self._folder, error) from error

    def declare(self, partition: str) -> None:
        """Let records of another partition come too.

        Raises:
            RecordingInvalid: The manifest cannot be written.
        """
        self._partitions = _declared(self._folder, (partition,), self._stamps)

    def append(self, record: Record) -> None:
        """Take one more record; it is durable after the next flush.

        Raises:
            RecordingInvalid: Its partition is none of the recording's, or it cannot be written.
        """
        if record.partition not in self._partitions:
            raise RecordingInvalid(
                f"{self._folder}: partition {record.partition!r} is not declared"
            )
        try:
            message = messages.encode(record)
        except ValueError as error:
            raise RecordingInvalid(f"{self._folder}: a record has {error}") from error
        if len(message) > RECORD_BYTES:
            raise RecordingInvalid(
                f"{self._folder}: a record has {len(message)} bytes, at most {RECORD_BYTES} may be"
            )
        self._pending.append(message)
        self._pending_bytes += len(message)
        if self._pending_bytes >= FRAME_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was appended, as one frame; when it raises, it may be called again.

        Raises:
            RecordingInvalid: The disk is full or refuses.
        """
        if not self._pending:
            return
        frame = frames.compress(b"".join(self._pending))
        if self._file.bytes >= self._file_bytes:
            self._begin_following()
        self._file.write(frame)
        self._pending.clear()
        self._pending_bytes = 0

    def _begin_following(self) -> None:
        following = _FrameFile(file_path(self._folder, self._number + 1))
        self._file.close()
        self._file = following
        self._number += 1

    def close(self) -> None:
        """Flush, and let go of the folder."""
        try:
            self.flush()
        finally:
            self._file.close()
            os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _FrameFile:
    """A file of whole frames, open at its end; what stands behind the last one is cut off."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._file = path.open("ab", buffering=0)
            with ExitStack() as undo:
                undo.callback(self._file.close)
                self.bytes = _whole_bytes(path)
                self._file.truncate(self.bytes)
                sync_folder(path.parent)
                undo.pop_all()
        except OSError as error:
            raise _unwritable(path, error) from error

    def write(self, frame: bytes) -> None:
        """Write a frame to the disk, all of it or nothing."""
        try:
            rest = memoryview(frame)
            while rest:  # an unbuffered file may take less than it is given
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            self._file.truncate(self.bytes)
            raise _unwritable(self._path, error) from error
        self.bytes += len(frame)

    def close(self) -> None:
        self._file.close()


def _whole_bytes(path: Path) -> int:
    """Give how many bytes from the beginning of a file are whole frames.

    Raises:
        RecordingInvalid: A whole frame stands behind a damaged one, which no crash leaves.
    """
    data = path.read_bytes()
    ends = [0]
    with suppress(frames.FrameBroken):
        while (end := frames.frame_end(data, ends[-1])) is not None:
            ends.append(end)
    if len(ends) > 1 and not frames.is_sound(data[ends[-2] : ends[-1]]):
        ends.pop()
    if frames.holds_whole_frame(data, ends[-1] + 1):
        raise RecordingInvalid(f"{path}: damaged at byte {ends[-1]}: restore a copy of the file")
    return ends[-1]


def _locked(folder: Path) -> int:
    """Make a folder ours until the descriptor is closed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        way_out = "stop that first, or name another folder (for a run: service.data_dir)"
        fault = f"{folder.absolute()}: another writer has it open: {way_out}"
        raise RecordingInvalid(fault) from error
    return descriptor


def _declared(folder: Path, partitions: tuple[str, ...], stamps: Stamps) -> frozenset[str]:
    """Write the manifest, or add partitions to the one that is there."""
    manifest = Manifest(partitions=(), stamps=stamps)
    if (folder / NAME).exists():
        manifest = read_manifest(folder, Form.RECORDS)
    if manifest.stamps is not stamps:
        fault = f"stamps are {manifest.stamps}, not {stamps}: name another folder"
        raise RecordingInvalid(f"{folder}: {fault}")
    every = tuple(dict.fromkeys(manifest.partitions + partitions))
    if every != manifest.partitions:
        try:
            write_manifest(folder, replace(manifest, partitions=every))
        except OSError as error:
            raise _unwritable(folder, error) from error
    return frozenset(every)


def _unwritable(path: Path, error: OSError) -> RecordingInvalid:
    way_out = "free some space, or name a folder this user may write to"
    return RecordingInvalid(f"{path}: {error.strerror}: {way_out}")
