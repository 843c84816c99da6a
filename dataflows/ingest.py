"""Sources: recordings, whole or still growing, as records keyed by their partition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from optimizer.observe.columns import Block, Record, RecordKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Keyed = tuple[str, Record]

_IDLE = timedelta(milliseconds=50)  # between looks for what has come
_PACE = timedelta(milliseconds=5)  # between looks at what is due


class Reader(Protocol):
    """What reads a recording, however it is kept."""

    def read(self, cursor: str | None = None) -> list[tuple[Record, str]]:
        """Give the next records behind a cursor, each with its own; none at the end."""


class RecordingSource(FixedPartitionedSource["Keyed", "str | None"]):
    """A recording, in its own order, as one engine partition; so a replay is one sequence.

    Args:
        reader: Reads the recording.
        partitions: The source partitions whose records it holds.
        batch: Most records in an engine item batch; changes nothing but speed.
        due: Gives, from the first record's stamp, the stamp up to which records may be given
            now; None gives all.
        more: Called at the end: writes what has come since and tells whether to go on. A whole
            recording ends with the explicit final watermark instead.
        stop: Tells that the job is to drain and end.
    """

    def __init__(
        self,
        reader: Reader,
        partitions: Sequence[str],
        *,
        batch: int = 64,
        due: Callable[[int], int] | None = None,
        more: Callable[[], None] | None = None,
        stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.reader = reader
        self.partitions = partitions
        self.batch = batch
        self.due = due
        self.more = more
        self.stop = stop
        self._snapshots: list[str | None] = []

    def snapshotted(self, cursor: str | None) -> None:
        """Note where a snapshot was taken."""
        self._snapshots = [*self._snapshots[-1:], cursor]

    def resumable(self) -> str | None:
        """Give a cursor before which nothing is read again, come what may.

        That of the snapshot before the newest, which may not be complete yet; None before there
        are two.
        """
        return self._snapshots[0] if len(self._snapshots) > 1 else None

    def list_parts(self) -> list[str]:
        """Name the one engine partition."""
        return ["recording"]

    def build_part(
        self,
        step_id: str,  # noqa: ARG002 - the engine passes it
        for_part: str,  # noqa: ARG002 - the engine passes it
        resume_state: str | None,
    ) -> _RecordingPartition:
        """Open the recording where the last snapshot left it."""
        return _RecordingPartition(self, resume_state)


class _RecordingPartition(StatefulSourcePartition["Keyed", "str | None"]):
    def __init__(self, source: RecordingSource, cursor: str | None) -> None:
        self._source = source
        self._cursor = cursor
        self._ended = cursor == _ENDED
        self._ahead: list[tuple[Record, str]] = []
        self._awake: datetime | None = None
        self._first_ns = -1

    def next_batch(self) -> list[Keyed]:
        source = self._source
        if self._ended or source.stop():
            raise StopIteration
        self._awake = None
        if not self._ahead:
            self._ahead = list(source.reader.read(self._cursor))
        if not self._ahead:
            return self._at_end()
        given: list[Keyed] = []
        if self._first_ns < 0:
            self._first_ns = self._ahead[0][0].stamp_ns
        limit = source.due(self._first_ns) if source.due else None
        for record, cursor in _few(self._ahead[: source.batch]):
            if limit is not None and record.stamp_ns > limit:
                self._awake = datetime.now(UTC) + _PACE  # noqa: TID251 - the engine's timer
                break
            given.append((record.partition, record))
            self._cursor = cursor
        del self._ahead[: len(given)]
        return given

    def _at_end(self) -> list[Keyed]:
        if self._source.more is None:
            self._ended, self._cursor = True, _ENDED
            return [
                (name, Record(name, 1 << 62, 0, RecordKind.END, b""))
                for name in self._source.partitions
            ]
        self._source.more()
        self._awake = datetime.now(UTC) + _IDLE  # noqa: TID251 - the engine's timer
        return []

    def next_awake(self) -> datetime | None:
        return self._awake

    def snapshot(self) -> str | None:
        self._source.snapshotted(self._cursor)
        return self._cursor


_ENDED = "ended"
_BATCH_BYTES = 4 << 20  # an engine item batch of more would keep what it decides waiting
_CALL_BYTES = 64  # of a call in columns


def _few(pairs: Sequence[tuple[Record, str]]) -> Iterator[tuple[Record, str]]:
    """Give records until they are much to work off, at least one."""
    size = 0
    for record, cursor in pairs:
        yield record, cursor
        body = record.body
        size += _CALL_BYTES * len(body.columns) if isinstance(body, Block) else len(body)
        if size > _BATCH_BYTES:
            return
