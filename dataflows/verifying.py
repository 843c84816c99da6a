"""That a loop's recording leads the job to say what it said in the loop, byte for byte."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from connectors.api.rendering import as_json
from connectors.dead_letters import DeadLetterStore
from connectors.logs.memory import MemoryLog
from connectors.publisher import Publisher
from connectors.recordings import open_reader
from connectors.stores.memory import MemoryStore
from dataflows.ingest import RecordingSource
from dataflows.optimize import Job, execute
from optimizer.decisions import OptimizationDecision
from optimizer.documents import Document
from optimizer.errors import NotRepeated
from optimizer.findings import Finding
from optimizer.rollouts import RolloutProgress
from optimizer.windows import WindowSummary

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from dataflows.playing import Played

_SAID = Finding | OptimizationDecision | Document | RolloutProgress


def lines_of(outputs: Iterable[Any]) -> list[str]:
    """Give findings, decisions, documents and looks at rollouts as lines of JSON, in order."""
    return [as_json(output) for output in outputs if isinstance(output, _SAID)]


def verify(folder: Path, played: Played) -> int:
    """Replay a loop's recording through the engine, and compare all that is said.

    Args:
        folder: The recording.
        played: The loop that was recorded.

    Returns:
        How many outputs were compared: findings, decisions, documents, looks at rollouts, windows.

    Raises:
        NotRepeated: Something differs; the message shows the first difference.
    """
    reader = open_reader(folder)
    outputs: list[Any] = []
    service = played.settings.service.name
    publisher = Publisher(MemoryLog(), DeadLetterStore(), MemoryStore(), service, outputs.append)
    source = RecordingSource(reader, reader.manifest.partitions)
    execute(Job(settings=played.settings, source=source, publisher=publisher, recovery=None))
    before, after = _counted(said.output for said in played.loop.said), _counted(outputs)
    if before != after:
        missing, new = before - after, after - before
        example = min([*missing, *new])
        raise NotRepeated(
            f"{folder}: the replay says {new.total():,} things that the loop did not, and "
            f"{missing.total():,} not that it did, such as {example[:300]}"
        )
    return before.total()


def _counted(outputs: Iterable[Any]) -> Counter[str]:
    """Count lines: shards say the same in whatever order they are asked."""
    told = (one for one in outputs if isinstance(one, _SAID | WindowSummary))
    return Counter(as_json(one) for one in told)
