"""Recorded columns to closed windows: read from Parquet, through the engine, items a CPU-second."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from connectors.recordings import open_reader
from connectors.recordings.columns import write_columns
from dataflows.ingest import RecordingSource
from tests.benchmarks.figures import Figure, rate
from tests.benchmarks.job import run_source, settings
from tests.benchmarks.load import blocks, keys

if TYPE_CHECKING:
    from collections.abc import Iterable

ROWS = 65_536


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:
    """Measure with 30 routes x 3 arms x 6 cells at 20,000 calls a second of event time."""
    count = 4 if small else 60
    with tempfile.TemporaryDirectory() as folder:
        recording = data or Path(folder)
        if data is None:
            rng = np.random.default_rng(1)
            made = blocks(rng, keys(30, 3, 6), rows=ROWS, count=count, per_second=20_000)
            write_columns(recording, made)
        windows = []

        def once() -> None:
            reader = open_reader(recording)
            source = RecordingSource(reader, reader.manifest.partitions, batch=1)
            windows.append(run_source(source, settings()))

        items = count * ROWS if data is None else calls_in(recording)
        yield from rate("columnar_events_to_windows", items, once, 1 if small else 5)
        yield Figure("columnar_windows_closed", windows[-1], "windows")


def calls_in(recording: Path) -> int:
    """Count the calls of a columnar recording."""
    reader = open_reader(recording)
    total, pairs = 0, reader.read(None)
    while pairs:
        total += sum(len(record.body.columns) for record, _ in pairs)
        pairs = reader.read(pairs[-1][1])
    return total
