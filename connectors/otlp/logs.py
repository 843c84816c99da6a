"""OTLP log records, protobuf or JSON, as far as scores need them; slim, as spans are read."""

from __future__ import annotations

import struct
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from google.protobuf import descriptor_pb2

from connectors.otlp import wire
from connectors.otlp.any_value import REAL, TEXT, any_value
from connectors.otlp.json_requests import KeyValue, parse as parse_json
from connectors.otlp.json_spans import nanoseconds, octets, read_value
from connectors.otlp.letters import block
from connectors.otlp.spans import parse
from optimizer.errors import DecodeFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from optimizer.observe.values import Value

_Field = descriptor_pb2.FieldDescriptorProto
_ONE, _MANY = _Field.LABEL_OPTIONAL, _Field.LABEL_REPEATED
_BYTES, _FIXED64 = _Field.TYPE_BYTES, _Field.TYPE_FIXED64
_MESSAGES: Mapping[str, wire.Fields] = {
    "Request": (("resource_logs", 1, "ResourceLogs", _MANY),),
    "ResourceLogs": (("resource", 1, _BYTES, _ONE), ("scope_logs", 2, "ScopeLogs", _MANY)),
    "ScopeLogs": (("log_records", 2, _BYTES, _MANY),),
    "LogRecord": (
        ("time_unix_nano", 1, _FIXED64, _ONE),
        ("attributes", 6, wire.MAP, _MANY),
        ("trace_id", 9, _BYTES, _ONE),
        ("span_id", 10, _BYTES, _ONE),
        ("observed_time_unix_nano", 11, _FIXED64, _ONE),
        ("event_name", 12, _BYTES, _ONE),
    ),
}
_Request, _LogRecord = wire.build("logs", _MESSAGES, ["Request", "LogRecord"])
_FIRST, _SECOND = 0x0A, 0x12  # tags: the first and the second field, of bytes
_SHORT = 0x7F
_REAL = struct.Struct("<Bd")


class Log(NamedTuple):
    """One log record.

    Attributes:
        event: The name of the event it is; `""` for none.
        trace: Its trace id; empty where it is not told.
        span: Its span id.
        time_ns: When it happened, else when it was noticed; -1 where neither is told.
        attributes: Those asked for that it has.
        resource: And those of its resource.
        alone: Gives a request of this record alone, its resource cut down to what was read.
    """

    event: str
    trace: bytes
    span: bytes
    time_ns: int
    attributes: Mapping[str, Value]
    resource: Mapping[str, Value]
    alone: Callable[[], bytes]


class DamagedLog(NamedTuple):
    """A log record that cannot be read.

    Attributes:
        error: Why.
        alone: Gives a request of this record alone.
    """

    error: DecodeFailed
    alone: Callable[[], bytes]


