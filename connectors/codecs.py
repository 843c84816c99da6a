"""Bytes to events, decisions and summaries, and back: the JSON that leaves and enters.

One value has one form: keys sorted, instants in UTC ending in `Z`, floats rounded to 9 significant
digits, and neither NaN nor infinity. So equal decisions are equal bytes, on any lane.
"""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from functools import partial
from itertools import islice
from types import NoneType
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID, uuid5

import msgspec

from connectors import schemas
from connectors.alerts import check_alert
from connectors.bounds import check_bounds
from connectors.orders import check_order
from connectors.reports import check_report
from optimizer.decisions import OptimizationDecision
from optimizer.documents import Document
from optimizer.errors import DecodeFailed, InvalidEvent
from optimizer.events import Alert, CloudEvent, FeedbackEvent, Order, Report, Score
from optimizer.findings import NAMESPACE, Finding
from optimizer.rollouts import RolloutProgress
from optimizer.windows import WindowSummary

T = TypeVar("T")
Said = Finding | OptimizationDecision | WindowSummary | Document | RolloutProgress

_FAULTS, _FAULT_LETTERS = 5, 200  # told at most of one value

_encoder = msgspec.json.Encoder(order="sorted")


def to_json(value: object) -> bytes:
    """Write a value.

    Args:
        value: A dataclass of the domain, or anything JSON can hold.

    Returns:
        Its only form in JSON, UTF-8.

    Raises:
        InvalidEvent: It holds something JSON cannot hold; the message names the field.
    """
    return _encoder.encode(plain(value))


def from_json(type_: type[T], data: bytes) -> T:
    """Read a value, checking every field; fields that the type does not have are passed over.

    Args:
        type_: Its dataclass.
        data: JSON, UTF-8.

    Raises:
        DecodeFailed: The bytes are not JSON.
        InvalidEvent: A field is missing, of the wrong type, or contradicts another one.
    """
    try:
        msgspec.json.decode(data)  # stricter than pydantic's parser, which lets NaN pass
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeFailed("not_json", str(error)) from error
    try:
        value: T = schemas.validator(type_).validate_json(data, strict=True)
    except ValueError as error:  # pydantic's own error is one
        raise InvalidEvent(f"{type_.__name__}: {_told(error)}") from error
    if isinstance(value, FeedbackEvent):
        check_event(value)
    return value


def read_event(data: bytes) -> FeedbackEvent:
    """Read a feedback event from outside; errors are those of `from_json` and `check_bounds`."""
    event = from_json(FeedbackEvent, data)
    check_bounds(event)
    return event


