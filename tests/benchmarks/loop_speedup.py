"""How much faster than time a loop is played: a day of one route, 60 calls a minute, all scored."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.worlds import read
from dataflows.playing import play
from optimizer.documents import Document
from tests.benchmarks.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Iterable

WORLD = """
start: 2026-03-02T00:00:00Z
length: {length}
exporter: {{processes: 1}}
routes:
  - route: acme/chat/support
    thresholds: {{cost_per_request: 0.001}}
    arms:
      - {{model: gpt-4o, share: 1, provider: openai, latency_ms: {{median: 1500, sigma: 0.45}},
         errors: 0.01, quality: {{mean: 0.86, sd: 0.18}}}}
      - {{model: gpt-4.1-mini, provider: openai, latency_ms: {{median: 1300, sigma: 0.45}},
         errors: 0.01, quality: {{mean: 0.86, sd: 0.18}}}}
    arrivals: {{calls_per_minute: 60, rhythm: 0.3}}
    users: {{count: 2000, turns: 3}}
    tokens_in: {{median: 900, sigma: 0.5}}
    tokens_out: {{median: 220, sigma: 0.5}}
    scores: {{share: 1, delay: 30s}}
settings:
  autonomy: auto
  stamps: {{check: required, key: a key of a benchmark}}
  constraints: {{approval_above_daily_usd: 100000}}
"""


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - nothing to read
    """Measure a day of telemetry through the whole job, documents steering it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "world.yaml"
        path.write_text(WORLD.format(length="30m" if small else "24h"))
        file = read(path, loop=True)
    began, began_cpu = time.perf_counter(), time.process_time()
    played = play(file)
    wall_s, cpu_s = time.perf_counter() - began, time.process_time() - began_cpu
    calls = played.report.routes[0].ways[0].total.calls
    documents = sum(isinstance(said.output, Document) for said in played.loop.said)
    length_s = file.world.length.total_seconds()
    yield Figure("loop_speedup", length_s / wall_s, "x", f"{calls} calls, {documents} documents")
    yield Figure("loop_speedup_cpu", length_s / cpu_s, "x", "per CPU-second")
    yield Figure("loop_day_s", wall_s * 86_400 / length_s, "s", "a day, by the clock on the wall")
