"""Scores through the whole job: read, mapped, counted once; their calls found by span.

Evaluations come as OTLP log records, 100 a message; users' feedback as JSON, one a message.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from dataflows.ingest import RecordingSource
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.observer import Ledger
from tests.benchmarks.figures import Figure, rate
from tests.benchmarks.job import MemoryReader, run_source, settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

SECOND_NS = 1_000_000_000
START_NS = 1_800_000_000 * SECOND_NS
CALLS = 2000
PER_SECOND = 1000
PER_MESSAGE = 100
EXPLANATION = "The answer keeps to what the document says, but for its last sentence. " * 2


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - nothing to read
    """Measure 200,000 evaluations and 100,000 thumbs."""
    declared = settings(
        scores=[{"name": "faithfulness", "min": 0, "max": 1}],
        attribution={"max_calls": 20_000_000},  # all of these end in one pane
    )
    for name, made, count in (
        ("evaluations_per_cpu_s", _evaluations, 4_000 if small else 200_000),
        ("feedback_per_cpu_s", _feedback, 4_000 if small else 100_000),
    ):
        records = [*_calls(), *made(count)]
        counted: list[int] = []

        def once(records: list[Record] = records, counted: list[int] = counted) -> None:
            def watch(output: object) -> None:
                if isinstance(output, Ledger) and "scores" in output.counts:
                    counted.append(output.counts["scores"])

            run_source(RecordingSource(MemoryReader(records), ["p0"]), declared, watch=watch)

        yield from rate(name, count, once, 1 if small else 5)
        yield Figure(f"{name}_unattributed", count - counted[-1], "scores", "none is right")


def _calls() -> Iterator[Record]:
    for first in range(0, CALLS, PER_MESSAGE):
        spans = [
            {
                "traceId": f"{number:032x}",
                "spanId": f"{number:016x}",
                "startTimeUnixNano": str(START_NS),
                "endTimeUnixNano": str(START_NS + SECOND_NS),
                "attributes": [
                    {"key": "gen_ai.operation.name", "value": {"stringValue": "chat"}},
                    {"key": "gen_ai.request.model", "value": {"stringValue": "gpt-4o"}},
                ],
            }
            for number in range(first + 1, first + PER_MESSAGE + 1)
        ]
        body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}).encode()
        yield Record("p0", first, START_NS + SECOND_NS, RecordKind.OTLP, body)


def _evaluations(count: int) -> Iterator[Record]:
    for first in range(0, count, PER_MESSAGE):
        at_ns = START_NS + (20 + first // PER_SECOND) * SECOND_NS
        request = ExportLogsServiceRequest()
        records = request.resource_logs.add().scope_logs.add()
        for number in range(first, first + PER_MESSAGE):
            call = number % CALLS + 1
            record = records.log_records.add(
                time_unix_nano=at_ns,
                trace_id=call.to_bytes(16, "big"),
                span_id=call.to_bytes(8, "big"),
                event_name="gen_ai.evaluation.result",
            )
            for key, text in (
                ("gen_ai.evaluation.name", "faithfulness"),
                ("gen_ai.evaluation.score.label", "good"),
                ("gen_ai.response.id", f"chatcmpl-{call}"),
                ("gen_ai.evaluation.explanation", EXPLANATION),
                ("event.id", f"e{number}"),
            ):
                record.attributes.add(key=key).value.string_value = text
            value = record.attributes.add(key="gen_ai.evaluation.score.value").value
            value.double_value = number % 100 / 100
        body = request.SerializeToString()
        yield Record("p0", CALLS + first, at_ns, RecordKind.LOGS, body)


def _feedback(count: int) -> Iterator[Record]:
    for number in range(count):
        at_ns = START_NS + (20 + number // PER_SECOND) * SECOND_NS
        call = number % CALLS + 1
        said = {
            "type": "user_feedback",
            "id": f"00000000-0000-4000-8000-{number:012x}",
            "timestamp": f"2027-01-15T08:{at_ns // SECOND_NS % 3600 // 60:02}:00Z",
            "user_id": f"user-{call}",
            "session_id": f"session-{call}",
            "request_id": f"00000000-0000-4000-9000-{call:012x}",
            "rating": None,
            "liked": number % 3 > 0,
            "task_completed": True,
            "response_edited": False,
            "response_regenerated": False,
            "dwell_time_seconds": 12.5,
            "response_saved": False,
            "response_shared": False,
            "comment": None,
            "metadata": {"trace_id": f"{call:032x}", "span_id": f"{call:016x}"},
        }
        body = json.dumps(said).encode()
        yield Record("p0", CALLS + number, at_ns, RecordKind.EVENT, body)
