"""Observe: one source partition's records in; panes, marks and orders for the shards out."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from optimizer.errors import DecodeFailed, InvalidEvent
from optimizer.events import Alert, FeedbackEvent, Order, Score
from optimizer.observe.columns import Block, Columns, DeadLetter, Record, RecordKind
from optimizer.observe.keys import CallKey, KeyCodes, KeyTable
from optimizer.panes import MINUTE_NS, Mark, Pane, shard_of, split

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from optimizer.observe.partition import Observed, Partition

EDGE = "edge"  # where dead letters and ledgers go; every other target is a shard


class Refusal(NamedTuple):
    """A part of a record that cannot be used: why, and its bytes.

    Attributes:
        reason: A short constant name.
        detail: What exactly was wrong, for a person.
        body: A record of this part alone.
        kind: What those bytes are; None for the same as the record's.
    """

    reason: str
    detail: str
    body: bytes
    kind: RecordKind | None = None


class Decoded(NamedTuple):
    """What a record's bytes say.

    Attributes:
        columns: The calls; None in a record that cannot hold any.
        refused: What was meant for us but cannot be used.
        counts: What was seen, by name: `spans`, `other_spans`, `unpriced`, ...
        events: Scores and orders.
    """

    columns: Columns | None
    refused: Sequence[Refusal]
    counts: Mapping[str, int]
    events: Sequence[FeedbackEvent] = ()


class Decoder(Protocol):
    """Reads the records of one source; stateless but for what makes it fast."""

    def decode(self, record: Record, table: KeyTable) -> Decoded:
        """Read one record whose body is bytes.

        Raises:
            DecodeFailed: Nothing of it can be read.
            InvalidEvent: It is an event that contradicts itself.
        """


class Ledger(NamedTuple):
    """What became of everything a partition took, since its first record."""

    partition: str
    watermark_ns: int
    counts: Mapping[str, int]


Target = tuple[str, Pane | Mark | FeedbackEvent | DeadLetter | Ledger]


class Observer:
    """One partition, its decoder and the way to the shards; one owner, changed in place.

    Args:
        partition: The partition's state.
        decoder: Reads its records.
        shards: How many shards routes are dealt to.
    """

    def __init__(
        self,
        partition: Partition,
        decoder: Decoder,
        shards: int,
    ) -> None:
        self.partition = partition
        self._decoder = decoder
        self._shards = shards
        self._groups: dict[str, int] = {}
        self._block_keys: tuple[CallKey, ...] = ()
        self._block_codes = KeyCodes(partition.table)

    def take(self, record: Record) -> Iterator[Target]:
        """Take one record; nothing it holds can stop the stream."""
        letters = count()
        for target, item in self._outcome(record):
            if isinstance(item, DeadLetter):
                yield target, replace(item, place=next(letters))
            else:
                yield target, item

    def _outcome(self, record: Record) -> Iterator[Target]:
        self.partition.counts["records"] += 1
        minute = self.partition.watermark_ns // MINUTE_NS
        try:
            yield from self._take(record)
        except (DecodeFailed, InvalidEvent) as refused:
            reason = refused.reason if isinstance(refused, DecodeFailed) else "invalid_event"
            yield EDGE, self._dead(record, Refusal(reason, str(refused), _bytes_of(record)))
        if self.partition.watermark_ns // MINUTE_NS > minute:
            self.partition.settle()
            counts = dict(self.partition.counts)
            yield EDGE, Ledger(self.partition.name, self.partition.watermark_ns, counts)

    def _take(self, record: Record) -> Iterator[Target]:
        partition = self.partition
        match record.kind:
            case RecordKind.COLUMNS:
                yield from self._take_block(record)
            case RecordKind.HEARTBEAT | RecordKind.IDLE:
                yield from self._spread(partition.reach(record.stamp_ns))
            case RecordKind.END:
                yield from self._spread(partition.finish())
            case _:
                yield from self._take_bytes(record)

    def _take_bytes(self, record: Record) -> Iterator[Target]:
        decoded = self._decoder.decode(record, self.partition.table)
        self.partition.counts.update(decoded.counts)
        for refusal in decoded.refused:
            yield EDGE, self._dead(record, refusal)
        if decoded.columns is not None:
            yield from self._spread(self.partition.take(record, decoded.columns))
        for event in decoded.events:
            yield from self._take_event(record, event)

    def _take_block(self, record: Record) -> Iterator[Target]:
        block = record.body
        if not isinstance(block, Block):
            raise DecodeFailed("not_columns", f"a columns record holds {type(block).__name__}")
        table, places = self.partition.table, block.columns.key
        if block.keys is not self._block_keys or self._block_codes.table is not table:
            self._block_keys, self._block_codes = block.keys, KeyCodes(table, block.keys)
        rows = replace(block.columns, key=self._block_codes.at(places))
        pooled = self._block_codes.pooled(places)
        self.partition.counts["spans"] += len(rows)
        self.partition.counts.update({"pooled": pooled} if pooled else {})
        yield from self._spread(self.partition.take(record, rows))
        if block.mark_ns >= 0:
            yield from self._spread(self.partition.reach(block.mark_ns))

    def _take_event(self, record: Record, event: FeedbackEvent) -> Iterator[Target]:
        match event.data:
            case Score():
                rows = score_columns(event, event.data, self.partition.table)
                self.partition.counts["score_events"] += 1
                yield from self._spread(self.partition.take(record, rows))
            case Alert():
                self.partition.counts["alerts"] += 1
            case Order():
                self.partition.counts["orders"] += 1
                yield self._target(event.data.route), event

    def _dead(self, record: Record, refusal: Refusal) -> DeadLetter:
        self.partition.counts[f"dead:{refusal.reason}"] += 1
        return DeadLetter(
            partition=record.partition,
            offset=record.offset,
            reason=refusal.reason,
            detail=refusal.detail,
            body=refusal.body,
            kind=record.kind if refusal.kind is None else refusal.kind,
            stamp_ns=record.stamp_ns,
        )

    def _spread(self, observed: Observed) -> Iterator[Target]:
        """Deal panes to the shards of their routes, then tell every shard the watermark."""
        for letter in observed.dead:
            yield EDGE, letter
        for pane in observed.panes:
            groups = [self._group(arm.route) for arm in pane.arms]
            for group, part in split(pane, groups).items():
                yield f"shard-{group}", part
        if observed.mark:
            for group in range(self._shards):
                yield f"shard-{group}", observed.mark

    def _group(self, route: str) -> int:
        group = self._groups.get(route)
        if group is None:
            group = self._groups[route] = shard_of(route, self._shards)
        return group

    def _target(self, route: str) -> str:
        return f"shard-{self._group(route)}"


def _bytes_of(record: Record) -> bytes:
    return record.body if isinstance(record.body, bytes) else b""


def score_columns(event: FeedbackEvent, score: Score, table: KeyTable) -> Columns:
    """Give a score as a row: it is summed at the time it was given, for the arm it judges."""
    key = table.code(CallKey(score.route, score.arm, score.revision, score.cell))
    digest = hashlib.blake2b(f"{event.source}\0{event.id}".encode(), digest_size=8).digest()
    absent = np.full(1, -1, np.int64)
    return Columns(
        key=np.array([key], np.int32),
        call_id=np.maximum(np.frombuffer(digest, np.uint64), 1),
        end_ns=np.array([round(event.timestamp.timestamp() * 1e6) * 1000], np.int64),
        latency_ns=np.zeros(1, np.int64),
        ttft_ns=absent,
        tokens_in=absent,
        tokens_out=absent,
        tokens_cached=np.zeros(1, np.int64),
        cost_nusd=absent,
        slot=np.array([score.slot], np.int16),
        flags=np.zeros(1, np.uint8),
        score=np.array([round(score.value * 1e6)], np.int32),
    )
