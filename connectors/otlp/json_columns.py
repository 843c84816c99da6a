"""OTLP traces in JSON: the fast path.

A request is decoded into structures in C, attribute values left as their text. From there on it
goes the way of protobuf; only numbers, ids and times look different.
"""

from __future__ import annotations

from binascii import unhexlify
from itertools import chain, compress
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from connectors.otlp.json_requests import (
    RAW_REQUESTS,
    REQUESTS,
    SPANS,
    UNREADABLE,
    JsonSpan,
    parse,
)
from connectors.otlp.json_spans import (
    NO_EVENTS,
    nanoseconds,
    octets,
    read_resource,
    read_scope,
    read_status,
    read_value,
)
from connectors.otlp.memory import Form
from connectors.otlp.numbers import MAX_REAL, MAX_WHOLE, Numbers
from connectors.otlp.parts import Odd, Parts, Read
from connectors.otlp.shape import Shape, shape_from, sound_id
from optimizer.observe.aliases import ASSIGNMENT
from optimizer.observe.call_ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from optimizer.observe.figures import MAX_END_NS
from optimizer.observe.values import real, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from connectors.otlp.json_requests import Request
    from connectors.otlp.memory import Memory, Source
    from connectors.otlp.numbers import Number, Raws
    from connectors.otlp.parts import Places
    from connectors.otlp.plans import Plan

ABSENT, ODD = -1, -2  # where a number should be
MAX_MEMO = 65_536
MAX_REMEMBERED = 64  # bytes of a text worth remembering
_IDS_AND_TIMES = attrgetter("trace_id", "span_id", "start_time_unix_nano", "end_time_unix_nano")
_DIGITS = 19  # of a time from 2001 on; any other is read by itself
_DAMAGED = JsonSpan()  # in place of what is no span


class _Memo(dict[bytes, int]):
    """What short texts say, so that those that repeat are read once."""

    def __init__(self, read: Callable[[bytes], int]) -> None:
        super().__init__()
        self._read = read

    def __missing__(self, raw: bytes) -> int:
        found = self._read(raw)
        if len(raw) <= MAX_REMEMBERED:
            if len(self) >= MAX_MEMO:
                self.clear()
            self[raw] = found
        return found


def _whole(raw: bytes) -> int:
    found = whole(read_value(raw)) if raw else None
    if found is None:
        return ABSENT
    return found if 0 <= found <= MAX_WHOLE else ODD


def _real(raw: bytes) -> float:
    found = real(read_value(raw)) if raw else None
    if found is None:
        return ABSENT
    return found if 0 <= found <= MAX_REAL else ODD


_WHOLES = _Memo(_whole)
_STATUSES = _Memo(read_status)


def wholes(parts: Sequence[Raws], rows: int) -> Numbers[np.int64]:
    """Read columns of whole numbers; as `numbers.wholes`."""
    return _numbers(parts, rows, _WHOLES.__getitem__, np.int64)


def reals(parts: Sequence[Raws], rows: int) -> Numbers[np.float64]:
    """Read columns of doubles; as `numbers.reals`."""
    return _numbers(parts, rows, _real, np.float64)


def _numbers(
    parts: Sequence[Raws], rows: int, read: Callable[[bytes], Any], dtype: type[Number]
) -> Numbers[Number]:
    values: list[NDArray[Number] | None] = []
    odd = np.zeros(rows, np.bool_)
    for column in zip(*parts, strict=True):
        told = any(map(any, column))
        found = np.fromiter(map(read, chain.from_iterable(column)), dtype, rows) if told else None
        if found is not None:
            odd |= found == ODD
        values.append(found)
    return Numbers(values, odd)


JSON = Form(read_resource, read_scope, read_value, wholes, reals)


def read(body: bytes, memory: Memory) -> Read:
    """Read a request.

    Raises:
        DecodeFailed: The body is no request.
    """
    parts, odd = Parts(memory), []
    spans: list[JsonSpan] = []
    for resource_spans in _request(body).resource_spans or ():
        source = memory.source(bytes(resource_spans.resource))
        for scope_spans in resource_spans.scope_spans or ():
            plan, first = memory.plan(bytes(scope_spans.scope)), len(spans)
            found = scope_spans.spans or []
            _add(parts, plan, source, first, found)
            places = (first + row for row, span in enumerate(found) if span is _DAMAGED)
            odd += [Odd(place, plan, source) for place in places]
            spans += found
    shape = _shape(spans)
    rows, others = parts.finish(shape)
    return Read([len(spans)], rows, odd + others, bool(shape.sound.any()))


