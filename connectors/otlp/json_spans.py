"""OTLP traces in JSON: the reference reading of one span, and of what stands around it."""

from __future__ import annotations

from binascii import unhexlify
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from connectors.otlp.json_requests import (
    EVENTS,
    LISTS,
    RESOURCES,
    SCOPES,
    SPANS,
    STATUSES,
    UNREADABLE,
    VALUES,
    parse,
)
from connectors.otlp.spans import DAMAGED, FAILED
from optimizer.errors import DecodeFailed
from optimizer.observe.aliases import EXCEPTION, EXCEPTION_TYPE, FIRST_CHUNK
from optimizer.observe.readings import Span
from optimizer.observe.values import text, whole

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    import msgspec

    from connectors.otlp.json_requests import Event, KeyValue
    from optimizer.observe.values import Value

ERROR_STATUS = (2, "2", "STATUS_CODE_ERROR")
NO_EVENTS = (b"", b"[]", b"null")
# How JSON spells the doubles it has no numbers for.
_NO_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}


def read_resource(raw: bytes, keys: Container[str]) -> dict[str, Value]:
    """Read what matters of a resource.

    Args:
        raw: Its JSON; empty where there is none.
        keys: The attributes to read.

    Raises:
        DecodeFailed: It is no resource.
    """
    resource = parse(RESOURCES, raw) if raw else None
    return _attributes(resource.attributes if resource else None, keys)


def read_scope(raw: bytes) -> str:
    """Read the name of a scope.

    Raises:
        DecodeFailed: It is no scope.
    """
    scope = parse(SCOPES, raw) if raw else None
    return (scope and scope.name) or ""


def read_span(raw: bytes, keys: Container[str], resource: Mapping[str, Value]) -> Span:
    """Read a span.

    Args:
        raw: Its JSON.
        keys: The attributes to read.
        resource: What matters of its resource.

    Raises:
        DecodeFailed: It is no span.
    """
    span = parse(SPANS, raw)
    status = read_status(bytes(span.status))
    if status == DAMAGED:
        raise DecodeFailed("not_otlp_json", "its status is damaged")
    chunk_ns, exception = _events(span.events)
    return Span(
        trace_id=octets(span.trace_id),
        span_id=octets(span.span_id),
        start_ns=nanoseconds(span.start_time_unix_nano),
        end_ns=nanoseconds(span.end_time_unix_nano),
        failed=status == FAILED,
        attributes=_attributes(span.attributes, keys),
        resource=resource,
        first_chunk_ns=chunk_ns,
        exception_type=exception,
        parent_id=octets(span.parent_span_id),
    )


def read_status(raw: bytes) -> int:
    """Tell what a status says: `FAILED`, `DAMAGED`, else 0."""
    try:
        status = STATUSES.decode(raw) if raw else None
    except UNREADABLE:
        return DAMAGED
    return FAILED if status and scalar(status.code) in ERROR_STATUS else 0


def read_value(raw: bytes) -> Value:
    """Read a scalar attribute value; integers may be written as text, doubles as names.

    Text that is not UTF-8 is read as far as it is.

    Returns:
        None for a list, a map, bytes, nothing, or what is no value.
    """
    try:
        value = VALUES.decode(raw)
    except UNREADABLE:
        mended = raw.decode(errors="replace").encode()
        return None if mended == raw else read_value(mended)
    if value is None:
        return None
    if value.string_value is not None:
        return scalar(value.string_value)
    if value.bool_value is not None:
        return scalar(value.bool_value)
    if value.int_value is not None:
        return whole(scalar(value.int_value))
    found = scalar(value.double_value)
    return _NO_NUMBERS.get(found, found) if isinstance(found, str) else found


def nanoseconds(value: Any) -> int:
    """Read a time, given as a number or as text; 0 for what is none."""
    return whole(scalar(value)) or 0


def scalar(value: Any) -> Value:
    """Give a value if it is one, None for a list or an object."""
    return value if isinstance(value, (str, bool, int, float)) else None


def octets(digits: str | None) -> bytes:
    """Read an id in hexadecimal of any case; empty when it is none."""
    try:
        return unhexlify(digits or "")
    except ValueError:
        return b""


def _events(raw: msgspec.Raw) -> tuple[int, str]:
    """Give the time of the first event that marks a token, and the type of the last exception."""
    chunk_ns, exception = -1, ""
    for event in _each_event(bytes(raw)):
        if event.name in FIRST_CHUNK and chunk_ns < 0:
            chunk_ns = nanoseconds(event.time_unix_nano)
        elif event.name == EXCEPTION:
            found = _attributes(event.attributes, (EXCEPTION_TYPE,))
            exception = text(found.get(EXCEPTION_TYPE)) or exception
    return chunk_ns, exception


def _each_event(raw: bytes) -> Iterator[Event]:
    """Give the events that are some; they only add to what the span says."""
    try:
        events = () if raw in NO_EVENTS else LISTS.decode(raw) or ()
    except UNREADABLE:
        return
    for event in events:
        with suppress(*UNREADABLE):
            yield EVENTS.decode(event)


def _attributes(pairs: Sequence[KeyValue] | None, keys: Container[str]) -> dict[str, Value]:
    return {pair.key: read_value(bytes(pair.value)) for pair in pairs or () if pair.key in keys}