def json_schema(type_: type) -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of a type, under its address where it has one."""
    schema = schemas.json_schema(type_)
    return {"$id": schema_address(type_), **schema} if type_ in _PUBLISHED else schema


def schema_address(type_: type) -> str:
    """Give the address of the JSON Schema of a type that is published."""
    return f"https://llm-optimizer.dev/schemas/{_PUBLISHED[type_]}/1.json"


def cloud_event(value: Said, service_name: str) -> CloudEvent:
    """Wrap what is said for the outside.

    Each status a finding or decision takes is an event of its own, and so is each look at a
    rollout; saying it again has the same id.

    Args:
        value: What is said.
        service_name: Names the source.
    """
    name = _PUBLISHED[type(value)]
    identity, time = _identity(value), instant_of(value)
    kind = f"io.llmops.optimizer.{name}.v1"
    return CloudEvent(
        id=str(uuid5(NAMESPACE, "\n".join((kind, *identity, time.isoformat())))),
        source=f"/llm-optimizer/{quote(service_name, safe='')}",
        type=kind,
        subject=value.route,
        time=time,
        dataschema=schema_address(type(value)),
        partitionkey=value.route,
        data=plain(value),
    )


_PUBLISHED: Mapping[type, str] = {
    Finding: "finding",
    OptimizationDecision: "decision",
    WindowSummary: "window",
    Document: "document",
    RolloutProgress: "rollout",
}


def instant_of(value: Said) -> datetime:
    """Give when what is said became so."""
    match value:
        case OptimizationDecision():
            return value.updated_at
        case Finding():
            return value.until or value.seen
        case WindowSummary():
            return value.end
        case Document():
            return value.created_at
        case RolloutProgress():
            return value.at


def _identity(value: Said) -> tuple[str, ...]:
    """Give what tells an event from every other one of its type and instant."""
    match value:
        case OptimizationDecision():
            return (value.id, value.status)
        case Finding():
            return (value.id, value.status, value.severity)
        case WindowSummary():
            return (value.route, value.arm, str(value.revision), value.kind)
        case Document():
            return (value.route, str(value.revision))
        case RolloutProgress():
            return (value.route, value.decision_id)


def check_event(event: FeedbackEvent) -> None:
    """Refuse an event that contradicts itself.

    Raises:
        InvalidEvent: A score outside [0, 1]; an alert, order or report as `check_alert`,
            `check_order` or `check_report` refuses it.
    """
    match event.data:
        case Score(value=value) if not 0 <= value <= 1:
            raise InvalidEvent(f"FeedbackEvent: data.value is {value:g}: must be in [0, 1]")
        case Alert():
            check_alert(event, event.data)
        case Report():
            check_report(event, event.data)
        case Order():
            check_order(event, event.data)


def plain(value: object) -> Any:
    """Give a value as the JSON types it is written with, keys not yet sorted.

    Raises:
        InvalidEvent: It holds something JSON cannot hold; the message names the field.
    """
    return _ways[type(value)](value)


class _Ways(dict[type, Callable[[Any], Any]]):
    """How values of each type are written; looked up a million times, worked out once."""

    def __missing__(self, kind: type) -> Callable[[Any], Any]:
        way = self[kind] = self._way(kind)
        return way

    @staticmethod
    def _way(kind: type) -> Callable[[Any], Any]:
        if is_dataclass(kind):
            return partial(_fields, tuple(field.name for field in fields(kind)))
        for base, way in _BASES.items():
            if issubclass(kind, base):
                return way
        raise InvalidEvent(f"{kind.__name__} has no form in JSON")


_ways = _Ways()


def _as_it_is(value: object) -> object:
    return value


def _rounded(value: float) -> float:
    if not math.isfinite(value):
        raise InvalidEvent(f"{value} has no form in JSON")
    return float(f"{value:.9g}") + 0.0  # no minus zero


def _in_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise InvalidEvent(f"{value} has no time zone")
    return value.astimezone(UTC)


def _fields(names: tuple[str, ...], value: object) -> dict[str, Any]:
    written = {}
    name = ""
    try:
        for name in names:
            item = getattr(value, name)
            written[name] = _ways[type(item)](item)
    except InvalidEvent as error:
        raise InvalidEvent(f"{type(value).__name__}.{name}: {error}") from error
    return written


def _mapping(value: Mapping[str, object]) -> dict[str, Any]:
    return {key: _ways[type(item)](item) for key, item in value.items()}


def _items(value: list[object] | tuple[object, ...]) -> list[Any]:
    return [_ways[type(item)](item) for item in value]


def _in_base64(value: bytes) -> str:
    return b64encode(value).decode()


_BASES: Mapping[Any, Callable[[Any], Any]] = {
    (str, int, NoneType, Enum, timedelta, UUID): _as_it_is,
    float: _rounded,
    datetime: _in_utc,
    Mapping: _mapping,
    (list, tuple): _items,
    bytes: _in_base64,
}


def _told(error: ValueError) -> str:
    """Say what was wrong with the first few fields, not which values, for they may be private."""
    from pydantic_core import ValidationError  # noqa: PLC0415 - it is loaded by now

    if not isinstance(error, ValidationError):
        return str(error)
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    told = (f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in faults)
    return "; ".join(fault[:_FAULT_LETTERS] for fault in islice(told, _FAULTS))
