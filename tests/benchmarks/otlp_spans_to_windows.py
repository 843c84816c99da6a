"""OTLP protobuf to closed windows through the whole job: decode, price, dedupe, sketches, windows.

Spans of 18 to 19 attributes, 512 a message, 30 routes x 3 arms x 6 cells, of three dialects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.recordings import open_reader
from dataflows.ingest import RecordingSource
from optimizer.observe.columns import Record, RecordKind
from tests.benchmarks.figures import Figure, rate
from tests.benchmarks.job import MemoryReader, run_source, settings
from tests.benchmarks.otlp_load import messages

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SPANS = 512


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:
    """Measure 1.5 million spans, or the recording that `data` names."""
    count = 40 if small else 3000
    if data is None:
        bodies = messages(count, spans_per_message=SPANS, seed=1)
        records = [
            Record("p0", number, 1 << 61, RecordKind.OTLP, body)
            for number, body in enumerate(bodies)
        ]
        windows = []

        def once() -> None:
            source = RecordingSource(MemoryReader(records), ["p0"])
            windows.append(run_source(source, settings()))

        yield from rate("otlp_spans_to_windows", count * SPANS, once, 1 if small else 5)
        yield Figure("otlp_windows_closed", windows[-1], "windows")
        return
    reader = open_reader(data)
    found = []

    def replayed() -> None:
        again = open_reader(data)
        counted = 0

        def watch(output: object) -> None:
            nonlocal counted
            counted = getattr(output, "counts", {}).get("spans", counted)

        source = RecordingSource(again, reader.manifest.partitions)
        run_source(source, settings(), watch=watch)
        found.append(counted)

    replayed()
    yield from rate("otlp_spans_to_windows", found[0], replayed, 1 if small else 5)
