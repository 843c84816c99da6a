"""Calls as other systems write them: Sentinel's TelemetryEvent and Observatory's LlmSpan.

Each becomes an OTLP span in the terms of OpenTelemetry's conventions, and is read like any other:
routes, arms, prices, repeats and refusals are those of spans. Prompts and answers are left behind.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.members import Members
from optimizer.errors import InvalidEvent
from optimizer.events import nanoseconds
from optimizer.observe.aliases import SERVICE, STAMP

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

MAX_LATENCY_MS = 86_400_000.0
ERROR = 2  # OTLP's status code
OPERATIONS = {"text": "text_completion", "completion": "text_completion", "embedding": "embeddings"}
_HEX = re.compile(r"[0-9a-fA-F]*")
_TRACE, _SPAN = 32, 16  # hexadecimal digits
Attribute = str | bool | float | None


class CallSpan(NamedTuple):
    """A call on its way to be an OTLP span.

    Attributes:
        ids: Its trace id and its span id, hexadecimal.
        start_ns: When it began.
        end_ns: When it ended.
        failed: It ended in an error.
        service: Who made it; `""` when not told.
        attributes: What is told of it; None for what is not.
    """

    ids: tuple[str, str]
    start_ns: int
    end_ns: int
    failed: bool
    service: str
    attributes: Mapping[str, Attribute]


def is_call(content: Mapping[str, object]) -> bool:
    """Tell whether a JSON object is one of these shapes."""
    told = Members(content)
    return _is_llm_span(told) or (
        told.has("latency_ms")
        and (
            told.has("model", "prompt", "response")
            or told.has("model_name", "prompt_tokens", "completion_tokens")
        )
    )


def read_call(content: Mapping[str, object], time: datetime | None) -> CallSpan:
    """Read either shape.

    Args:
        content: The object.
        time: When it happened, where it does not say so itself.

    Raises:
        InvalidEvent: It does not say when it happened or how long it took, or a member has the
            wrong type.
    """
    told = Members(content)
    return _llm_span(told, time) if _is_llm_span(told) else _telemetry_event(told, time)


def as_request(calls: Iterable[CallSpan]) -> bytes:
    """Write calls as one OTLP/JSON request."""
    return msgspec.json.encode({"resourceSpans": [_resource_spans(call) for call in calls]})


def _is_llm_span(told: Members) -> bool:
    return told.has("span_id", "provider", "latency")


def _telemetry_event(told: Members, time: datetime | None) -> CallSpan:
    """Read a TelemetryEvent: as Sentinel's parser wants it, or flat as its examples send it."""
    prompt, response = told.inside("prompt"), told.inside("response")
    latency_ms = _latency_ms(told, "latency_ms")
    if latency_ms is None:
        raise InvalidEvent("latency_ms: must be told")
    end_ns = nanoseconds(_told(told.instant("timestamp") or time, "timestamp"))
    errors = told.content.get("errors")
    return CallSpan(
        ids=_ids(told, told.text("event_id", "request_id")),
        start_ns=end_ns - round(latency_ms * 1e6),  # it is written when the answer has come
        end_ns=end_ns,
        failed=bool(errors) or bool(told.text("error")),
        service=told.text("service_name"),
        attributes={
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": told.name("provider"),
            "gen_ai.request.model": told.text("model", "model_name"),
            "gen_ai.usage.input_tokens": _either(told, "prompt_tokens", prompt, "tokens"),
            "gen_ai.usage.output_tokens": _either(told, "completion_tokens", response, "tokens"),
            "gen_ai.usage.cost": told.number("cost_usd"),
            **_stamps(told.inside("metadata")),
        },
    )


