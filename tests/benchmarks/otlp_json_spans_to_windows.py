"""OTLP/JSON to closed windows through the whole job: the load of `otlp_spans_to_windows` as JSON.

About 1,500 bytes a span, 512 spans a message, written as compactly as collectors do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from dataflows.ingest import RecordingSource
from optimizer.observe.columns import Record, RecordKind
from tests.benchmarks.figures import Figure, rate
from tests.benchmarks.job import MemoryReader, run_source, settings
from tests.benchmarks.otlp_load import messages
from tests.benchmarks.otlp_spans_to_windows import SPANS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

_NAMES = {
    "string_value": "stringValue",
    "bool_value": "boolValue",
    "int_value": "intValue",
    "double_value": "doubleValue",
    "array_value": "arrayValue",
}


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:
    """Measure 250,000 spans; `data` is not read."""
    del data
    count = 20 if small else 500
    records = [
        Record("p0", number, 1 << 61, RecordKind.OTLP, as_json(body))
        for number, body in enumerate(messages(count, spans_per_message=SPANS, seed=1))
    ]
    windows = []

    def once() -> None:
        windows.append(run_source(RecordingSource(MemoryReader(records), ["p0"]), settings()))

    yield from rate("otlp_json_spans_to_windows", count * SPANS, once, 1 if small else 5)
    yield Figure("otlp_json_windows_closed", windows[-1], "windows")


def as_json(body: bytes) -> bytes:
    """Give a request of the load as JSON, quicker than the official classes do."""
    content = [
        {
            "resource": {"attributes": _attributes(resource_spans.resource.attributes)},
            "scopeSpans": [
                {
                    "scope": {"name": scope_spans.scope.name, "version": scope_spans.scope.version},
                    "spans": [_span(span) for span in scope_spans.spans],
                }
                for scope_spans in resource_spans.scope_spans
            ],
        }
        for resource_spans in TracesData.FromString(body).resource_spans
    ]
    return msgspec.json.encode({"resourceSpans": content})


def _span(span: Span) -> dict[str, Any]:
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_time_unix_nano),
        "endTimeUnixNano": str(span.end_time_unix_nano),
        "attributes": _attributes(span.attributes),
        "status": {"code": span.status.code} if span.status.code else {},
        "flags": span.flags,
    }


def _attributes(pairs: Iterable[KeyValue]) -> list[dict[str, Any]]:
    return [{"key": pair.key, "value": _value(pair.value)} for pair in pairs]


def _value(value: AnyValue) -> dict[str, Any]:
    name = value.WhichOneof("value")
    assert name in _NAMES
    content = getattr(value, name)
    if name == "int_value":
        content = str(content)
    elif name == "array_value":
        content = {"values": [_value(item) for item in content.values]}
    return {_NAMES[name]: content}