class LogReader:
    """Reads log records.

    Args:
        keys: The attributes to read, two at least.
        resource_keys: And those of resources.
    """

    def __init__(self, keys: tuple[str, ...], resource_keys: tuple[str, ...]) -> None:
        self._keys = keys
        self._known_keys = frozenset(keys)
        self._get = itemgetter(*keys)
        self._resource_keys = resource_keys

    def read(self, body: bytes) -> Iterator[Log | DamagedLog]:
        """Give the log records of an `ExportLogsServiceRequest`.

        Raises:
            DecodeFailed: Nothing of it can be read.
        """
        if body[:1] in {b"", b"\x0a"}:
            return self._protobuf(body)
        if body[:1] == b"{":
            return self._json(body)
        detail = f"begins with {body[:4].hex()}: must be protobuf (0a) or JSON (7b)"
        raise DecodeFailed("not_otlp", detail)

    def _protobuf(self, body: bytes) -> Iterator[Log | DamagedLog]:
        for resource_logs in parse(_Request, body).resource_logs:
            found = parse(wire.Resource, resource_logs.resource).attributes
            raws = {key: found[key] for key in self._resource_keys if key in found}
            resource = {key: any_value(raw) for key, raw in raws.items()}
            kept = block(_FIRST, wire.Resource(attributes=raws).SerializeToString())
            for scope_logs in resource_logs.scope_logs:
                for raw in scope_logs.log_records:
                    yield self._from_protobuf(raw, resource, kept)

    def _from_protobuf(
        self, raw: bytes, resource: Mapping[str, Value], kept: bytes
    ) -> Log | DamagedLog:
        def alone() -> bytes:
            return block(_FIRST, kept + block(_SECOND, block(_SECOND, raw)))

        try:
            record = parse(_LogRecord, raw)
        except DecodeFailed as error:
            return DamagedLog(error, alone)
        values = zip(self._keys, self._get(record.attributes), strict=True)
        return Log(
            event=record.event_name.decode(errors="replace"),
            trace=record.trace_id,
            span=record.span_id,
            time_ns=record.time_unix_nano or record.observed_time_unix_nano or -1,
            attributes={key: _value(value) for key, value in values if value},
            resource=resource,
            alone=alone,
        )

    def _json(self, body: bytes) -> Iterator[Log | DamagedLog]:
        for resource_logs in parse_json(_REQUESTS, body).resource_logs or ():
            told = resource_logs.resource
            pairs = [p for p in (told and told.attributes) or () if p.key in self._resource_keys]
            resource = {pair.key: read_value(bytes(pair.value)) for pair in pairs}
            kept = msgspec.json.encode({"attributes": pairs})
            for scope_logs in resource_logs.scope_logs or ():
                for raw in scope_logs.log_records or ():
                    yield self._from_json(bytes(raw), resource, kept)

    def _from_json(
        self, raw: bytes, resource: Mapping[str, Value], kept: bytes
    ) -> Log | DamagedLog:
        def alone() -> bytes:
            scope_logs = b'{"logRecords":[%b]}' % raw
            return b'{"resourceLogs":[{"resource":%b,"scopeLogs":[%b]}]}' % (kept, scope_logs)

        try:
            record = parse_json(_RECORDS, raw)
        except DecodeFailed as error:
            return DamagedLog(error, alone)
        time_ns = nanoseconds(record.time_unix_nano) or nanoseconds(record.observed_time_unix_nano)
        pairs = [pair for pair in record.attributes or () if pair.key in self._known_keys]
        return Log(
            event=record.event_name or "",
            trace=octets(record.trace_id),
            span=octets(record.span_id),
            time_ns=time_ns or -1,
            attributes={pair.key: read_value(bytes(pair.value)) for pair in pairs},
            resource=resource,
            alone=alone,
        )


def _value(raw: bytes) -> Value:
    """Read a value; short text and doubles, which nearly all are, the short way."""
    if raw[0] == TEXT and len(raw) > 1 and len(raw) - 2 == raw[1] <= _SHORT:
        return raw[2:].decode(errors="replace")
    if raw[0] == REAL and len(raw) == _REAL.size:
        return float(_REAL.unpack(raw)[1])
    return any_value(raw)


class _JsonRecord(msgspec.Struct, rename="camel", gc=False):
    time_unix_nano: Any = None
    observed_time_unix_nano: Any = None
    trace_id: str | None = None
    span_id: str | None = None
    event_name: str | None = None
    attributes: list[KeyValue] | None = None


class _Resource(msgspec.Struct):
    attributes: list[KeyValue] | None = None


class _ScopeLogs(msgspec.Struct, rename="camel"):
    log_records: list[msgspec.Raw] | None = None


class _ResourceLogs(msgspec.Struct, rename="camel"):
    resource: _Resource | None = None
    scope_logs: list[_ScopeLogs] | None = None


class _JsonRequest(msgspec.Struct, rename="camel"):
    resource_logs: list[_ResourceLogs] | None = None


_REQUESTS = msgspec.json.Decoder(_JsonRequest)
_RECORDS = msgspec.json.Decoder(_JsonRecord)
