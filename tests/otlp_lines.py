"""Lines as the Collector's file exporter writes them: an export request in OTLP/JSON each."""

from __future__ import annotations

import json
import random

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


class Lines:
    """Makes lines of calls that are all different."""

    def __init__(self, service: str = "chat") -> None:
        self._service = service
        self._ids = random.Random(service)
        self.calls = 0

    def line(self, end_ns: int, calls: int = 1, latency_ms: int = 800) -> str:
        """Give one line of calls that ended together."""
        self.calls += calls
        spans = [self._span(end_ns, latency_ms) for _ in range(calls)]
        scope = {"name": "opentelemetry.instrumentation.openai_v2"}
        resource = {"attributes": [_text("service.name", self._service)]}
        request = {"resource": resource, "scopeSpans": [{"scope": scope, "spans": spans}]}
        return json.dumps({"resourceSpans": [request]}) + "\n"

    def _span(self, end_ns: int, latency_ms: int) -> dict[str, object]:
        return {
            "traceId": f"{self._ids.getrandbits(128):032x}",
            "spanId": f"{self._ids.getrandbits(64):016x}",
            "name": "chat gpt-4o",
            "kind": 3,
            "startTimeUnixNano": str(end_ns - latency_ms * 1_000_000),
            "endTimeUnixNano": str(end_ns),
            "attributes": [
                _text("gen_ai.operation.name", "chat"),
                _text("gen_ai.provider.name", "openai"),
                _text("gen_ai.request.model", "gpt-4o"),
                {"key": "gen_ai.usage.input_tokens", "value": {"intValue": "900"}},
                {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "200"}},
            ],
        }


def begun(line: str, patience_ms: int, **stamps: object) -> str:
    """Give the line in which a gateway tells of the calls of another one when they start."""
    (request,) = json.loads(line)["resourceSpans"]
    told = {"route": "help", "arm": "candidate", "revision": 3, "slot": 7, **stamps}
    told["patience_ms"] = patience_ms
    attributes = [_number(f"llm.optimizer.{name}", value) for name, value in told.items()]
    spans = [
        {
            "traceId": span["traceId"],
            "spanId": span["spanId"][::-1],
            "parentSpanId": span["spanId"],
            "name": "llm.optimizer.assignment",
            "startTimeUnixNano": span["startTimeUnixNano"],
            "endTimeUnixNano": span["startTimeUnixNano"],
            "attributes": attributes,
        }
        for span in request["scopeSpans"][0]["spans"]
    ]
    scopes = [{"scope": {"name": "llm-optimizer"}, "spans": spans}]
    return json.dumps({"resourceSpans": [{**request, "scopeSpans": scopes}]}) + "\n"


def _number(key: str, value: object) -> dict[str, object]:
    if isinstance(value, int):
        return {"key": key, "value": {"intValue": str(value)}}
    return _text(key, str(value))


def _text(key: str, value: str) -> dict[str, object]:
    return {"key": key, "value": {"stringValue": value}}
