"""Ids and times of all spans of a request, as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard

import numpy as np

from optimizer.observe.call_ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from optimizer.observe.figures import MAX_END_NS, MAX_LATENCY_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SPAN_BYTES = 2 + TRACE_ID_BYTES + 2 + SPAN_ID_BYTES + 9 + 9
# Each field is written as its tag, for ids their length, and its bytes: always the same number.
_TRACE, _SPAN = (int.from_bytes((tag, length), "little") for tag, length in ((0x0A, 16), (0x12, 8)))
_TIME = np.dtype([("tag", "u1"), ("ns", "<u8")])
_START, _END = 0x39, 0x41
# What the block of each field is an array of, and the bytes a span has before it.
_BLOCKS = {
    "trace": (np.dtype([("head", "<u2"), ("id", "<u8", 2)]), 0),
    "span": (np.dtype([("head", "<u2"), ("id", "<u8")]), 18),
    "start": (_TIME, 28),
    "end": (_TIME, 37),
}
# What stands at the head of each element.
_HEADS = (
    ("trace", "head", _TRACE),
    ("span", "head", _SPAN),
    ("start", "tag", _START),
    ("end", "tag", _END),
)


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


def shape_of(merged: Sequence[Any], spans: Sequence[int]) -> Shape:
    """Give the ids and times of requests end to end.

    Written out again, the merged span of a request is its ids and times field by field, in blocks
    of fixed width, which are arrays as they stand. Where ids differ in length, or not every span
    has all four, they are sound nowhere. (One span that has two ids beside one that has none would
    pass and shift; no encoder writes that, and it concerns the sender of its request alone.)

    Args:
        merged: The span of each request's `wire.Transposed`, its events cleared; changed in place.
        spans: How many spans each request holds.
    """
    total = sum(spans)
    contents = [_content(one, count) for one, count in zip(merged, spans, strict=True) if count]
    if not contents or not _all_whole(contents):
        return _unsound(total)
    blocks = {name: _block(contents, *block) for name, block in _BLOCKS.items()}
    if any((blocks[name][key] != expected).any() for name, key, expected in _HEADS):
        return _unsound(total)
    ids = np.empty((total, 3), np.uint64)
    ids[:, :2], ids[:, 2] = blocks["trace"]["id"], blocks["span"]["id"]
    return shape_from(ids, blocks["start"]["ns"], blocks["end"]["ns"])


def _block(contents: list[bytes], kind: np.dtype[np.void], before: int) -> NDArray[np.void]:
    """Give the blocks of one field end to end; that of a single request is not copied."""
    if len(contents) == 1:
        spans = len(contents[0]) // _SPAN_BYTES
        return np.ndarray(spans, kind, contents[0], spans * before)
    behind = before + kind.itemsize
    sized = ((content, len(content) // _SPAN_BYTES) for content in contents)
    return np.frombuffer(b"".join(it[n * before : n * behind] for it, n in sized), kind)


def _content(merged: Any, spans: int) -> bytes | None:
    """Give a request's ids and times field by field; None where their number is not its spans'."""
    merged.DiscardUnknownFields()
    content: bytes = merged.SerializeToString()
    whole = len(content) == spans * _SPAN_BYTES and len(merged.trace_id) == spans
    return content if whole else None


def shape_from(
    ids: NDArray[np.uint64], start_ns: NDArray[np.uint64], end_ns: NDArray[np.uint64]
) -> Shape:
    """Give the shape of spans from their ids (n, 3) and times (n,)."""
    latency_ns = end_ns - start_ns  # wraps to something huge where it ends before it starts
    sound = ((ids[:, 0] | ids[:, 1]) != 0) & (ids[:, 2] != 0) & (latency_ns <= MAX_LATENCY_NS)
    sound &= (start_ns > 0) & (end_ns <= MAX_END_NS)
    return Shape(ids, end_ns.view(np.int64), latency_ns.view(np.int64), sound)


def sound_id(octets: bytes) -> bytes:
    """Give the id of a span; zeros for what is none."""
    return octets if len(octets) == SPAN_ID_BYTES else bytes(SPAN_ID_BYTES)


def _all_whole(contents: list[bytes | None]) -> TypeGuard[list[bytes]]:
    return None not in contents


def _unsound(spans: int) -> Shape:
    nothing = np.zeros(spans, np.int64)
    return Shape(np.zeros((spans, 3), np.uint64), nothing, nothing, np.zeros(spans, np.bool_))
