"""The shape of the hot path: a record in, columns of calls out, and no object per call."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from optimizer.events import Call
from optimizer.observe.keys import CallKey

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from optimizer.observe.keys import KeyTable

    Ints = NDArray[np.int64]


class RecordKind(IntEnum):
    """What the bytes of a record are."""

    OTLP = 0  # ExportTraceServiceRequest, protobuf or JSON
    HEARTBEAT = 1  # no bytes: its source has caught up at `stamp_ns`
    IDLE = 2  # no bytes: this partition has nothing before `stamp_ns`
    SCORE = 3  # FeedbackEvent, JSON
    ALERT = 4  # FeedbackEvent, JSON
    ORDER = 5  # FeedbackEvent, JSON
    REPORT = 6  # FeedbackEvent, JSON
    END = 7  # no bytes: the explicit final watermark of a replay
    COLUMNS = 8  # a `Block` of calls that were decoded when they were recorded
    METRICS = 9  # ExportMetricsServiceRequest, protobuf or JSON
    LOGS = 10  # ExportLogsServiceRequest, protobuf or JSON
    EVENT = 11  # JSON of another system: feedback, a score, an anomaly, a CloudEvent
    GAP = 12  # JSON: how many records here hold nothing or are gone, by the name they count under
    JUDGED = 13  # scores that were decoded when they were recorded
    POINTED = 14  # points of metrics that were decoded when they were recorded


class Record(NamedTuple):
    """One record of a source partition: a Kafka record, a line or block of a file.

    Attributes:
        partition: The source partition; order holds within one.
        offset: Its place in the partition, rising.
        stamp_ns: When the broker or receiver took it, nanoseconds since the epoch.
        kind: What `body` is.
        body: Undecoded bytes; a `Block` where the calls were recorded as columns.
    """

    partition: str
    offset: int
    stamp_ns: int
    kind: RecordKind
    body: bytes | Block


ERROR = 1
STREAMED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """The calls (and scores) of one record, one array of n each.

    A score is a row with `score` set and every other value absent.

    Attributes:
        key: int32, code in the partition's `KeyTable`.
        call_id: uint64, hash of both ids, never 0.
        end_ns: int64, event time.
        latency_ns: int64, at least 0.
        ttft_ns: int64, -1 absent.
        tokens_in: int64, -1 absent.
        tokens_out: int64, -1 absent.
        tokens_cached: int64, 0 absent.
        cost_nusd: int64, -1 unknown.
        slot: int16, -1 absent.
        flags: uint8, `ERROR | STREAMED`.
        score: int32, millionths, -1 for a call.
        raw: Gives a record of one row's span alone, for a dead letter; None where it is gone.
        links: (n, 3) uint64, links of trace, span and response (`observe.links`), 0 absent; None
            where nobody asked.
    """

    key: NDArray[np.int32]
    call_id: NDArray[np.uint64]
    end_ns: Ints
    latency_ns: Ints
    ttft_ns: Ints
    tokens_in: Ints
    tokens_out: Ints
    tokens_cached: Ints
    cost_nusd: Ints
    slot: NDArray[np.int16]
    flags: NDArray[np.uint8]
    score: NDArray[np.int32]
    raw: Callable[[int], bytes] | None = None
    links: NDArray[np.uint64] | None = None

    def __len__(self) -> int:
        return len(self.end_ns)

    @property
    def start_ns(self) -> Ints:
        """When they began."""
        return self.end_ns - self.latency_ns

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Columns:
        """Give some of the rows, by index or mask; `raw` is left behind."""
        chosen: Any = np.asarray(rows)
        if chosen.dtype == np.bool_:
            chosen = np.flatnonzero(chosen)  # once, not for each array
        taken: dict[str, Any] = {name: getattr(self, name).take(chosen) for name in ARRAYS}
        links = None if self.links is None else self.links[chosen]
        return Columns(links=links, **taken)

    def part(self, start: int, stop: int, raw: Callable[[int], bytes] | None = None) -> Columns:
        """Give rows `start` to `stop` without copying, with a `raw` of their own."""
        arrays: dict[str, Any] = {name: getattr(self, name)[start:stop] for name in ARRAYS}
        links = None if self.links is None else self.links[start:stop]
        return Columns(raw=raw, links=links, **arrays)


ARRAYS = tuple(name for name in Columns.__dataclass_fields__ if name not in {"raw", "links"})


def join(parts: Sequence[Columns]) -> Columns:
    """Lay the rows of several columns end to end; `raw` is left behind.

    Rows of parts without links have none, unless no part has any.
    """
    joined: dict[str, Any] = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in ARRAYS
    }
    if all(part.links is None for part in parts):
        return Columns(**joined)
    links = [
        np.zeros((len(part), 3), np.uint64) if part.links is None else part.links for part in parts
    ]
    return Columns(links=np.concatenate(links), **joined)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A stored block of one partition: calls of many records, decoded when they were recorded.

    Attributes:
        keys: The names; `columns.key` is an index into them.
        columns: The calls, in their order of arrival.
        mark_ns: The greatest heartbeat or idle stamp among its records; -1 without one.
        assigned: Calls that were told of when they started, as they are counted if they hang.
    """

    keys: tuple[CallKey, ...]
    columns: Columns
    mark_ns: int = -1
    assigned: Columns | None = None


def from_calls(calls: Sequence[Call], table: KeyTable) -> Columns:
    """Turn calls into columns; the slow way, for few."""

    def column(name: str, dtype: str) -> NDArray[np.int64]:
        return np.array([getattr(call, name) for call in calls], dtype)

    keys = [table.code(CallKey(c.route, c.arm, c.revision, c.cell)) for c in calls]
    flags = [ERROR * c.failed | STREAMED * c.streamed for c in calls]
    return Columns(
        key=np.array(keys, np.int32),
        call_id=np.array([c.call_id for c in calls], np.uint64),
        end_ns=column("end_ns", "i8"),
        latency_ns=column("latency_ns", "i8"),
        ttft_ns=column("ttft_ns", "i8"),
        tokens_in=column("tokens_in", "i8"),
        tokens_out=column("tokens_out", "i8"),
        tokens_cached=column("tokens_cached", "i8"),
        cost_nusd=column("cost_nusd", "i8"),
        slot=np.array([c.slot for c in calls], np.int16),
        flags=np.array(flags, np.uint8),
        score=np.full(len(calls), -1, np.int32),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """What could not be used, with why, where it stood, and its bytes.

    Attributes:
        partition: The source partition it came from.
        offset: Its record's place there.
        reason: A short constant name.
        detail: What exactly was wrong, for a person.
        body: The bytes: the record's, or a record of the one span alone.
        kind: What those bytes are, so that they can be read again.
        stamp_ns: When its record was taken.
        place: Its number among the dead letters of its record.
    """

    partition: str
    offset: int
    reason: str
    detail: str
    body: bytes = field(repr=False)
    kind: RecordKind = RecordKind.OTLP
    stamp_ns: int = 0
    place: int = 0
