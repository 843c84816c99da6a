"""Observe: one source partition's records in; panes, marks and orders for the shards out."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Annotated, NamedTuple, Protocol

import msgspec

from optimizer.errors import DecodeFailed, InvalidEvent
from optimizer.events import Alert, FeedbackEvent, Heard, Order, Report, is_wide, nanoseconds
from optimizer.judgements import ATTRIBUTION, Judged, Judgement, Seen
from optimizer.observe.columns import Block, DeadLetter, Record, RecordKind
from optimizer.observe.hearing import heard, is_ahead, is_over
from optimizer.observe.keys import CallKey, KeyCodes, KeyTable
from optimizer.observe.runs import runs_of
from optimizer.panes import MINUTE_NS, Dealing, Mark, Pane, Served

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from optimizer.observe.columns import Columns
    from optimizer.observe.observed import Observed
    from optimizer.observe.partition import Partition
    from optimizer.observe.points import Point
    from optimizer.observe.runs import DecodedRun

EDGE = "edge"  # where dead letters and ledgers go; other targets are shards and attribution


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
        events: Alerts, orders and reports.
        judgements: Scores.
        points: Data points of metrics.
        assigned: Calls that are told of when they start, as `hanging` gives them; None for none.
    """

    columns: Columns | None
    refused: Sequence[Refusal]
    counts: Mapping[str, int]
    events: Sequence[FeedbackEvent] = ()
    judgements: Sequence[Judgement] = ()
    points: Sequence[Point] = ()
    assigned: Columns | None = None


class Decoder(Protocol):
    """Reads the records of one source; stateless but for what makes it fast."""

    def decode(self, record: Record, table: KeyTable) -> Decoded:
        """Read one record whose body is bytes.

        Raises:
            DecodeFailed: Nothing of it can be read.
            InvalidEvent: It is an event that contradicts itself.
        """

    def decode_many(self, records: Sequence[Record], table: KeyTable) -> DecodedRun | None:
        """Read small records of calls at once, as `decode` would one by one.

        Returns:
            None where they must be read one by one.
        """


class Ledger(NamedTuple):
    """What became of everything a partition took, since its first record."""

    partition: str
    watermark_ns: int
    counts: Mapping[str, int]


