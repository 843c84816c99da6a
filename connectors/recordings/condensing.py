"""Records as they came to what a recording of columns holds: blocks of calls, and bare facts.

A real observer looks at each record first, so what is known of its partition at every moment is
what a job would know. Records become one block only while that cannot be told from taking them one
by one: no tick of 10 s passes between them, and a call that comes late begins a block of its own.
What could not be used is left out, for it is bytes that may hold anything.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from connectors.codecs import to_json
from connectors.judged import dump_judgements
from connectors.pointed import dump_points
from optimizer.events import Alert, Order, Report
from optimizer.observe.columns import Block, Columns, DeadLetter, Record, RecordKind, join
from optimizer.panes import PANE_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from optimizer.observe.keys import CallKey, KeyTable
    from optimizer.observe.observer import Decoded, Decoder, Observer

BLOCK_ROWS = 1 << 16  # a block that has as many is full
_BEATS = {RecordKind.HEARTBEAT, RecordKind.IDLE}
# These hold numbers only: they are kept whole.
_WHOLE = {RecordKind.COLUMNS, RecordKind.GAP, RecordKind.END}
_EVENTS = {Alert: RecordKind.ALERT, Order: RecordKind.ORDER, Report: RecordKind.REPORT}


class Listening:
    """A decoder that remembers what it said last, and with which keys.

    Args:
        decoder: What really decodes.

    Attributes:
        said: What the last record says; None where nothing of it can be read.
        table: The keys of its calls.
    """

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self.said: Decoded | None = None
        self.table: KeyTable | None = None

    def decode(self, record: Record, table: KeyTable) -> Decoded:
        """Read one record; errors are those of the decoder."""
        self.said, self.table = None, table
        self.said = self._decoder.decode(record, table)
        return self.said

    def decode_many(self, _records: Sequence[Record], _table: KeyTable) -> None:
        """Have each read for itself, so that what it says is known."""


class Watched(NamedTuple):
    """One partition's observer and the decoder it asks."""

    observer: Observer
    decoder: Listening


class Condenser:
    """Condenses the records of all partitions; the order within each stands.

    Args:
        make: Gives what watches a partition.
        skew_ns: How much later than its record's stamp a call may end; later ones are left out.

    Attributes:
        left_out: What could not be used, by reason.
    """

    def __init__(self, make: Callable[[str], Watched], skew_ns: int) -> None:
        self.left_out: Counter[str] = Counter()
        self._make = make
        self._skew_ns = skew_ns
        self._sources: dict[str, _Source] = {}

    def condense(self, records: Iterable[Record]) -> Iterator[Record]:
        """Give what is kept of records."""
        for record in records:
            source = self._sources.get(record.partition)
            if source is None:
                watched = self._make(record.partition)
                source = _Source(record.partition, watched, self._skew_ns, self.left_out)
                self._sources[record.partition] = source
            yield from source.take(record)
        for source in self._sources.values():
            yield from source.flush()


class _Source:
    """One partition, and the block it gathers."""

    def __init__(self, name: str, watched: Watched, skew_ns: int, left_out: Counter[str]) -> None:
        self._name = name
        self._observer, self._decoder = watched
        self._skew_ns = skew_ns
        self._left_out = left_out
        self._parts: list[Columns] = []
        self._assigned: list[Columns] = []
        self._table: KeyTable | None = None
        self._keys: tuple[CallKey, ...] = ()
        self._offset = self._stamp_ns = self._mark_ns = -1

    def take(self, record: Record) -> Iterator[Record]:
        """Take one record; give what is complete."""
        partition = self._observer.partition
        before_ns = partition.watermark_ns
        self._decoder.said = None
        items = [item for _, item in self._observer.take(record)]
        letters = [item for item in items if isinstance(item, DeadLetter)]
        self._left_out.update(letter.reason for letter in letters)
        if letters and not self._decoder.said and record.kind in _WHOLE:
            return  # nobody can read it, so nobody knows what it holds
        is_tick = partition.watermark_ns // PANE_NS != before_ns // PANE_NS
        yield from self._keep(record, before_ns, is_tick=is_tick)
        if is_tick:
            yield from self.flush()

    def flush(self) -> Iterator[Record]:
        """Give the block that was gathered."""
        if not self._parts or self._table is None:
            return
        if len(self._keys) != len(self._table):
            self._keys = tuple(self._table.keys)
        block = Block(
            keys=self._keys,
            columns=join(self._parts),
            mark_ns=self._mark_ns,
            assigned=join(self._assigned) if self._assigned else None,
        )
        yield Record(self._name, self._offset, self._stamp_ns, RecordKind.COLUMNS, block)
        self._parts, self._assigned = [], []
        self._stamp_ns = self._mark_ns = -1

    def _keep(self, record: Record, before_ns: int, *, is_tick: bool) -> Iterator[Record]:
        said = self._decoder.said
        if record.kind in _BEATS and self._parts:
            self._mark_ns = max(self._mark_ns, record.stamp_ns)
        elif record.kind in _BEATS | _WHOLE:
            yield from self.flush()
            yield record
        elif said:
            if said.columns is not None:
                yield from self._gather(record, said.columns, said.assigned, before_ns)
            if is_tick or said.events or said.points or not self._is_timely(record, said):
                yield from self.flush()
            yield from _facts(record, said)

    def _is_timely(self, record: Record, said: Decoded) -> bool:
        """Tell whether the scores of a record count when they were given.

        Then they may stand before the calls that wait; one that is told late counts at the
        watermark, which those calls have moved.
        """
        given = (record.stamp_ns if one.time_ns < 0 else one.time_ns for one in said.judgements)
        return all(at_ns >= self._observer.partition.watermark_ns for at_ns in given)

    def _gather(
        self, record: Record, columns: Columns, assigned: Columns | None, before_ns: int
    ) -> Iterator[Record]:
        limit_ns = record.stamp_ns + self._skew_ns
        rows = columns.take(columns.end_ns <= limit_ns)
        begun = None if assigned is None else assigned.take(assigned.start_ns <= limit_ns)
        if not len(rows) and not begun:
            return
        sealed_until = max(before_ns, 0) // PANE_NS
        is_late = len(rows) > 0 and int(rows.end_ns.min()) // PANE_NS < sealed_until
        is_full = sum(map(len, self._parts)) + len(rows) > BLOCK_ROWS
        if is_late or is_full or self._decoder.table is not self._table:
            yield from self.flush()
        if self._decoder.table is not self._table:
            self._table, self._keys = self._decoder.table, ()
        self._parts.append(rows)
        self._assigned += [begun] if begun else []
        self._offset = record.offset
        self._stamp_ns = max(self._stamp_ns, record.stamp_ns)


def _facts(record: Record, said: Decoded) -> Iterator[Record]:
    """Give the scores of a record as numbers, and its other events without free text."""
    if said.judgements:
        yield record._replace(kind=RecordKind.JUDGED, body=dump_judgements(said.judgements))
    if said.points:
        yield record._replace(kind=RecordKind.POINTED, body=dump_points(said.points))
    for event in said.events:
        kind = _EVENTS[type(event.data)]
        yield record._replace(kind=kind, body=to_json(replace(event, metadata={})))
