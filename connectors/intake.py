"""Where what comes live is stamped and written down, before anything else sees it."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from optimizer.errors import RecordingInvalid
from optimizer.observe.columns import Record, RecordKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from connectors.recordings import RecordingReader, RecordingWriter
    from optimizer.observe.columns import Block

HEARTBEAT_NS = 1_000_000_000


class Entry(NamedTuple):
    """What came, before it has a place and a stamp.

    Attributes:
        partition: The source partition that it belongs to.
        kind: What its body is.
        body: Undecoded bytes.
    """

    partition: str
    kind: RecordKind
    body: bytes | Block


class Intake:
    """Appends to one recording from several threads; what `take` was given is durable after it.

    Whoever reads the recording beside it reads through `reading`: so nothing is seen that a loss of
    power could still undo.

    Args:
        writer: The recording.
        clock: Gives nanoseconds since the epoch.
        offsets: Offset of the next record of each partition there is by now.

    Attributes:
        lock: Held by whoever touches the recording.
    """

    def __init__(
        self, writer: RecordingWriter, clock: Callable[[], int], offsets: Mapping[str, int]
    ) -> None:
        self.lock = Lock()
        self._writer = writer
        self._clock = clock
        self._offsets = dict(offsets)
        self._beat_ns = 0
        self._is_closed = False

    def take(self, entries: Iterable[Entry], *, caught_up: bool = False) -> None:
        """Write what came; and once a second, when all there was is read, a heartbeat.

        Args:
            entries: What came, in its order.
            caught_up: Nothing that came before now is left unread.

        Raises:
            RecordingInvalid: The disk is full or refuses, or it is closed. What was to be written
                may yet be, by the next call that succeeds.
        """
        with self.lock:
            if self._is_closed:
                raise RecordingInvalid("the recording is closed: send it to the next run")
            self._writer.flush()  # else what a full disk left would grow with each new try
            stamp_ns = self._clock()
            for entry in entries:
                self._append(stamp_ns, *entry)
            if caught_up and stamp_ns - self._beat_ns >= HEARTBEAT_NS:
                self._beat_ns = stamp_ns
                for partition in self._offsets:
                    self._append(stamp_ns, partition, RecordKind.HEARTBEAT, b"")
            self._writer.flush()

    def reading(self, reader: RecordingReader) -> Settled:
        """Give a reader of the recording that sees only what is durable."""
        return Settled(reader, self.lock)

    def close(self) -> None:
        """Take nothing more; the recording is left to its owner."""
        with self.lock:
            self._is_closed = True

    def _append(self, stamp_ns: int, partition: str, kind: RecordKind, body: bytes | Block) -> None:
        if partition not in self._offsets:
            # It begins with a heartbeat: nothing of it is ever before what has closed by now.
            self._writer.declare(partition)
            self._offsets[partition] = 0
            self._append(stamp_ns, partition, RecordKind.HEARTBEAT, b"")
        offset = self._offsets[partition]
        self._writer.append(Record(partition, offset, stamp_ns, kind, body))
        self._offsets[partition] = offset + 1


class Settled:
    """A recording as far as it is durable; others append to it meanwhile.

    Args:
        reader: Reads the recording.
        lock: Held by whoever writes to it.
    """

    def __init__(self, reader: RecordingReader, lock: Lock) -> None:
        self._reader = reader
        self._lock = lock

    def read(self, cursor: str | None = None) -> list[tuple[Record, str]]:
        """Give the next records behind a cursor, each with its own; none at the end."""
        with self._lock:
            return self._reader.read(cursor)
