"""Bare files of OTLP and of events to a recording that can be replayed."""

from __future__ import annotations

import re
import shutil
from array import array
from collections import Counter
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, NamedTuple

from connectors.recordings.bare_files import bare_messages
from connectors.recordings.manifest import Stamps, sync_folder
from connectors.recordings.merging import UNDATED, Merged, merge
from connectors.recordings.writer import RecordingWriter
from connectors.signals import kinds_of
from optimizer.errors import RecordingInvalid
from optimizer.observe.columns import Record, RecordKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PARTITION = "import"
_TIMES_END = 1 << 63  # nanoseconds since the epoch are int64 here
_NAMED = {  # words in the names of files; the first that is there decides
    "traces": RecordKind.OTLP,
    "spans": RecordKind.OTLP,
    "metrics": RecordKind.METRICS,
    "logs": RecordKind.LOGS,
    "events": RecordKind.EVENT,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportCounts:
    """What was imported.

    Attributes:
        files: Files read.
        records: Messages in them, each a record now; one of two signals is two.
        undated: Messages without any time: empty, or unreadable; a replay tells which.
        guessed: Those of them whose signal nothing told: no JSON, no word in their file's name.
        bytes: Undecoded bytes of all records.
    """

    files: int
    records: int
    undated: int
    guessed: int
    bytes: int


class _Survey(NamedTuple):
    """What one reading of a file showed: the time of each message, records, bytes."""

    times: array[int]
    records: int
    guessed: int
    bytes: int


def import_files(
    source: Path,
    destination: Path,
    latest_ns: Callable[[RecordKind, bytes], int | None],
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    signal: RecordKind | None = None,
) -> ImportCounts:
    """Turn bare files into a recording of one partition.

    Files have no stamps of when they were received: `merging` tells which ones their records get,
    and in which order files that tell of the same time are taken. Messages nobody can read are
    kept: a replay sets them aside, with the reason.

    Args:
        source: A file, or a folder of files; hidden ones are left out.
        destination: The recording; there when all is imported, or not at all.
        latest_ns: Gives the greatest time in a message of a kind; None without one, or when it
            cannot be read.
        progress: Called with the bytes read so far and to be read in all; each file is read twice.
        signal: What all messages are; None to tell it of JSON by its keys, else by the file's name.

    Raises:
        RecordingInvalid: The source has nothing of this, or the destination cannot be written or
            is taken.
    """
    paths = _paths(source)
    if destination.exists() and (not destination.is_dir() or any(destination.iterdir())):
        raise RecordingInvalid(f"{destination}: is not empty: name another folder")
    told = _Progress(progress, 2 * sum(path.stat().st_size for path in paths))
    files = [_File(path, signal, told.of()) for path in paths]
    surveys = [_survey(file, latest_ns) for file in files]
    counts = _total(surveys)
    if not counts.records:
        raise RecordingInvalid(f"{source}: holds no OTLP messages")
    merged = merge([survey.times for survey in surveys])
    unfinished = destination.with_name(f".{destination.name}.importing")
    try:
        shutil.rmtree(unfinished, ignore_errors=True)  # of an import that was killed
        _write(unfinished, files, merged)
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


class _Progress:
    """Adds up how far each file was read."""

    def __init__(self, tell: Callable[[int, int], None], total: int) -> None:
        self._tell = tell
        self._total = total
        self._done = 0

    def of(self) -> Callable[[int], None]:
        """Give what a file tells its place to; each reading begins at 0."""
        before = 0

        def reached(place: int) -> None:
            nonlocal before
            if place < before:  # it is read again
                before = 0
            self._done += place - before
            before = place
            self._tell(self._done, self._total)

        return reached


class _File:
    """A file's messages, as often as they are wanted."""

    def __init__(
        self, path: Path, signal: RecordKind | None, reached: Callable[[int], None]
    ) -> None:
        self.path = path
        self._signal = signal
        self._named = _kind_named(path.name)
        self._is_guessed = signal is None and self._named is None
        self._reached = reached

    def messages(self) -> Iterator[bytes]:
        """Read them."""
        self._reached(0)
        for message, done in bare_messages(self.path):
            yield message
            self._reached(done)
        self._reached(self.path.stat().st_size)

    def kinds(self, message: bytes) -> tuple[RecordKind, ...]:
        """Tell what a message is to be read as."""
        if self._signal is not None:
            return (self._signal,)
        if _is_json(message):
            return kinds_of(message)
        return (self._named or RecordKind.OTLP,)

    def is_guessed(self, message: bytes) -> bool:
        """Tell whether nothing says what a message is, so that it is read as traces."""
        return self._is_guessed and not _is_json(message)


def _is_json(message: bytes) -> bool:
    return message.lstrip()[:1] == b"{"


def _kind_named(name: str) -> RecordKind | None:
    """Tell what the name of a file says that it holds; None when it says nothing."""
    words = re.split(r"[^a-z]+", name.lower())
    return next((kind for word, kind in _NAMED.items() if word in words), None)


def _survey(file: _File, latest_ns: Callable[[RecordKind, bytes], int | None]) -> _Survey:
    """Read a file once, for the times and the counts."""
    times = array("q")
    records = guessed = size = 0
    for message in file.messages():
        kinds = file.kinds(message)
        told = (latest_ns(kind, message) for kind in kinds)
        dated = [time for time in told if time is not None and 0 <= time < _TIMES_END]
        times.append(max(dated, default=UNDATED))
        guessed += not dated and file.is_guessed(message)
        records += len(kinds)
        size += len(message)
    return _Survey(times, records, guessed, size)


def _total(surveys: list[_Survey]) -> ImportCounts:
    return ImportCounts(
        files=len(surveys),
        records=sum(survey.records for survey in surveys),
        undated=sum(survey.times.count(UNDATED) for survey in surveys),
        guessed=sum(survey.guessed for survey in surveys),
        bytes=sum(survey.bytes for survey in surveys),
    )


def _write(folder: Path, files: list[_File], merged: Merged) -> None:
    """Write the messages in their order; a file is open from its first to its last."""
    left = Counter(merged.files.tolist())
    reading: dict[int, Iterator[bytes]] = {}
    offset = count()
    with RecordingWriter(folder, [PARTITION], stamps=Stamps.INFERRED) as writer:
        for number, stamp_ns in zip(merged.files.tolist(), merged.stamps.tolist(), strict=True):
            if number not in reading:
                reading[number] = files[number].messages()
            message = next(reading[number], None)
            if message is None:
                raise RecordingInvalid(f"{files[number].path}: has changed since it was surveyed")
            for kind in files[number].kinds(message):
                writer.append(Record(PARTITION, next(offset), stamp_ns, kind, message))
            left[number] -= 1
            if not left[number]:
                next(reading.pop(number), None)  # to its end, which closes it
