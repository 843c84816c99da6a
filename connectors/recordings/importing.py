"""Bare OTLP files to a recording that can be replayed."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from connectors.recordings.bare_files import bare_messages
from connectors.recordings.manifest import Stamps, sync_folder
from connectors.recordings.writer import RecordingWriter
from optimizer.errors import RecordingInvalid
from optimizer.observe.columns import Record, RecordKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PARTITION = "import"
_TIMES_END = 1 << 63  # nanoseconds since the epoch are int64 here


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCounts:
    """What was imported.

    Attributes:
        files: Files read.
        records: Messages in them, each a record now.
        undated: Records without any time: without spans, or unreadable; a replay tells which.
        bytes: Undecoded bytes of all records.
    """

    files: int
    records: int
    undated: int
    bytes: int


class _Times(NamedTuple):
    """The greatest time of all records, whose it is, and the greatest of all others; -1: none."""

    greatest: int = -1
    holder: int = -1
    others: int = -1

    def with_time(self, time: int, record: int) -> _Times:
        if time > self.greatest:
            return _Times(time, record, self.greatest)
        return self._replace(others=max(self.others, time))

    def stamp_of(self, record: int) -> int:
        """Give the greatest time in other records; a record that stands alone has only its own."""
        alone = record == self.holder and self.others >= 0
        return max(self.others if alone else self.greatest, 0)


def import_otlp(
    source: Path,
    destination: Path,
    latest_end_ns: Callable[[bytes], int | None],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> ImportCounts:
    """Turn bare OTLP files into a recording of one partition.

    Files have no stamps of when they were received. Each record's is the greatest time in the other
    records, so a single one from the future is found out. Messages nobody can read are kept: a
    replay sets them aside, with the reason.

    Args:
        source: A file, or a folder of files, taken by name; hidden ones are left out.
        destination: The recording; there when all is imported, or not at all.
        latest_end_ns: Gives the greatest end of a message's spans; None without spans, or when it
            cannot be read.
        progress: Called with the bytes read so far and to be read in all; each file is read twice.

    Raises:
        RecordingInvalid: The source has no OTLP, or the destination cannot be written or is taken.
    """
    paths = _paths(source)
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise RecordingInvalid(f"{destination}: is not empty: name another folder")
    total = sum(path.stat().st_size for path in paths)
    times, counts = _survey(
        _messages(paths, lambda done: progress(done, 2 * total)), latest_end_ns, len(paths)
    )
    if not counts.records:
        raise RecordingInvalid(f"{source}: holds no OTLP messages")
    messages = _messages(paths, lambda done: progress(total + done, 2 * total))
    unfinished = destination.with_name(f".{destination.name}.importing")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)  # of an import that was killed
        _write(unfinished, messages, times)
        unfinished.replace(destination)
        sync_folder(destination.parent)
    except OSError as error:
        raise RecordingInvalid(f"{destination}: {error.strerror}: name another folder") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return counts


def _paths(source: Path) -> list[Path]:
    """Name the files of a source."""
    if source.is_file():
        return [source]
    paths = [path for path in sorted(source.rglob("*")) if path.is_file()]
    shown = [
        path
        for path in paths
        if not any(part.startswith(".") for part in path.relative_to(source).parts)
    ]
    if not shown:
        raise RecordingInvalid(f"{source}: no such file, or a folder without files")
    return shown


def _messages(paths: list[Path], progress: Callable[[int], None]) -> Iterator[bytes]:
    before = 0
    for path in paths:
        for message, done in bare_messages(path):
            yield message
            progress(before + done)
        before += path.stat().st_size
        progress(before)


def _survey(
    messages: Iterator[bytes], latest_end_ns: Callable[[bytes], int | None], files: int
) -> tuple[_Times, ImportCounts]:
    """Read everything once, for the times and the counts."""
    times = _Times()
    records = undated = size = 0
    for record, message in enumerate(messages):
        time = latest_end_ns(message)
        if time is None or not 0 <= time < _TIMES_END:
            undated += 1
        else:
            times = times.with_time(time, record)
        records += 1
        size += len(message)
    return times, ImportCounts(files=files, records=records, undated=undated, bytes=size)


def _write(folder: Path, messages: Iterator[bytes], times: _Times) -> None:
    with RecordingWriter(folder, [PARTITION], stamps=Stamps.INFERRED) as writer:
        for number, message in enumerate(messages):
            stamp_ns = times.stamp_of(number)
            writer.append(Record(PARTITION, number, stamp_ns, RecordKind.OTLP, message))
