"""Several sources as the one that the job has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dataflows.ingest import RecordingSource
    from dataflows.kafka import KafkaSource
    from optimizer.observe.columns import Record

    Keyed = tuple[str, Record]
    One = RecordingSource | KafkaSource


class Sources(FixedPartitionedSource["Keyed", Any]):
    """Several sources, each with the engine partitions that it names.

    Args:
        sources: The sources; no two name the same engine partition, or read the same records.

    Attributes:
        partitions: The source partitions that the windows wait for from the first.
    """

    def __init__(self, sources: Sequence[One]) -> None:
        self._sources = {part: source for source in sources for part in source.list_parts()}
        self.partitions = [name for source in sources for name in source.partitions]

    def list_parts(self) -> list[str]:
        """Name the engine partitions of all."""
        return list(self._sources)

    def build_part(
        self, step_id: str, for_part: str, resume_state: Any
    ) -> StatefulSourcePartition[Keyed, Any]:
        """Let the source that it belongs to open one."""
        return self._sources[for_part].build_part(step_id, for_part, resume_state)
