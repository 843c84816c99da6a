"""Keys of the dead letters: records nobody can read, through the whole job, and what is kept."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from connectors.dead_letters import DeadLetterStore, Wanted
from connectors.dead_letters.store import FILE
from dataflows.ingest import RecordingSource
from dataflows.live import open_publisher
from dataflows.optimize import Job, execute
from optimizer.observe.columns import Record, RecordKind
from tests.benchmarks.job import MemoryReader
from tests.settings_probes.probe import Probe
from tests.settings_probes.telemetry import PARTITION, START_S

if TYPE_CHECKING:
    from optimizer.settings import Settings

HOUR_NS = 3600 * 10**9
GARBAGE = [
    Record(PARTITION, offset, START_S * 10**9 + offset // 2 * HOUR_NS, kind, body)
    for offset, (kind, body) in enumerate(
        [(RecordKind.OTLP, b"garbage"), (RecordKind.HEARTBEAT, b"")] * 60
    )
]


def kept(settings: Settings) -> list[bool]:
    """Run the job over a piece of garbage an hour; tell of each letter whether it has its bytes."""
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        connection = f"sqlite://{folder / 'optimizer.db'}"
        made = replace(settings, database=replace(settings.database, connection_string=connection))
        publisher = open_publisher(stack, made, folder, lambda _: None)
        source = RecordingSource(MemoryReader(GARBAGE), [PARTITION])
        execute(Job(settings=made, source=source, publisher=publisher, recovery=None))
        store = stack.enter_context(closing(DeadLetterStore(folder / FILE)))
        return [letter.kept for letter in store.find(Wanted())]


def count(settings: Settings) -> int:
    return len(kept(settings))


PROBES = (
    Probe("dead_letters.bytes", ("keep", "none"), kept, ([True] * 60, [False] * 60)),
    Probe("dead_letters.retention_days", (7, 1), count, (60, 25)),
    Probe("dead_letters.max_mb", (1, 0.005), count, (60, 10)),
)
