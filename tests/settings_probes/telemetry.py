"""Telemetry as records, and the whole job run over it in memory."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dataflows.ingest import RecordingSource
from optimizer.observe.columns import ERROR, Block, Columns, Record, RecordKind
from optimizer.observe.keys import CallKey
from optimizer.observe.observer import Ledger
from tests.benchmarks.job import MemoryReader, run_source
from tests.builders import ROUTE, START

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from optimizer.settings import Settings

SECOND_NS = 1_000_000_000
START_S = int(START.timestamp())
PARTITION = "p0"
ARM = "gpt-4o-11111111"


def outputs_of(
    settings: Settings, records: Sequence[Record], recovery: Path | None = None
) -> list[Any]:
    """Run the job over records until their end; give all it says."""
    outputs: list[Any] = []
    source = RecordingSource(MemoryReader(records), [PARTITION])
    run_source(source, settings, watch=outputs.append, recovery=recovery)
    return outputs


def counts_of(settings: Settings, records: Sequence[Record]) -> Counter[str]:
    """Run the job over records; give what became of everything in them."""
    *_, last = [each for each in outputs_of(settings, records) if isinstance(each, Ledger)]
    return Counter(last.counts)


def a_span(number: int = 1, second: float = 0, **attributes: str | float) -> dict[str, Any]:
    """A call of one second that ends so long after the start."""
    end_ns = int((START_S + second) * SECOND_NS)
    given = {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "gpt-4o",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 100,
        "llm.optimizer.route": ROUTE.rpartition("/")[2],
    } | attributes
    return {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "startTimeUnixNano": str(end_ns - SECOND_NS),
        "endTimeUnixNano": str(end_ns),
        "attributes": _attributes(given),
    }


def a_request(*spans: dict[str, Any], service: str = "shop", scope: str = "") -> bytes:
    """An export request in OTLP/JSON, on one line."""
    resource = {"attributes": _attributes({"service.name": service})}
    scopes = [{"scope": {"name": scope}, "spans": list(spans)}]
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": scopes}]}).encode()


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    kinds = {str: "stringValue", int: "intValue", float: "doubleValue"}
    return [{"key": key, "value": {kinds[type(each)]: each}} for key, each in values.items()]


def as_record(*spans: dict[str, Any], offset: int = 0, second: float = 0) -> Record:
    """Spans as a record that arrives so long after the start."""
    stamp_ns = int((START_S + second) * SECOND_NS)
    return Record(PARTITION, offset, stamp_ns, RecordKind.OTLP, a_request(*spans))


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """Calls all alike, evenly spread.

    Attributes:
        calls: How many a minute.
        latency_ms: How long each takes.
        failed: Share of them that fails.
        cost_usd: What each costs.
        score: Mean of the scores, one a call, each 0 or 1; None for no scores.
    """

    calls: int = 60
    latency_ms: float = 800
    failed: float = 0
    cost_usd: float = 0.005
    score: float | None = None


def minutes(first: int, count: int, traffic: Traffic) -> list[Record]:
    """A record for each of so many minutes."""
    return [_minute(minute, traffic) for minute in range(first, first + count)]


def _minute(minute: int, traffic: Traffic) -> Record:
    calls = traffic.calls
    number = np.arange(calls)
    start_ns = (START_S + 60 * minute) * SECOND_NS
    rows = {
        "call_id": (minute * calls + number + 1).astype(np.uint64),
        "end_ns": start_ns + number * 60 * SECOND_NS // calls,
        "latency_ns": np.full(calls, int(traffic.latency_ms * 1e6)),
        "flags": np.where(number < traffic.failed * calls, ERROR, 0).astype(np.uint8),
        "cost_nusd": np.full(calls, int(traffic.cost_usd * 1e9)),
        "score": np.full(calls, -1, np.int32),
    }
    if traffic.score is not None:
        scores = _scores(rows, traffic.score)
        rows = {name: np.concatenate((rows[name], scores[name])) for name in rows}
    body = Block(keys=(CallKey(ROUTE, ARM),), columns=_columns(rows))
    return Record(PARTITION, minute, start_ns + 60 * SECOND_NS, RecordKind.COLUMNS, body)


def _scores(calls: dict[str, Any], mean: float) -> dict[str, Any]:
    number = np.arange(len(calls["end_ns"]))
    good = np.floor((number + 1) * mean) > np.floor(number * mean)
    return {
        "call_id": calls["call_id"] | np.uint64(1 << 62),
        "end_ns": calls["end_ns"],
        "latency_ns": np.zeros(len(number), np.int64),
        "flags": np.zeros(len(number), np.uint8),
        "cost_nusd": np.full(len(number), -1),
        "score": np.where(good, 1_000_000, 0).astype(np.int32),
    }


def _columns(rows: dict[str, Any]) -> Columns:
    count = len(rows["end_ns"])
    absent = np.full(count, -1, np.int64)
    return Columns(
        key=np.zeros(count, np.int32),
        ttft_ns=absent,
        tokens_in=absent,
        tokens_out=absent,
        tokens_cached=np.zeros(count, np.int64),
        slot=np.full(count, -1, np.int16),
        **rows,
    )
