"""OTLP/JSON to closed windows through the whole job: the load of `otlp_spans_to_windows` as JSON.

About 1,500 bytes a span, 512 spans a message, written as compactly as collectors do.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from dataflows.ingest import RecordingSource
from optimizer.observe.columns import Record, RecordKind
from tests.benchmarks.figures import Figure, rate
from tests.benchmarks.job import MemoryReader, run_source, settings
from tests.benchmarks.otlp_load import messages
from tests.benchmarks.otlp_spans_to_windows import SPANS
from tests.otlp_oracle import as_json

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:
    """Measure half a million spans; `data` is not read."""
    del data
    count = 20 if small else 1000
    records = [
        Record("p0", number, 1 << 61, RecordKind.OTLP, compact(body))
        for number, body in enumerate(messages(count, spans_per_message=SPANS, seed=1))
    ]
    windows = []

    def once() -> None:
        windows.append(run_source(RecordingSource(MemoryReader(records), ["p0"]), settings()))

    yield from rate("otlp_json_spans_to_windows", count * SPANS, once, 1 if small else 5)
    yield Figure("otlp_json_windows_closed", windows[-1], "windows")


def compact(body: bytes) -> bytes:
    """Give a protobuf request as JSON without blanks."""
    return json.dumps(json.loads(as_json(body)), separators=(",", ":")).encode()
