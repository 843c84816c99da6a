"""One protobuf span as the reference reading wants it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError

from connectors.otlp import wire
from connectors.otlp.any_value import any_value
from optimizer.errors import DecodeFailed
from optimizer.observe.aliases import (
    ALIASES,
    EXCEPTION,
    EXCEPTION_TYPE,
    FIRST_CHUNK,
    SERVICE,
    STAMP,
)
from optimizer.observe.readings import Span
from optimizer.observe.values import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optimizer.observe.values import Value

RESOURCE_KEYS = (
    SERVICE,
    *(name for names in ALIASES.values() for name in names if name.startswith(STAMP)),
)
ERROR_STATUS = 2
FAILED, DAMAGED = 1, 2
MAX_REMEMBERED = 2  # bytes of a status worth remembering: all but those with a message
_CHUNKS = {name.encode() for name in FIRST_CHUNK}


def parse(message: Any, raw: bytes) -> Any:
    """Parse one of the messages of `wire`.

    Raises:
        DecodeFailed: The bytes are no such message.
    """
    try:
        return message.FromString(raw)
    except DecodeError as damage:
        raise DecodeFailed("not_protobuf", str(damage) or "damaged or cut short") from None


def read_attributes(found: Mapping[str, bytes], keys: Iterable[str]) -> dict[str, Value]:
    """Read the attributes of these keys out of a map of undecoded values."""
    return {key: any_value(found[key]) for key in keys if key in found}


def read_resource(raw: bytes, keys: Iterable[str] = RESOURCE_KEYS) -> dict[str, Value]:
    """Read what matters of a resource.

    Args:
        raw: Its bytes.
        keys: The attributes to read.

    Raises:
        DecodeFailed: The bytes are no resource.
    """
    return read_attributes(parse(wire.Resource, raw).attributes, keys)


def read_scope(raw: bytes) -> str:
    """Read the name of a scope.

    Raises:
        DecodeFailed: The bytes are no scope.
    """
    name: bytes = parse(wire.Scope, raw).name
    return name.decode(errors="replace")


class _Statuses(dict[bytes, int]):
    """What a status says: `FAILED`, `DAMAGED`, else 0. Those without a message are remembered."""

    def __missing__(self, status: bytes) -> int:
        try:
            found = FAILED if wire.Status.FromString(status).code == ERROR_STATUS else 0
        except DecodeError:
            found = DAMAGED
        if len(status) <= MAX_REMEMBERED:
            self[status] = found
        return found


STATUSES = _Statuses()


def read_span(raw: bytes, keys: Iterable[str], resource: Mapping[str, Value]) -> Span:
    """Read a span.

    Args:
        raw: Its bytes.
        keys: The attributes to read.
        resource: What matters of its resource.

    Raises:
        DecodeFailed: The bytes are no span.
    """
    span = parse(wire.Span, raw)
    status = STATUSES[span.status]
    if status == DAMAGED:
        raise DecodeFailed("not_protobuf", "its status is damaged")
    chunk_ns, exception = _events(span.events)
    return Span(
        trace_id=span.trace_id,
        span_id=span.span_id,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        failed=status == FAILED,
        attributes=read_attributes(span.attributes, keys),
        resource=resource,
        first_chunk_ns=chunk_ns,
        exception_type=exception,
        parent_id=span.parent_span_id,
    )


def _events(raws: Iterable[bytes]) -> tuple[int, str]:
    """Give the time of the first event that marks a token, and the type of the last exception."""
    chunk_ns, exception = -1, ""
    for raw in raws:
        try:
            event = wire.Event.FromString(raw)
        except DecodeError:
            continue  # events only add to what the span says
        if event.name in _CHUNKS and chunk_ns < 0:
            chunk_ns = event.time_unix_nano
        elif event.name == EXCEPTION.encode() and EXCEPTION_TYPE in event.attributes:
            exception = text(any_value(event.attributes[EXCEPTION_TYPE])) or exception
    return chunk_ns, exception
