"""OTLP traces as protobuf sees them here: slim descriptors, compatible on the wire.

Only what is read is declared; protobuf keeps the rest unread. Three tricks make it fast:

- Attributes are a map from key to *bytes*: an attribute is found in C, and its value stays
  undecoded until someone wants it. A missing key gives `b""`.
- Resources, scopes, statuses and events are bytes, so that they can be looked up as a whole.
- In `Transposed` whatever repeats is singular, so protobuf merges all spans of a request into one,
  whose ids and times, declared as repeated, come out as columns.

The syntax is proto2, which does not check keys for UTF-8: one bad text spoils nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_Field = descriptor_pb2.FieldDescriptorProto
_BYTES, _FIXED64, _STRING = _Field.TYPE_BYTES, _Field.TYPE_FIXED64, _Field.TYPE_STRING
_ONE, _MANY = _Field.LABEL_OPTIONAL, _Field.LABEL_REPEATED
MAP = "map<string, bytes>"

# Name, number, type (a message's name, or a scalar's code) and label of each field.
Fields = tuple[tuple[str, int, Any, "_Field.Label.ValueType"], ...]


def _requests(span: Fields, label: _Field.Label.ValueType) -> Mapping[str, Fields]:
    return {
        "Request": (("resource_spans", 1, "ResourceSpans", label),),
        "ResourceSpans": (
            ("resource", 1, _BYTES, _ONE),
            ("scope_spans", 2, "ScopeSpans", label),
        ),
        "ScopeSpans": (("scope", 1, _BYTES, _ONE), ("spans", 2, "Span", label)),
        "Span": span,
    }


_SLIM: Fields = (
    ("parent_span_id", 4, _BYTES, _ONE),
    ("name", 5, _BYTES, _ONE),
    ("attributes", 9, MAP, _MANY),
    ("events", 11, _BYTES, _MANY),
    ("status", 15, _BYTES, _ONE),
)
_IDS_AND_TIMES = (
    ("trace_id", 1, _BYTES, _MANY),
    ("span_id", 2, _BYTES, _MANY),
    ("start_time_unix_nano", 7, _FIXED64, _MANY),
    ("end_time_unix_nano", 8, _FIXED64, _MANY),
    ("events", 11, _BYTES, _MANY),
)
_WHOLE: Fields = tuple((name, number, kind, _ONE) for name, number, kind, _ in _IDS_AND_TIMES[:4])
_RAW: Mapping[str, Fields] = {
    "Request": (("resource_spans", 1, "ResourceSpans", _MANY),),
    "ResourceSpans": (("resource", 1, _BYTES, _ONE), ("scope_spans", 2, "ScopeSpans", _MANY)),
    "ScopeSpans": (("scope", 1, _BYTES, _ONE), ("spans", 2, _BYTES, _MANY)),
}
_PARTS: Mapping[str, Fields] = {
    "Resource": (("attributes", 1, MAP, _MANY),),
    "Scope": (("name", 1, _BYTES, _ONE),),
    "Event": (
        ("time_unix_nano", 1, _FIXED64, _ONE),
        ("name", 2, _BYTES, _ONE),
        ("attributes", 3, MAP, _MANY),
    ),
    "Status": (("code", 3, _Field.TYPE_INT64, _ONE),),
}


def build(package: str, messages: Mapping[str, Fields], names: Sequence[str]) -> list[Any]:
    """Make the named message classes in a pool of their own."""
    file = descriptor_pb2.FileDescriptorProto(name=f"{package}.proto", package=package)
    file.syntax = "proto2"
    for message_name, fields in messages.items():
        message = file.message_type.add(name=message_name)
        for name, number, type_, label in fields:
            if type_ == MAP:
                entry = message.nested_type.add(name="AttributesEntry")
                entry.options.map_entry = True
                entry.field.add(name="key", number=1, type=_STRING, label=_ONE)
                entry.field.add(name="value", number=2, type=_BYTES, label=_ONE)
            field = message.field.add(name=name, number=number, label=label)
            if isinstance(type_, str):
                field.type = _Field.TYPE_MESSAGE
                inner = f"{message_name}.AttributesEntry" if type_ == MAP else type_
                field.type_name = f".{package}.{inner}"
            else:
                field.type = type_
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    found = (pool.FindMessageTypeByName(f"{package}.{name}") for name in names)
    return [message_factory.GetMessageClass(item) for item in found]


(Slim,) = build("slim", _requests(_SLIM, _MANY), ["Request"])
(Transposed,) = build("transposed", _requests(_IDS_AND_TIMES, _ONE), ["Request"])
(Span,) = build("whole", {"Span": (*_WHOLE, *_SLIM)}, ["Span"])
(RawSpans,) = build("raw", _RAW, ["Request"])
Resource, Scope, Event, Status = build("parts", _PARTS, list(_PARTS))
