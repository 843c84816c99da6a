"""The whole job inside the test: product code all the way, its log and its views in memory."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connectors.codecs import to_json
from connectors.configuration import load, located
from connectors.dead_letters import DeadLetterStore
from connectors.logs.memory import MemoryLog
from connectors.publisher import DECISIONS, DOCUMENTS, FINDINGS, ROLLOUTS, Publisher
from connectors.recordings import open_reader
from connectors.stores.memory import MemoryStore
from dataflows.ingest import RecordingSource
from dataflows.optimize import Job, execute
from optimizer.observe.observer import Ledger
from optimizer.windows import WindowSummary

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from optimizer.settings import Settings


SAID = (FINDINGS, DECISIONS, DOCUMENTS, ROLLOUTS)


class Kept:
    """What a job has said, through any number of stops and resumptions."""

    def __init__(self) -> None:
        self.log, self.store = MemoryLog(), MemoryStore()
        self.dead = DeadLetterStore()
        self.outputs: list[Any] = []
        self.publisher = Publisher(self.log, self.dead, self.store, "svc", self.see)

    def see(self, output: Any) -> None:
        """Remember an output."""
        self.outputs.append(output)

    def written(self) -> int:
        """How much was written to the log, repeated events included."""
        return sum(map(self.log.end, SAID))

    def said(self) -> dict[str, list[bytes]]:
        """Every event of each topic in the log's order; a repeat must have equal bytes."""
        return {topic: self._distinct(topic) for topic in SAID}

    def _distinct(self, topic: str) -> list[bytes]:
        seen: dict[str, bytes] = {}
        for entry in self.log.read(topic, 0, 1_000_000):
            event = seen.setdefault(json.loads(entry.value)["id"], entry.value)
            assert event == entry.value
        return list(seen.values())

    def windows(self) -> list[bytes]:
        """Every closed window in order, repeated ones once."""
        closed = (to_json(one) for one in self.outputs if isinstance(one, WindowSummary))
        return list(dict.fromkeys(closed))

    def ledgers(self) -> dict[str, Mapping[str, int]]:
        """The newest account of each partition."""
        return {one.partition: one.counts for one in self.outputs if isinstance(one, Ledger)}


def settings_of(recording: Path, interval_secs: float = 5.0) -> Settings:
    """Give the settings beside a recording, with another recovery interval."""
    beside = recording / "config.yaml"
    settings = located(load(beside, {}), beside)
    return replace(settings, recovery=replace(settings.recovery, interval_secs=interval_secs))


def source_of(recording: Path, **options: Any) -> RecordingSource:
    """Read a recording."""
    reader = open_reader(recording)
    return RecordingSource(reader, reader.manifest.partitions, **options)


def run(
    source: RecordingSource,
    settings: Settings,
    kept: Kept | None = None,
    recovery: Path | None = None,
) -> Kept:
    """Run the job until its source ends or aborts it."""
    kept = kept or Kept()
    execute(Job(settings=settings, source=source, publisher=kept.publisher, recovery=recovery))
    return kept
