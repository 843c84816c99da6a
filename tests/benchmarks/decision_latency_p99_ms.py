"""From the arrival of the record that moves the watermark past a minute to its decision, durable.

Calls come at 20,000 a second in real time, on a schedule that does not wait (so a late start counts
against us). Every route is slow and its cool-down is a minute, so each minute decides everywhere.
Recovery is on, the log is SQLite with an fsync for every append.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.decisions import OptimizationDecision
from optimizer.observe.keys import CallKey
from optimizer.panes import MINUTE_NS
from tests.benchmarks.figures import Figure, share
from tests.benchmarks.job import run_source_durably, settings
from tests.benchmarks.load import blocks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimizer.observe.columns import Record
    from optimizer.settings import Settings

PER_SECOND = 20_000
ROWS = 512
DISORDER_NS = 15_000_000_000


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - makes its own
    """Measure 30 routes x 3 arms, and 1,000 x 4 beside it."""
    for routes, arms, suffix in ((30, 3, ""), (1000, 4, "_1000_routes")):
        if small and suffix:
            return
        latencies = measure(routes, arms, seconds=90 if small else 260)
        name = f"decision_latency{suffix}"
        note = f"{len(latencies)} decisions, {routes} routes x {arms} arms"
        yield Figure(f"{name}_p50_ms", share(latencies, 0.5), "ms", note)
        yield Figure(f"{name}_p99_ms", share(latencies, 0.99), "ms", note)
        yield Figure(f"{name}_max_ms", max(latencies), "ms", note)


def measure(routes: int, arms: int, seconds: int) -> list[float]:
    """Give the latency of each decision, milliseconds."""
    made = deciding(routes, arms)
    names = tuple(
        CallKey(route.route, arm.id, 1)
        for route in made.routes
        for arm in (route.incumbent, *route.candidates[:-1])
        if arm
    )
    count = seconds * PER_SECOND // ROWS
    rng = np.random.default_rng(1)
    records = list(blocks(rng, names, rows=ROWS, count=count, per_second=PER_SECOND))
    began_ns = time.monotonic_ns() + 2_000_000_000
    first_ns = records[0].stamp_ns
    moved_ns = arrivals(records)
    latencies: list[float] = []

    def watch(output: Any) -> None:
        if isinstance(output, OptimizationDecision) and output.status == "pending":
            minute = int(output.created_at.timestamp()) * 10**9 // MINUTE_NS
            arrived_ns = began_ns + moved_ns[minute] - first_ns
            latencies.append((time.monotonic_ns() - arrived_ns) / 1e6)

    with tempfile.TemporaryDirectory() as folder:
        run_source_durably(
            records,
            made,
            Path(folder),
            watch,
            lambda first: first + time.monotonic_ns() - began_ns,
        )
    return latencies


def arrivals(records: list[Record]) -> dict[int, int]:
    """For each minute that ends, the stamp of the record that moves the watermark past its end."""
    stamps: dict[int, int] = {}
    latest = 0
    for record in records:
        latest = max(latest, int(record.body.columns.end_ns.max()))  # type: ignore[union-attr]
        stamps.setdefault((latest - DISORDER_NS) // MINUTE_NS, record.stamp_ns)
    return stamps


def deciding(routes: int, arms: int) -> Settings:
    """Give settings under which every route decides every minute.

    All calls are slower than the limit, and a candidate without traffic is said to be quick.
    """
    served = [{"model": f"model-{number}"} for number in range(1, arms)]
    return settings(
        recovery={"interval_secs": 1},
        decisions={"cooldown_secs": 60},
        strategies={"thresholds": {"latency_p95_ms": 10}},
        constraints={
            "min_minutes_between_changes": 0,
            "max_changes_per_day": 1000,
            "max_latency_p95_ms": 3_600_000,
        },
        routes=[
            {
                "route": f"default/service-{number % 10}/route-{number}",
                "incumbent": {"model": "model-0"},
                "candidates": [*served, {"model": "quick", "latency_p95_ms": 1}],
            }
            for number in range(routes)
        ],
    )
