"""What OTLP means, read with the official classes: the oracle that the decoder is held against."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, NamedTuple

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.trace.v1.trace_pb2 import Status, TracesData

from connectors.otlp.dialects import dialect_of
from optimizer.errors import DecodeFailed
from optimizer.events import Call
from optimizer.observe.identify import NOTHING_MORE, Identities
from optimizer.observe.normalize import Normalizer, Span
from optimizer.observe.price import PriceTable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    from optimizer.observe.identify import Claims
    from optimizer.observe.price import Book
    from optimizer.observe.values import Value
    from optimizer.settings import Settings


FIRST_CHUNKS = {
    "First Token Stream Event",
    "gen_ai.content.completion.chunk",
    "ai.stream.firstChunk",
}


class Verdict(NamedTuple):
    """What a request says.

    Attributes:
        calls: Its calls, in order.
        reasons: Why others were refused, in order.
        others: How many spans are no calls.
        shadowed: How many are calls that another producer reports.
    """

    calls: list[Call]
    reasons: list[str]
    others: int
    shadowed: int


def judge(
    body: bytes, settings: Settings, prices: Book, tenant: str, claims: Claims = NOTHING_MORE
) -> Verdict:
    """Read a request span by span, in the slow and obvious way."""
    normalizer = Normalizer(
        Identities(settings.routes, tenant, claims),
        PriceTable(prices),
        trust_reported=settings.prices.trust_reported,
    )
    calls, reasons, others, shadowed = [], [], 0, 0
    for span in spans_of(body):
        try:
            reading, call = normalizer.read(span), normalizer.normalize(span)
        except DecodeFailed as failed:
            reasons.append(failed.reason)
        else:
            calls += [call] if call else []
            others += reading is None
            shadowed += reading is not None and call is None
    return Verdict(calls, reasons, others, shadowed)


def spans_of(body: bytes) -> Iterator[Span]:
    """Give the spans of a request, with the attributes their dialects read."""
    for resource_spans in TracesData.FromString(body).resource_spans:
        resource = attributes_of(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            dialect = dialect_of(scope_spans.scope.name)
            for span in scope_spans.spans:
                chunks = [
                    event.time_unix_nano for event in span.events if event.name in FIRST_CHUNKS
                ]
                attributes = attributes_of(span.attributes)
                yield Span(
                    trace_id=span.trace_id,
                    span_id=span.span_id,
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    failed=span.status.code == Status.STATUS_CODE_ERROR,
                    attributes={key: attributes[key] for key in attributes.keys() & dialect.names},
                    resource=resource,
                    first_chunk_ns=chunks[0] if chunks else -1,
                    exception_type=_exception(span.events),
                    cached_apart=dialect.cached_apart,
                    producer=dialect.producer,
                )


def _exception(events: Iterable[object]) -> str:
    types = [
        attributes_of(event.attributes).get("exception.type")
        for event in events
        if event.name == "exception"
    ]
    return next((found for found in reversed(types) if isinstance(found, str) and found), "")


def attributes_of(pairs: Iterable[KeyValue]) -> Mapping[str, Value]:
    """Give the scalar attributes; of a key that stands twice, the last."""
    return {pair.key: _scalar(pair.value) for pair in pairs}


def _scalar(value: AnyValue) -> Value:
    kind = value.WhichOneof("value")
    if kind in {"string_value", "bool_value", "int_value", "double_value"}:
        return getattr(value, kind)
    return None


def as_json(body: bytes) -> bytes:
    """Give a protobuf request as OTLP/JSON: ids in hexadecimal, enums as numbers."""
    content = MessageToDict(TracesData.FromString(body), use_integers_for_enums=True)
    for resource_spans in content.get("resourceSpans", ()):
        for scope_spans in resource_spans.get("scopeSpans", ()):
            for span in scope_spans.get("spans", ()):
                for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
                    span[name] = base64.b64decode(span[name]).hex()
    return json.dumps(content).encode()


def from_json(text: bytes) -> bytes:
    """Give an OTLP/JSON request in protobuf."""
    from google.protobuf.json_format import ParseDict  # noqa: PLC0415 - the inverse of the above

    content = json.loads(text)
    for resource_spans in content.get("resourceSpans", ()):
        for scope_spans in resource_spans.get("scopeSpans", ()):
            for span in scope_spans.get("spans", ()):
                for name in {"traceId", "spanId", "parentSpanId"} & span.keys():
                    span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return ParseDict(content, TracesData()).SerializeToString()
