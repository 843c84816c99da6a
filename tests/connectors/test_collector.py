"""A real OpenTelemetry Collector, configured as deploy/ shows it, feeds the optimizer."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connectors.decoding import RecordDecoder
from connectors.prices import open_prices
from optimizer.observe.columns import RecordKind
from optimizer.observe.keys import KeyTable
from optimizer.settings import validate
from tests.brokers import collector
from tests.brokers.broker import Broker
from tests.brokers.collector import Collector
from tests.brokers.fixtures import brokers
from tests.brokers.reading import Life, beats
from tests.exporting_app import App, Request
from tests.otlp_lines import Lines

if TYPE_CHECKING:
    from optimizer.observe.observer import Decoded

TOPICS = ("otlp_spans", "otlp_metrics", "otlp_logs")
CONTENT = "What is the password of our database?"
CALLS = 40


def evaluation(span: dict[str, str]) -> dict[str, object]:
    attributes = [
        {"key": "gen_ai.evaluation.name", "value": {"stringValue": "faithfulness"}},
        {"key": "gen_ai.evaluation.score.value", "value": {"doubleValue": 0.75}},
    ]
    log = {
        "timeUnixNano": span["endTimeUnixNano"],
        "eventName": "gen_ai.evaluation.result",
        "traceId": span["traceId"],
        "spanId": span["spanId"],
        "attributes": attributes,
    }
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [log]}]}]}


def spans_with_content(now_ns: int) -> list[dict[str, object]]:
    """Requests of calls that carry their messages, and of a span of a database."""
    lines = Lines()
    requests = [json.loads(lines.line(now_ns, calls=CALLS // 4)) for _ in range(4)]
    for request in requests:
        for span in request["resourceSpans"][0]["scopeSpans"][0]["spans"]:
            message = {"key": "gen_ai.input.messages", "value": {"stringValue": CONTENT}}
            span["attributes"].append(message)
    other = json.loads(lines.line(now_ns))
    (span,) = other["resourceSpans"][0]["scopeSpans"][0]["spans"]
    span["attributes"] = [{"key": "db.system", "value": {"stringValue": "postgresql"}}]
    return [*requests, other]


@pytest.mark.slow
@pytest.mark.skipif(bool(collector.absent()), reason=collector.absent())
@pytest.mark.parametrize("message", ["batch", "trace"])
@brokers(fixture="own_broker")
def test_what_a_collector_writes_is_read_without_a_special_case(
    own_broker: Broker, message: str, tmp_path: Path
) -> None:
    for topic in TOPICS:
        own_broker.create(topic)
    now_ns = time.time_ns()  # noqa: TID251 - a real server, in real time
    requests = spans_with_content(now_ns)
    first = requests[0]["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    app = App("shop", now_ns - 10**10, delta=True)
    with Collector(tmp_path, own_broker.address, by_trace=message == "trace") as running:
        for request in requests:
            running.send("traces", json.dumps(request).encode())
        running.send("logs", json.dumps(evaluation(first)).encode())
        app.call(Request(1.0, 0.5))
        running.send("metrics", app.export(now_ns), "application/x-protobuf")
    scale = {"name": "faithfulness", "min": 0, "max": 1}
    settings = validate({"kafka": {"brokers": [own_broker.address]}, "scores": [scale]})
    with Life(settings, tmp_path) as life:
        life.until(beats(1, *(f"{topic}/0" for topic in TOPICS)))
    decoder = RecordDecoder(settings, open_prices(settings.prices), "otlp_spans/0")
    said: dict[str, list[Decoded]] = {}
    for topic in TOPICS:
        records = [r for r in life.given[f"{topic}/0"] if r.kind is not RecordKind.HEARTBEAT]
        assert not any(CONTENT.encode() in record.body for record in records)
        said[topic] = [decoder.decode(record, KeyTable()) for record in records]
        assert not [decoded.refused for decoded in said[topic] if decoded.refused]
    calls = [len(decoded.columns) for decoded in said["otlp_spans"]]
    assert sum(calls) == CALLS
    assert calls == [1] * CALLS if message == "trace" else max(calls) > 1
    assert not any(decoded.counts.get("other_spans") for decoded in said["otlp_spans"])
    (metrics,), (logs,) = said["otlp_metrics"], said["otlp_logs"]
    assert metrics.counts["points"] > 1
    assert len(logs.judgements) == 1
