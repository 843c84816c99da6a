"""OTLP traces in JSON: every span goes through the reference reading."""

from __future__ import annotations

from binascii import unhexlify
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.otlp.spans import RESOURCE_KEYS
from optimizer.errors import DecodeFailed
from optimizer.observe.aliases import EXCEPTION, EXCEPTION_TYPE, FIRST_CHUNK
from optimizer.observe.normalize import Span
from optimizer.observe.values import text, whole

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from optimizer.observe.values import Value

ERROR_STATUS = (2, "2", "STATUS_CODE_ERROR")
# How JSON spells the doubles it has no numbers for.
_NO_NUMBERS = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
# What msgspec lets escape beside its own errors: endless nesting, text that is not UTF-8.
_UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)


class _AnyValue(msgspec.Struct, rename="camel", gc=False):
    """The scalar values; lists, maps and bytes are skipped unread."""

    string_value: Any = None
    bool_value: Any = None
    int_value: Any = None
    double_value: Any = None


class _KeyValue(msgspec.Struct, gc=False):
    key: str = ""
    value: _AnyValue | None = None


class _Event(msgspec.Struct, rename="camel"):
    time_unix_nano: Any = None
    name: str | None = None
    attributes: list[_KeyValue] | None = None


class _Status(msgspec.Struct):
    code: Any = None


class _Span(msgspec.Struct, rename="camel"):
    trace_id: str | None = None
    span_id: str | None = None
    start_time_unix_nano: Any = None
    end_time_unix_nano: Any = None
    attributes: list[_KeyValue] | None = None
    events: list[_Event] | None = None
    status: _Status | None = None


class _Scope(msgspec.Struct):
    name: str | None = None


class _ScopeSpans(msgspec.Struct):
    scope: _Scope | None = None
    spans: list[msgspec.Raw] | None = None


class _Resource(msgspec.Struct):
    attributes: list[_KeyValue] | None = None


class _ResourceSpans(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_spans: list[_ScopeSpans] | None = None


class _Request(msgspec.Struct, rename="camel"):
    resource_spans: list[_ResourceSpans] | None = None


_REQUESTS = msgspec.json.Decoder(_Request)
_SPANS = msgspec.json.Decoder(_Span)


def raw_spans(
    body: bytes, resource_keys: Container[str] = RESOURCE_KEYS
) -> Iterator[tuple[Mapping[str, Value], str, Sequence[msgspec.Raw]]]:
    """Give what matters of each resource, the name of each of its scopes, and the scope's spans.

    Args:
        body: A request.
        resource_keys: The attributes of resources to read.

    Raises:
        DecodeFailed: The body is no request.
    """
    try:
        request = _REQUESTS.decode(body)
    except _UNREADABLE as fault:
        raise DecodeFailed("not_otlp_json", str(fault)) from None
    for resource_spans in request.resource_spans or ():
        resource = resource_spans.resource
        attributes = _attributes(resource.attributes if resource else None, resource_keys)
        for scope_spans in resource_spans.scope_spans or ():
            scope = scope_spans.scope
            yield attributes, (scope and scope.name) or "", scope_spans.spans or ()


def read_span(raw: bytes, keys: Container[str], resource: Mapping[str, Value]) -> Span:
    """Read a span.

    Args:
        raw: Its JSON.
        keys: The attributes to read.
        resource: What matters of its resource.

    Raises:
        DecodeFailed: It is no span.
    """
    try:
        span = _SPANS.decode(raw)
    except _UNREADABLE as fault:
        raise DecodeFailed("not_otlp_json", str(fault)) from None
    chunk_ns, exception = _events(span.events or ())
    return Span(
        trace_id=_octets(span.trace_id),
        span_id=_octets(span.span_id),
        start_ns=whole(_scalar(span.start_time_unix_nano)) or 0,
        end_ns=whole(_scalar(span.end_time_unix_nano)) or 0,
        failed=span.status is not None and _scalar(span.status.code) in ERROR_STATUS,
        attributes=_attributes(span.attributes, keys),
        resource=resource,
        first_chunk_ns=chunk_ns,
        exception_type=exception,
    )


def _events(events: Sequence[_Event]) -> tuple[int, str]:
    """Give the time of the first event that marks a token, and the type of the last exception."""
    chunk_ns, exception = -1, ""
    for event in events:
        if event.name in FIRST_CHUNK and chunk_ns < 0:
            chunk_ns = whole(_scalar(event.time_unix_nano)) or 0
        elif event.name == EXCEPTION:
            found = _attributes(event.attributes, (EXCEPTION_TYPE,))
            exception = text(found.get(EXCEPTION_TYPE)) or exception
    return chunk_ns, exception


def _attributes(pairs: Sequence[_KeyValue] | None, keys: Container[str]) -> dict[str, Value]:
    return {pair.key: _value(pair.value) for pair in pairs or () if pair.key in keys}


def _value(value: _AnyValue | None) -> Value:
    """Give a scalar; integers may be written as text, doubles as names."""
    if value is None:
        return None
    if value.string_value is not None:
        return _scalar(value.string_value)
    if value.bool_value is not None:
        return _scalar(value.bool_value)
    if value.int_value is not None:
        return whole(_scalar(value.int_value))
    found = _scalar(value.double_value)
    return _NO_NUMBERS.get(found, found) if isinstance(found, str) else found


def _scalar(value: Any) -> Value:
    return value if isinstance(value, (str, bool, int, float)) else None


def _octets(text_of_id: str | None) -> bytes:
    """Read an id in hexadecimal of any case; empty when it is none."""
    try:
        return unhexlify(text_of_id or "")
    except ValueError:
        return b""
