"""OTLP protobuf in small records to closed windows: the load of `otlp_spans_to_windows`, cut up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataflows.ingest import RecordingSource
from optimizer.observe.columns import Record, RecordKind
from tests.benchmarks.figures import Figure, rate
from tests.benchmarks.job import MemoryReader, run_source, settings
from tests.benchmarks.otlp_load import messages

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:
    """Measure 100,000 spans, 16 a record and 4 a record; `data` is not read."""
    del data
    spans = 2_000 if small else 100_000
    for size in (16, 4):
        bodies = messages(spans // size, spans_per_message=size, seed=1)
        records = [
            Record("p0", number, 1 << 61, RecordKind.OTLP, body)
            for number, body in enumerate(bodies)
        ]

        def once(records: list[Record] = records) -> None:
            run_source(RecordingSource(MemoryReader(records), ["p0"], batch=64), settings())

        yield from rate(f"otlp_spans_{size}_a_record", spans, once, 1 if small else 3)