Target = tuple[str, Pane | Served | Mark | Judged | Seen | Heard | DeadLetter | Ledger]


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
        self._dealing = Dealing(shards)
        self._block_keys: tuple[CallKey, ...] = ()
        self._block_codes = KeyCodes(partition.table)

    def take_all(self, records: Sequence[Record]) -> Iterator[Target]:
        """Take records as `take` would one by one; small ones are read together."""
        for run in runs_of(records):
            table = self.partition.table
            many = self._decoder.decode_many(run, table) if len(run) > 1 else None
            if many is not None and self._takes_together(run, many.together):
                continue
            each = many.each() if many else ()
            for place, record in enumerate(run):
                # What a record seals may renew the table, and then codes mean something else.
                known = each and self.partition.table is table
                yield from self.take(record, each[place] if known else None)

    def _takes_together(self, run: Sequence[Record], together: Decoded) -> bool:
        """Take records at once, if nobody could tell and there is nothing to say."""
        first_stamp_ns = min(record.stamp_ns for record in run)
        told = together.columns, together.assigned
        if together.refused or not self.partition.takes_quietly(first_stamp_ns, *told):
            return False
        self.partition.counts["records"] += len(run)
        self.partition.counts.add(together.counts)
        return True

    def take(self, record: Record, decoded: Decoded | None = None) -> Iterator[Target]:
        """Take one record; nothing it holds can stop the stream.

        Args:
            record: The record.
            decoded: What it says, where that was read already.
        """
        letters = count()
        for target, item in self._outcome(record, decoded):
            if isinstance(item, DeadLetter):
                yield target, replace(item, place=next(letters))
            else:
                yield target, item

    def _outcome(self, record: Record, decoded: Decoded | None) -> Iterator[Target]:
        self.partition.counts["records"] += 1
        minute = self.partition.watermark_ns // MINUTE_NS
        try:
            yield from self._take(record, decoded)
        except (DecodeFailed, InvalidEvent) as refused:
            reason = refused.reason if isinstance(refused, DecodeFailed) else "invalid_event"
            yield EDGE, self._dead(record, Refusal(reason, str(refused), _bytes_of(record)))
        if self.partition.watermark_ns // MINUTE_NS > minute:
            self.partition.settle()
            counts = dict(sorted(self.partition.counts.items()))
            yield EDGE, Ledger(self.partition.name, self.partition.watermark_ns, counts)

    def _take(self, record: Record, decoded: Decoded | None) -> Iterator[Target]:
        partition = self.partition
        match record.kind:
            case RecordKind.COLUMNS:
                yield from self._take_block(record)
            case RecordKind.HEARTBEAT | RecordKind.IDLE:
                yield from self._spread(partition.reach(record.stamp_ns))
            case RecordKind.END:
                yield from self._spread(partition.finish())
            case RecordKind.GAP:
                partition.counts.update(counts_in(_bytes_of(record)))
            case _:
                yield from self._take_bytes(record, decoded)

    def _take_bytes(self, record: Record, decoded: Decoded | None) -> Iterator[Target]:
        if decoded is None:
            decoded = self._decoder.decode(record, self.partition.table)
        self.partition.counts.add(decoded.counts)
        for refusal in decoded.refused:
            yield EDGE, self._dead(record, refusal)
        if decoded.columns is not None:
            observed = self.partition.take(record, decoded.columns, decoded.assigned)
            yield from self._spread(observed)
        if decoded.judgements:
            yield from self._spread(self.partition.judge(record, decoded.judgements))
        if decoded.points:
            yield from self._spread(self.partition.measure(record, decoded.points))
        for event in decoded.events:
            yield from self._take_event(record, event)

    def _take_block(self, record: Record) -> Iterator[Target]:
        block = record.body
        if not isinstance(block, Block):
            raise DecodeFailed("not_columns", f"a columns record holds {type(block).__name__}")
        table, places = self.partition.table, block.columns.key
        if block.keys is not self._block_keys or self._block_codes.table is not table:
            self._block_keys, self._block_codes = block.keys, KeyCodes(table, block.keys)
        rows, assigned = replace(block.columns, key=self._block_codes.at(places)), block.assigned
        pooled = self._block_codes.pooled(places)
        self.partition.counts["spans"] += len(rows)
        self.partition.counts.update({"pooled": pooled} if pooled else {})
        if assigned is not None:
            self.partition.counts["spans"] += len(assigned)
            self.partition.counts["assignments"] += len(assigned)
            assigned = replace(assigned, key=self._block_codes.at(assigned.key))
        yield from self._spread(self.partition.take(record, rows, assigned))
        if block.mark_ns >= 0:
            yield from self._spread(self.partition.reach(block.mark_ns))

    def _take_event(self, record: Record, event: FeedbackEvent) -> Iterator[Target]:
        match event.data:
            case Alert():
                yield from self._take_alert(record, event)
            case Order() | Report():
                self.partition.counts[f"{event.data.kind}s"] += 1
                yield from self._send(heard(event, self.partition.watermark_ns))

    def _take_alert(self, record: Record, event: FeedbackEvent) -> Iterator[Target]:
        """Send an alert on, unless it is of the future or over; it moves time on."""
        if is_ahead(event, record, self.partition.rules):
            body = msgspec.json.encode(event)
            detail = f"it happened at {event.timestamp}, after it arrived (stream.max_skew_secs)"
            refusal = Refusal("future_timestamp", detail, body, RecordKind.ALERT)
            yield EDGE, self._dead(record, refusal)
            return
        alert = heard(event, self.partition.watermark_ns)
        if is_over(alert, self.partition.rules):
            self.partition.counts["alerts_expired"] += 1
            return
        self.partition.counts["alerts"] += 1
        yield from self._send(alert)
        yield from self._spread(self.partition.reach(nanoseconds(event.timestamp)))

    def _send(self, item: Heard) -> Iterator[Target]:
        """Send an event to the shard of its route, or to all where it concerns several."""
        route = item.event.data.route
        if is_wide(route):
            yield from self._dealing.tell(item)
        else:
            yield self._dealing.shard(route), item

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
        for item in observed.scoring:
            yield ATTRIBUTION, item
        for pane in observed.panes:
            yield from self._dealing.deal(pane)
        if observed.mark:
            yield ATTRIBUTION, observed.mark
            yield from self._dealing.tell(observed.mark)


def _bytes_of(record: Record) -> bytes:
    return record.body if isinstance(record.body, bytes) else b""


MAX_COUNT = 1 << 48  # nothing of one record is more
_COUNTS = msgspec.json.Decoder(dict[str, Annotated[int, msgspec.Meta(ge=0, le=MAX_COUNT)]])


def counts_in(body: bytes) -> dict[str, int]:
    """Read what a gap says.

    Raises:
        DecodeFailed: It is no mapping of names to numbers.
    """
    try:
        return _COUNTS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeFailed("not_counts", str(error)) from error
