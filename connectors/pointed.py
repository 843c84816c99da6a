"""Points of metrics that were decoded when recorded: numbers, and the names they count by.

What else told a stream apart (a user, an instance) is in its digest alone.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import msgspec

from connectors.tenancy import refuse_others
from optimizer.errors import DecodeFailed
from optimizer.observe.histograms import LEAST_SCALE, MOST_BUCKETS, MOST_SCALE, Histogram
from optimizer.observe.keys import CallKey
from optimizer.observe.points import UNCOUNTED, Measure, Point

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.settings import SourceSettings

_TOLD = tuple(name for name in Point._fields if name != "alone")
_Whole = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
_Near = Annotated[int, msgspec.Meta(ge=-(1 << 62), le=1 << 62)]


class _Buckets(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """A histogram, and what each of its numbers can be."""

    scale: Annotated[int, msgspec.Meta(ge=LEAST_SCALE, le=MOST_SCALE)] | None
    first: Annotated[int, msgspec.Meta(ge=-(1 << 31), le=1 << 31)]
    counts: Annotated[tuple[_Whole, ...], msgspec.Meta(max_length=MOST_BUCKETS)]
    bounds_ns: Annotated[tuple[_Near, ...], msgspec.Meta(max_length=MOST_BUCKETS)]
    zeros: _Whole


class _Told(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """What is written of a point: its fields, and what each of them can be."""

    stream: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
    start_ns: _Whole
    time_ns: _Whole
    cumulative: bool
    key: tuple[str, str, Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)], str]
    measure: Measure
    failed: bool
    calls: Annotated[int, msgspec.Meta(ge=UNCOUNTED, le=1 << 31)]
    total: _Whole
    histogram: _Buckets | None
    rate_pusd: _Near | None


_DECODER = msgspec.msgpack.Decoder(list[_Told])


def dump_points(points: Sequence[Point]) -> bytes:
    """Write the points of one record."""
    return msgspec.msgpack.encode([[getattr(one, name) for name in _TOLD] for one in points])


def load_points(body: bytes, source: SourceSettings) -> tuple[Point, ...]:
    """Read what `dump_points` wrote.

    Args:
        body: The bytes.
        source: Where they are said to come from.

    Raises:
        DecodeFailed: The bytes are none of these, or tell of calls of another tenant.
    """
    try:
        found = tuple(map(_read, _DECODER.decode(body)))
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise DecodeFailed("not_points", str(error)) from error
    refuse_others((one.key.route.partition("/")[0] for one in found), source)
    return found


def _read(told: _Told) -> Point:
    if told.time_ns < told.start_ns:
        raise ValueError(f"ends at {told.time_ns} ns, before it starts")
    fields = msgspec.structs.asdict(told)
    fields |= {"key": CallKey(*told.key), "histogram": _histogram(told.histogram)}
    one = Point(**fields, alone=bytes)
    return one._replace(alone=partial(dump_points, [one]))


def _histogram(told: _Buckets | None) -> Histogram | None:
    if told is None:
        return None
    histogram = Histogram(**msgspec.structs.asdict(told))
    if histogram.scale is None and len(histogram.counts) != len(histogram.bounds_ns) + 1:
        raise ValueError("explicit buckets: must be one more than their bounds")
    return histogram