def ends(body: bytes) -> list[int]:
    """Give when the spans of a request ended, 0 where that cannot be read.

    Raises:
        DecodeFailed: The body is no request.
    """
    return [
        nanoseconds(span.end_time_unix_nano)
        for resource_spans in _request(body).resource_spans or ()
        for scope_spans in resource_spans.scope_spans or ()
        for span in scope_spans.spans or ()
    ]


def _request(body: bytes) -> Request[JsonSpan]:
    """Decode a request, `_DAMAGED` in place of what is no span."""
    try:
        return REQUESTS.decode(body)
    except UNREADABLE:
        request: Any = parse(RAW_REQUESTS, body)
        for resource_spans in request.resource_spans or ():
            for scope_spans in resource_spans.scope_spans or ():
                scope_spans.spans = [_span(raw) for raw in scope_spans.spans or ()]
        found: Request[JsonSpan] = request
        return found


def _span(raw: msgspec.Raw) -> JsonSpan:
    try:
        return SPANS.decode(raw)
    except UNREADABLE:
        return _DAMAGED


def _add(parts: Parts, plan: Plan, source: Source, first: int, spans: Sequence[JsonSpan]) -> None:
    """Add those of a scope's spans that may be calls, or tell of calls when they start.

    Args:
        parts: Where they are added.
        plan: How they are read.
        source: Their resource.
        first: The place of the first.
        spans: All spans of the scope.
    """
    places: Places = range(first, first + len(spans))
    if plan.begun is not None:
        is_begun = [span.name == ASSIGNMENT for span in spans]
        if any(is_begun):
            begun = list(compress(spans, is_begun))
            _add_begun(parts, plan.begun, source, list(compress(places, is_begun)), begun)
            places = [place for place, told in zip(places, is_begun, strict=True) if not told]
            spans = [spans[place - first] for place in places]
    attributes = [_attributes(span, plan) for span in spans]
    if not plan.only_calls:
        kept = [row for row, found in enumerate(attributes) if plan.names_operation(found)]
        places = [places[row] for row in kept]
        spans, attributes = [spans[row] for row in kept], [attributes[row] for row in kept]
    if spans:
        parts.add(
            plan,
            source,
            places,
            attributes,
            statuses=bytes([_STATUSES[bytes(span.status)] for span in spans]),
            events=[bytes(span.events) not in NO_EVENTS for span in spans],
        )


def _add_begun(
    parts: Parts, plan: Plan, source: Source, places: list[int], spans: list[JsonSpan]
) -> None:
    """Add the spans that tell of calls when they start."""
    parts.add(
        plan,
        source,
        places,
        [_attributes(span, plan) for span in spans],
        statuses=bytes([_STATUSES[bytes(span.status)] for span in spans]),
        events=[],
        parents=b"".join(sound_id(octets(span.parent_span_id)) for span in spans),
    )


def _attributes(span: JsonSpan, plan: Plan) -> dict[str, bytes]:
    """Give what is read of a span, undecoded."""
    found = plan.nothing.copy()
    for pair in span.attributes or ():
        if pair.key in found:
            found[pair.key] = bytes(pair.value)
    return found


def _shape(spans: Sequence[JsonSpan]) -> Shape:
    """Give the ids and times of all spans."""
    if not spans:
        return shape_from(np.zeros((0, 3), np.uint64), *np.zeros((2, 0), np.uint64))
    traces, ids, starts, ends = zip(*map(_IDS_AND_TIMES, spans), strict=True)
    words = np.empty((len(spans), 3), np.uint64)
    words[:, :2] = _words(traces, TRACE_ID_BYTES)
    words[:, 2:] = _words(ids, SPAN_ID_BYTES)
    return shape_from(words, _times(starts), _times(ends))


def _words(digits: Sequence[Any], length: int) -> NDArray[np.uint64]:
    """Give (n, length / 8) words of ids, zeros for what is none."""
    try:
        joined = unhexlify("".join(digits))
        sound = set(map(len, digits)) == {2 * length}
    except (TypeError, ValueError):
        sound = False
    if not sound:
        found = map(octets, digits)
        joined = b"".join(one if len(one) == length else bytes(length) for one in found)
    return np.frombuffer(joined, "<u8").reshape(len(digits), -1)


def _times(values: Sequence[Any]) -> NDArray[np.uint64]:
    """Give times, 0 for what is none or cannot be."""
    try:
        joined = "".join(values)
        if joined.isascii() and joined.isdigit() and set(map(len, values)) == {_DIGITS}:
            return np.fromiter(map(int, values), np.uint64, len(values))
    except TypeError:  # numbers
        pass
    found = map(nanoseconds, values)
    sound = (time if 0 < time <= MAX_END_NS else 0 for time in found)
    return np.fromiter(sound, np.uint64, len(values))
