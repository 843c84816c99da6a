"""The real job over records in memory: everything but the way in is the product's."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connectors.dead_letters import DeadLetterStore
from connectors.logs.memory import MemoryLog
from connectors.publisher import Publisher
from connectors.stores.memory import MemoryStore
from dataflows.ingest import RecordingSource
from dataflows.live import open_publisher
from dataflows.optimize import Job, execute
from optimizer.settings import validate
from optimizer.windows import WindowSummary

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from optimizer.observe.columns import Record
    from optimizer.settings import Settings


class MemoryReader:
    """Records in memory, read as a recording is."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def read(self, cursor: str | None = None) -> list[tuple[Record, str]]:
        start = int(cursor or 0)
        part = self._records[start : start + 64]
        return [(record, str(start + at + 1)) for at, record in enumerate(part)]


def settings(**other: Any) -> Settings:
    """Give settings; `recovery_interval_secs` and the like by their sections."""
    return validate(other)


def run_job(reader: Any, made: Settings, *, recovery: Path | None = None, batch: int = 16) -> int:
    """Run the job over what a reader gives until its end; give how many windows closed."""
    source = RecordingSource(reader, ["p0"], batch=batch)
    return run_source(source, made, recovery=recovery)


def run_source_durably(
    records: Sequence[Record],
    made: Settings,
    folder: Path,
    watch: Callable[[Any], None],
    due: Callable[[int], int],
) -> None:
    """Run the job with recovery, log and store on disk, records given when they are due."""
    source = RecordingSource(MemoryReader(records), ["p0"], due=due)
    made = replace(
        made, database=replace(made.database, connection_string=f"sqlite://{folder}/optimizer.db")
    )
    with ExitStack() as stack:
        publisher = open_publisher(stack, made, folder, watch)
        execute(
            Job(settings=made, source=source, publisher=publisher, recovery=folder / "recovery")
        )


def run_source(
    source: RecordingSource,
    made: Settings,
    *,
    watch: Callable[[Any], None] = lambda _: None,
    recovery: Path | None = None,
) -> int:
    """Run the job over a source; give how many windows closed."""
    windows = 0

    def see(output: Any) -> None:
        nonlocal windows
        windows += isinstance(output, WindowSummary)
        watch(output)

    publisher = Publisher(MemoryLog(), DeadLetterStore(), MemoryStore(), "bench", see)
    execute(Job(settings=made, source=source, publisher=publisher, recovery=recovery))
    return windows
