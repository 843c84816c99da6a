"""The job without the engine says what the engine says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.api.rendering import as_json
from connectors.configuration import load, located
from connectors.dead_letters import DeadLetterStore
from connectors.logs.memory import MemoryLog
from connectors.publisher import Publisher
from connectors.recordings import RecordingReader
from connectors.stores.memory import MemoryStore
from connectors.vaults.memory import MemoryVault
from connectors.worlds import write
from dataflows.in_process import InProcess
from dataflows.ingest import RecordingSource
from dataflows.optimize import Job, execute
from dataflows.parts import Parts
from optimizer.decisions import OptimizationDecision
from optimizer.findings import Finding
from optimizer.windows import WindowSummary

if TYPE_CHECKING:
    from pathlib import Path

WORLD = """
start: 2026-03-02T06:00:00Z
length: 50m
partitions: 2
routes:
  - route: acme/chat/support
    arms:
      - {model: gpt-4o, share: 0.95, latency_ms: {median: 900, sigma: 0.3}, provider: openai,
         quality: {mean: 0.8, sd: 0.2}}
      - {model: gpt-4o-mini, share: 0.05, latency_ms: {median: 500, sigma: 0.3}, provider: openai,
         quality: {mean: 0.8, sd: 0.2}}
    arrivals: {calls_per_minute: 60}
    tokens_in: {median: 900, sigma: 0.4}
    tokens_out: {median: 200, sigma: 0.4}
    scores: {share: 0.3, delay: 20s}
incidents:
  - {kind: errors, route: acme/chat/support, arm: gpt-4o, start: 35m, value: 0.4}
"""


def lines(said: list) -> list[str]:
    return sorted(
        as_json(each)
        for each in said
        if isinstance(each, Finding | OptimizationDecision | WindowSummary)
    )


def test_without_the_engine_the_same_is_said(tmp_path: Path) -> None:
    world = tmp_path / "world.yaml"
    world.write_text(WORLD)
    folder = tmp_path / "recording"
    write(world, folder)
    config = folder / "config.yaml"
    settings = located(load(config, {}), config)
    reader = RecordingReader(folder)
    by_engine: list = []
    publisher = Publisher(MemoryLog(), DeadLetterStore(), MemoryStore(), "x", by_engine.append)
    source = RecordingSource(reader, reader.manifest.partitions)
    execute(Job(settings=settings, source=source, publisher=publisher, recovery=None))

    vault = MemoryVault()
    parts = Parts(settings, reader.manifest.partitions, vault)
    job = InProcess(parts, reader.manifest.partitions, settings.stream.shard_groups, vault)
    by_calls = [said for record in RecordingReader(folder) for said in job.take(record)]
    by_calls += job.finish()

    assert lines(by_calls) == lines(by_engine)
    assert any(isinstance(each, OptimizationDecision) for each in by_calls)
