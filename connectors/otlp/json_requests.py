"""OTLP traces in JSON: what a request is made of; what not every reader wants stays undecoded."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

import msgspec

from optimizer.errors import DecodeFailed

T = TypeVar("T")

# What msgspec lets escape beside its own errors: endless nesting, text that is not UTF-8.
UNREADABLE = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)
_ABSENT = msgspec.Raw(b"")


class AnyValue(msgspec.Struct, rename="camel", gc=False):
    """The scalar values; lists, maps and bytes are skipped unread."""

    string_value: Any = None
    bool_value: Any = None
    int_value: Any = None
    double_value: Any = None


class KeyValue(msgspec.Struct, gc=False):
    """An attribute; its value stays undecoded until someone wants it."""

    key: str = ""
    value: msgspec.Raw = _ABSENT


class JsonSpan(msgspec.Struct, rename="camel", gc=False):
    """What matters of a span."""

    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    name: Any = None
    start_time_unix_nano: Any = None
    end_time_unix_nano: Any = None
    attributes: list[KeyValue] | None = None
    events: msgspec.Raw = _ABSENT
    status: msgspec.Raw = _ABSENT


class _ScopeSpans(msgspec.Struct, Generic[T]):
    scope: msgspec.Raw = _ABSENT
    spans: list[T] | None = None


class _ResourceSpans(msgspec.Struct, Generic[T], rename="camel"):
    resource: msgspec.Raw = _ABSENT
    scope_spans: list[_ScopeSpans[T]] | None = None


class Request(msgspec.Struct, Generic[T], rename="camel"):
    """A request, its spans decoded or as they came."""

    resource_spans: list[_ResourceSpans[T]] | None = None


class Event(msgspec.Struct, rename="camel"):
    """What matters of an event."""

    time_unix_nano: Any = None
    name: str | None = None
    attributes: list[KeyValue] | None = None


class Status(msgspec.Struct):
    """What matters of a status."""

    code: Any = None


class Scope(msgspec.Struct):
    """What matters of a scope."""

    name: str | None = None


class Resource(msgspec.Struct):
    """What matters of a resource."""

    attributes: list[KeyValue] | None = None


REQUESTS = msgspec.json.Decoder(Request[JsonSpan])
RAW_REQUESTS = msgspec.json.Decoder(Request[msgspec.Raw])
SPANS = msgspec.json.Decoder(JsonSpan)
VALUES = msgspec.json.Decoder(AnyValue | None)
LISTS = msgspec.json.Decoder(list[msgspec.Raw] | None)
EVENTS = msgspec.json.Decoder(Event)
STATUSES = msgspec.json.Decoder(Status | None)
SCOPES = msgspec.json.Decoder(Scope | None)
RESOURCES = msgspec.json.Decoder(Resource | None)


def parse(decoder: msgspec.json.Decoder[T], raw: bytes | msgspec.Raw) -> T:
    """Decode JSON.

    Raises:
        DecodeFailed: The bytes are not what the decoder is for.
    """
    try:
        return decoder.decode(raw)
    except UNREADABLE as fault:
        raise DecodeFailed("not_otlp_json", str(fault)) from None