def _llm_span(told: Members, time: datetime | None) -> CallSpan:
    """Read an LlmSpan."""
    latency, usage, metadata = map(told.inside, ("latency", "token_usage", "metadata"))
    total_ms = _latency_ms(latency, "total_ms") or 0.0
    ttft_ms = _latency_ms(latency, "ttft_ms")
    start = latency.instant("start_time")
    end_ns = nanoseconds(_told(latency.instant("end_time") or start or time, "latency.end_time"))
    if start and not latency.instant("end_time"):
        end_ns += round(total_ms * 1e6)
    labels = {**metadata.inside("attributes").content, **told.inside("attributes").content}
    kind = told.inside("input").word("type")
    cost = told.inside("cost")
    return CallSpan(
        ids=_ids(told, told.text("span_id")),
        start_ns=nanoseconds(start) if start else end_ns - round(total_ms * 1e6),
        end_ns=end_ns,
        failed=told.text("status").upper() == "ERROR",
        service=_label(labels, SERVICE) or _label(labels, "service"),
        attributes={
            "gen_ai.operation.name": OPERATIONS.get(kind, "chat"),
            "gen_ai.provider.name": told.name("provider"),
            "gen_ai.request.model": told.text("model"),
            "gen_ai.request.stream": None if ttft_ms is None else True,
            "gen_ai.response.time_to_first_chunk": None if ttft_ms is None else ttft_ms / 1000,
            "gen_ai.usage.input_tokens": usage.number("prompt_tokens"),
            "gen_ai.usage.output_tokens": usage.number("completion_tokens"),
            "gen_ai.usage.cost": _dollars(cost),
            **_stamps(Members(labels)),
        },
    )


def _told(instant: datetime | None, name: str) -> datetime:
    if instant is None:
        raise InvalidEvent(f"{name}: must be told")
    return instant


def _latency_ms(told: Members, name: str) -> float | None:
    latency_ms = told.number(name)
    if latency_ms is not None and not 0 <= latency_ms <= MAX_LATENCY_MS:
        raise InvalidEvent(f"{told.place}{name} is {latency_ms:g}: must be in 0 to a day")
    return latency_ms


def _either(told: Members, name: str, inner: Members, inner_name: str) -> float | None:
    flat = told.number(name)
    return inner.number(inner_name) if flat is None else flat


def _dollars(cost: Members) -> float | None:
    return cost.number("amount_usd") if cost.text("currency") in {"", "USD"} else None


def _stamps(labels: Members) -> dict[str, Attribute]:
    stamps = {name: value for name, value in labels.content.items() if name.startswith(STAMP)}
    return {name: value for name, value in stamps.items() if isinstance(value, str | int | float)}


def _label(labels: Mapping[str, object], name: str) -> str:
    value = labels.get(name)
    return Members({name: value}).text(name) if isinstance(value, str) else ""


def _ids(told: Members, own: str) -> tuple[str, str]:
    """Give trace and span id; what is no OpenTelemetry id becomes one, the same for a repeat."""
    span, trace = told.text("span_id"), told.text("trace_id")
    if not (span or own):
        raise InvalidEvent("event_id: must be told, or repeats could not be recognised")
    return _id(trace or own, _TRACE), _id(span or own, _SPAN)


def _id(text: str, digits: int) -> str:
    if len(text) == digits and _HEX.fullmatch(text) and text.strip("0"):
        return text
    return hashlib.blake2b(text.encode(), digest_size=digits // 2).hexdigest()


def _resource_spans(call: CallSpan) -> dict[str, Any]:
    trace_id, span_id = call.ids
    span = {
        "traceId": trace_id,
        "spanId": span_id,
        "startTimeUnixNano": str(call.start_ns),
        "endTimeUnixNano": str(call.end_ns),
        "attributes": _attributes(call.attributes),
        "status": {"code": ERROR} if call.failed else {},
    }
    resource = {"attributes": _attributes({SERVICE: call.service})}
    return {"resource": resource, "scopeSpans": [{"spans": [span]}]}


def _attributes(told: Mapping[str, Attribute]) -> list[dict[str, object]]:
    return [
        {"key": name, "value": _value(value)}
        for name, value in told.items()
        if value is not None and value != ""
    ]


def _value(value: Attribute) -> dict[str, object]:
    match value:
        case bool():
            return {"boolValue": value}
        case str():
            return {"stringValue": value}
        case _:
            return {"doubleValue": value}
