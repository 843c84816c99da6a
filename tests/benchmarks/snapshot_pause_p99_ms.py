"""How long the stream stands still for a snapshot: 1,000 routes x 4 arms, 20,000 calls a second.

Measured at the source, from the moment the engine asks for its state to the next batch it is asked
for: that covers packing, writing and committing. Calls come in real time, an epoch a second, so
most epochs hold what a second brought, and one in sixty the end of a minute. The disk's own fsync
of as many bytes stands beside it.
"""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from bytewax.inputs import StatefulSourcePartition

from dataflows.ingest import RecordingSource
from tests.benchmarks.figures import Figure, share
from tests.benchmarks.job import MemoryReader, run_source, settings
from tests.benchmarks.load import blocks, keys

if TYPE_CHECKING:
    from collections.abc import Iterable

PER_SECOND = 20_000
ROWS = 512


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - makes its own
    """Measure over four minutes in real time; 20 s when small."""
    seconds, routes = (20, 50) if small else (250, 1000)
    rng = np.random.default_rng(1)
    names = keys(routes, 4, 6)
    count = seconds * PER_SECOND // ROWS
    records = list(blocks(rng, names, rows=ROWS, count=count, per_second=PER_SECOND))
    began_ns = time.monotonic_ns() + 1_000_000_000
    source = TimedSource(
        MemoryReader(records),
        ["p0"],
        batch=16,
        due=lambda first: first + time.monotonic_ns() - began_ns,
    )
    with tempfile.TemporaryDirectory() as folder:
        recovery = Path(folder) / "recovery"
        run_source(source, settings(recovery={"interval_secs": 1}), recovery=recovery)
        size = sum(file.stat().st_size for file in recovery.iterdir())
        pauses = source.pauses[2:]
        note = f"{len(pauses)} snapshots, {routes} routes x 4 arms"
        yield Figure("snapshot_pause_p99_ms", share(pauses, 0.99) * 1e3, "ms", note)
        yield Figure("snapshot_pause_p50_ms", share(pauses, 0.5) * 1e3, "ms")
        yield Figure("snapshot_pause_max_ms", max(pauses) * 1e3, "ms")
        yield Figure("recovery_store_mb", size / 1e6, "MB", "old and new states and journal")
        yield Figure("fsync_same_bytes_ms", fsync(Path(folder), size // 2) * 1e3, "ms")


def fsync(folder: Path, size: int) -> float:
    """Time writing and syncing so many bytes, seconds; the median of five."""
    times = []
    for number in range(5):
        began = time.perf_counter()
        with (folder / f"fsync-{number}").open("wb") as file:
            file.write(os.urandom(size))
            file.flush()
            os.fsync(file.fileno())
        times.append(time.perf_counter() - began)
    return share(times, 0.5)


class TimedSource(RecordingSource):
    """A source that notes how long the engine was away after each snapshot."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.pauses: list[float] = []

    def build_part(self, step_id: str, for_part: str, resume_state: str | None) -> TimedPartition:
        return TimedPartition(super().build_part(step_id, for_part, resume_state), self.pauses)


class TimedPartition(StatefulSourcePartition):
    """The product's partition, with a watch."""

    def __init__(self, part: Any, pauses: list[float]) -> None:
        self._part = part
        self._pauses = pauses
        self._asked: float | None = None

    def next_batch(self) -> Any:
        if self._asked is not None:
            self._pauses.append(time.perf_counter() - self._asked)
            self._asked = None
        return self._part.next_batch()

    def next_awake(self) -> Any:
        return self._part.next_awake()

    def snapshot(self) -> Any:
        self._asked = time.perf_counter()
        return self._part.snapshot()
