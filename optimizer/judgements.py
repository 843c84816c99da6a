"""Judgements of calls on their way to attribution, and the calls they may be about.

Both leave a source partition as columns, many at once, and are joined where all partitions meet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Rows = NDArray[np.void]

Key = tuple[str, str, int, str]  # route, arm, revision, cell
ATTRIBUTION = "~attribution"  # what its panes and marks name as their partition
LINKS = ("trace", "span", "response")
MOST_VALUE = 1_000_000  # scores are millionths

_LINK_FIELDS = [(name, "<u8") for name in LINKS]
CALLS = np.dtype([("key", "<i4"), ("slot", "<i2"), ("end_ns", "<i8"), *_LINK_FIELDS])
SCORES = np.dtype(
    [
        ("count_ns", "<i8"),
        ("identity", "<u8"),
        ("value", "<i4"),
        ("name", "<i4"),
        ("judge", "<u1"),
        *_LINK_FIELDS,
        ("key", "<i4"),
        ("slot", "<i2"),
        ("offset", "<i8"),
        ("place", "<i4"),
        ("stamp_ns", "<i8"),
        ("kind", "<u1"),
        ("partition", "<i4"),
        ("tenant", "<i4"),
    ]
)


class Judge(IntEnum):
    """Who judged."""

    HUMAN = 0
    LLM = 1
    CODE = 2


class Judgement(NamedTuple):
    """One score of one call, in [0, 1], as its record told it.

    Attributes:
        identity: 64 bits of who gave it and its id there; a repeat has the same, so has a
            correction.
        time_ns: When it was given; -1 where that is not told.
        value: Millionths.
        name: What was judged.
        judge: Who judged.
        tenant: Who owns the telemetry: nobody judges calls of another.
        trace: Link of the call's trace; 0 where that is not told, as the next two.
        span: Link of its span.
        response: Link of its response.
        key: Route, arm, revision and cell of the call where the score echoes them, else None.
        slot: Slot of the call; -1 where that is not told.
        body: A record of this judgement alone.
        kind: What those bytes are: a `RecordKind`.
    """

    identity: int
    time_ns: int
    value: int
    name: str
    judge: Judge
    tenant: str
    trace: int = 0
    span: int = 0
    response: int = 0
    key: Key | None = None
    slot: int = -1
    body: bytes = b""
    kind: int = 0


class Taken(NamedTuple):
    """A judgement with what its record adds.

    Attributes:
        count_ns: When it counts: when it was given, or the partition's watermark if that had
            passed, so that no window ever opens again.
        offset: Its record's place in the partition.
        place: Its number among the judgements of its record.
        stamp_ns: When its record was taken.
        judgement: The judgement.
    """

    count_ns: int
    offset: int
    place: int
    stamp_ns: int
    judgement: Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Judgements as columns; those of one partition stand in their order of arrival.

    Attributes:
        rows: (n,) of `SCORES`; `key` is a place in `keys` or -1, `name`, `partition`
            and `tenant` are places in the tables of those.
        keys: The keys that were echoed.
        names: What was judged.
        partitions: The source partitions they come from.
        tenants: Who gave them.
        bodies: (n,) a record of each one alone; empty where its key was echoed.
    """

    rows: Rows
    keys: tuple[Key, ...]
    names: tuple[str, ...]
    partitions: tuple[str, ...]
    tenants: tuple[str, ...]
    bodies: tuple[bytes, ...]

    def take(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> Judged:
        """Give some of them, by index or mask."""
        every = np.arange(len(self.rows))
        places = every[rows]
        if np.array_equal(places, every):
            return self
        bodies = tuple(map(self.bodies.__getitem__, places.tolist()))
        return replace(self, rows=self.rows[places], bodies=bodies)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Calls of one pane of one partition, for scores to find.

    Attributes:
        partition: The source partition.
        pane: The pane from which on they can be found: their own, or for late calls the one
            their partition's watermark was in.
        rows: (n,) of `CALLS`; `key` is a place in `keys`.
        keys: Their keys.
        calls: How many calls each route and arm had, those that cannot be found included.
    """

    partition: str
    pane: int
    rows: Rows
    keys: tuple[Key, ...]
    calls: tuple[tuple[str, str, int], ...]


def judged(partition: str, taken: Sequence[Taken]) -> Judged:
    """Lay judgements out as columns."""
    keys: dict[Key, int] = {}
    names: dict[str, int] = {}
    tenants: dict[str, int] = {}
    rows = [
        (
            count_ns,
            one.identity,
            one.value,
            names.setdefault(one.name, len(names)),
            one.judge,
            one.trace,
            one.span,
            one.response,
            -1 if one.key is None else keys.setdefault(one.key, len(keys)),
            one.slot,
            offset,
            place,
            stamp_ns,
            one.kind,
            0,
            tenants.setdefault(one.tenant, len(tenants)),
        )
        for count_ns, offset, place, stamp_ns, one in taken
    ]
    return Judged(
        rows=np.array(rows, SCORES),
        keys=tuple(keys),
        names=tuple(names),
        partitions=(partition,),
        tenants=tuple(tenants),
        bodies=tuple(b"" if one.judgement.key else one.judgement.body for one in taken),
    )


def join(parts: Sequence[Judged]) -> Judged:
    """Lay judgements end to end; keys, names and partitions that none of them has are let go."""
    joined = np.concatenate([np.empty(0, SCORES), *(part.rows for part in parts)])
    tables: dict[str, tuple[Any, ...]] = {}
    for field in ("key", "name", "partition", "tenant"):
        tables[f"{field}s"], joined[field] = merged(
            [(getattr(part, f"{field}s"), part.rows[field]) for part in parts]
        )
    return Judged(rows=joined, bodies=tuple(b for part in parts for b in part.bodies), **tables)


Entry = TypeVar("Entry", Key, str)


def merged(
    parts: Sequence[tuple[Sequence[Entry], NDArray[np.int32]]],
) -> tuple[tuple[Entry, ...], NDArray[np.int32]]:
    """Let places in several tables be places in one, sorted, of the entries that are used.

    Args:
        parts: Tables, each with places in it; -1 stands for none.

    Returns:
        The table, and the places of all parts in it.
    """
    used = [np.unique(places) for _, places in parts]
    entries = [
        {at: table[at] for at in some.tolist() if at >= 0}
        for (table, _), some in zip(parts, used, strict=True)
    ]
    table = tuple(sorted({entry for some in entries for entry in some.values()}))
    place = {entry: at for at, entry in enumerate(table)}
    moved = [np.empty(0, np.int32)]
    for (_, places), some, named in zip(parts, used, entries, strict=True):
        new = np.array([place[named[at]] if at >= 0 else -1 for at in some.tolist()], np.int32)
        moved.append(new[np.searchsorted(some, places)])
    return table, np.concatenate(moved)


def least(calls: Rows, most: int) -> Rows:
    """Give the calls whose trace mixes to the least, at most so many, in that order.

    Which ones depends neither on their order nor on how they are grouped, and calls of one trace
    stay or go together (but for the last trace), so scores of whole traces stay possible.
    """
    order = np.lexsort((calls["key"], calls["end_ns"], calls["span"], mixed(calls["trace"])))
    return calls[order[:most]]


def mixed(traces: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Mix links of traces, so that the least are as good as drawn by lot.

    Source: Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, figure 16.
    """
    mix = traces * np.uint64(0x9E3779B97F4A7C15)
    mix ^= mix >> np.uint64(30)
    mix *= np.uint64(0xBF58476D1CE4E5B9)
    mix ^= mix >> np.uint64(27)
    return mix
