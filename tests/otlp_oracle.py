"""What OTLP means, read with the official classes: the oracle that the decoder is held against."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.trace.v1.trace_pb2 import Status, TracesData

from connectors.otlp.dialects import dialect_of
from optimizer.errors import DecodeFailed
from optimizer.events import Call
from optimizer.observe.call_ids import call_ids, owned
from optimizer.observe.identify import NOTHING_MORE, Identities
from optimizer.observe.normalize import Normalizer
from optimizer.observe.price import PriceTable
from optimizer.observe.readings import Span

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

    from optimizer.observe.identify import Claims
    from optimizer.observe.price import Book
    from optimizer.observe.readings import Reading
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
        assigned: The calls that it tells the start of, as they are if they hang.
    """

    calls: list[Call]
    reasons: list[str]
    others: int
    shadowed: int
    assigned: list[Call]


def judge(
    body: bytes, settings: Settings, prices: Book, tenant: str, claims: Claims = NOTHING_MORE
) -> Verdict:
    """Read a request span by span, in the slow and obvious way."""
    normalizer = Normalizer(
        Identities(settings.routes, tenant, claims),
        PriceTable(prices),
        trust_reported=settings.prices.trust_reported,
    )
    calls, reasons, others, shadowed, assigned = [], [], 0, 0, []
    for span in spans_of(body):
        try:
            reading, call = normalizer.read(span), normalizer.normalize(span)
        except DecodeFailed as failed:
            reasons.append(failed.reason)
        else:
            begun = [reading] if reading and reading.kind.assigned else []
            assigned += [hanging(one, span) for one in begun if not one.kind.shadowed]
            calls += [call] if call else []
            others += reading is None or any(one.kind.shadowed for one in begun)
            shadowed += reading is not None and call is None and not begun
    return Verdict(calls, reasons, others, shadowed, assigned)


def hanging(reading: Reading, span: Span) -> Call:
    """Give the call that a span tells the start of, as it is if it hangs."""
    ids = call_ids(np.frombuffer(span.trace_id + span.parent_id, "<u8").reshape(1, 3))
    return Call(
        **reading.kind.key._asdict(),
        slot=reading.slot,
        call_id=int(owned(ids, np.array([reading.kind.owner], np.uint64))[0]),
        end_ns=span.start_ns + reading.latency_ns,
        latency_ns=reading.latency_ns,
        cost_nusd=0,
        failed=True,
        error_type="hang",
    )


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
                    parent_id=span.parent_span_id,
                    assigns=dialect.assigns and span.name == "llm.optimizer.assignment",
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
