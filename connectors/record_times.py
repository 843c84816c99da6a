"""The greatest time that a record tells, of any kind: for recordings made without stamps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from connectors.members import Members, parsed
from connectors.otlp.times import latest_end_ns
from connectors.recordings.messages import read_varint
from optimizer.errors import DecodeFailed, InvalidEvent
from optimizer.observe.columns import RecordKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    # Which fields lead to a time: numbers of messages to go into, or None where the time stands.
    Path = Mapping[int, "Path | None"]

_LAST_NS = 1 << 62
_IN_JSON = re.compile(rb'"(?:observedT|t)imeUnixNano"\s*:\s*"?(\d{1,20})')
_POINTS: Path = {1: {3: None}}  # data_points, time_unix_nano: alike in all five kinds of metrics
_PATHS: Mapping[RecordKind, Path] = {
    RecordKind.METRICS: {1: {2: {2: dict.fromkeys((5, 7, 9, 10, 11), _POINTS)}}},
    RecordKind.LOGS: {1: {2: {2: {1: None, 11: None}}}},
}
_EVENT_TIMES = ("timestamp", "time", "detected_at", "createdAt", "created_at")
_FIXED64, _BYTES = 1, 2


def latest_ns(kind: RecordKind, body: bytes) -> int | None:
    """Give the greatest time in a record, nanoseconds since the epoch; None when it tells none.

    Args:
        kind: What the bytes are.
        body: The bytes; what cannot be read tells no time.
    """
    match kind:
        case RecordKind.OTLP:
            return latest_end_ns(body)
        case RecordKind.METRICS | RecordKind.LOGS if body.lstrip()[:1] == b"{":
            times = [int(time) for time in _IN_JSON.findall(body)]
        case RecordKind.METRICS | RecordKind.LOGS:
            times = _in_protobuf(body, _PATHS[kind])
        case _:
            times = _in_event(body)
    return max((time for time in times if 0 < time < _LAST_NS), default=None)


def _in_protobuf(body: bytes, path: Path) -> list[int]:
    try:
        return list(_times(body, path))
    except ValueError:
        return []


def _times(body: bytes, path: Path) -> Iterator[int]:
    """Walk a message along a path.

    Raises:
        ValueError: The bytes are no message.
    """
    place = 0
    while place < len(body):
        tag, place = read_varint(body, place)
        start, end = _value(body, place, tag & 7)
        further = path.get(tag >> 3, ...)
        if further is None and tag & 7 == _FIXED64:
            yield int.from_bytes(body[start:end], "little")
        elif isinstance(further, dict) and tag & 7 == _BYTES:
            yield from _times(body[start:end], further)
        place = end


def _value(body: bytes, place: int, wire_type: int) -> tuple[int, int]:
    """Give where a field's value begins and ends."""
    match wire_type:
        case 0:
            return place, read_varint(body, place)[1]
        case 1:
            size = 8
        case 2:
            size, place = read_varint(body, place)
        case 5:
            size = 4
        case _:
            raise ValueError("no such type of a field")
    if place + size > len(body):
        raise ValueError("a field reaches beyond the end")
    return place, place + size


def _in_event(body: bytes) -> list[int]:
    """Read the times of an event, of what it wraps, or of each in a list."""
    try:
        content = parsed(body)
    except DecodeFailed:
        return []
    events = content if isinstance(content, list) else [content]
    found = [event for event in events if isinstance(event, dict)]
    found += [event["data"] for event in found if isinstance(event.get("data"), dict)]
    return [time for event in found for time in _told(Members(event))]


def _told(event: Members) -> list[int]:
    try:
        instant = event.instant(*_EVENT_TIMES)
    except InvalidEvent:
        return []
    return [] if instant is None else [round(instant.timestamp() * 1e6) * 1000]
