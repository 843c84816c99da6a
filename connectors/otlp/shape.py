"""Ids and times of all spans of a request, as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from optimizer.observe.call_ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from optimizer.observe.figures import MAX_END_NS, MAX_LATENCY_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

_SPAN_BYTES = 2 + TRACE_ID_BYTES + 2 + SPAN_ID_BYTES + 9 + 9
# Each field is written as its tag, for ids their length, and its bytes: always the same number.
_TRACE, _SPAN = (int.from_bytes((tag, length), "little") for tag, length in ((0x0A, 16), (0x12, 8)))
_TIME = np.dtype([("tag", "u1"), ("ns", "<u8")])
# What the block of each field is an array of, and the bytes a span has before it.
_BLOCKS = {
    "trace": (np.dtype([("head", "<u2"), ("id", "<u8", 2)]), 0),
    "span": (np.dtype([("head", "<u2"), ("id", "<u8")]), 18),
    "start": (_TIME, 28),
    "end": (_TIME, 37),
}


class Shape(NamedTuple):
    """Ids and times, one row a span.

    Attributes:
        ids: (n, 3) words of trace id and span id.
        end_ns: (n,) when it ended.
        latency_ns: (n,) how long it took.
        sound: (n,) all of them can be; the others mean nothing where they cannot.
    """

    ids: NDArray[np.uint64]
    end_ns: NDArray[np.int64]
    latency_ns: NDArray[np.int64]
    sound: NDArray[np.bool_]


def shape_of_merged(merged: Any, spans: int) -> Shape:
    """Give the ids and times of a request.

    Written out again, the merged span is its ids and times field by field, in blocks of fixed
    width, which are arrays as they stand. A request where ids differ in length, or not every span
    has all four, is sound nowhere. (One span that has two ids beside one that has none would pass
    and shift; no encoder writes that, and it concerns its sender alone.)

    Args:
        merged: The span of a `wire.Transposed`, its events cleared; changed in place.
        spans: How many spans the request holds.
    """
    merged.DiscardUnknownFields()
    content = merged.SerializeToString()
    if len(content) != spans * _SPAN_BYTES or not spans or len(merged.trace_id) != spans:
        return _unsound(spans)
    blocks = {
        name: np.ndarray(spans, kind, content, spans * before)
        for name, (kind, before) in _BLOCKS.items()
    }
    if (blocks["trace"]["head"] != _TRACE).any() or (blocks["span"]["head"] != _SPAN).any():
        return _unsound(spans)
    ids = np.empty((spans, 3), np.uint64)
    ids[:, :2], ids[:, 2] = blocks["trace"]["id"], blocks["span"]["id"]
    return shape_from(ids, blocks["start"]["ns"], blocks["end"]["ns"])


def shape_from(
    ids: NDArray[np.uint64], start_ns: NDArray[np.uint64], end_ns: NDArray[np.uint64]
) -> Shape:
    """Give the shape of spans from their ids (n, 3) and times (n,)."""
    latency_ns = end_ns - start_ns  # wraps to something huge where it ends before it starts
    sound = ((ids[:, 0] | ids[:, 1]) != 0) & (ids[:, 2] != 0) & (latency_ns <= MAX_LATENCY_NS)
    sound &= (start_ns > 0) & (end_ns <= MAX_END_NS)
    return Shape(ids, end_ns.view(np.int64), latency_ns.view(np.int64), sound)


def _unsound(spans: int) -> Shape:
    nothing = np.zeros(spans, np.int64)
    return Shape(np.zeros((spans, 3), np.uint64), nothing, nothing, np.zeros(spans, np.bool_))
