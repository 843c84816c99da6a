"""The job: records in, findings and decisions out. `llm-optimizer run` and `replay` start it."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import bytewax.operators as op
import scipy.special  # noqa: F401 - a third of a second that the first finding should not wait for
from bytewax._bytewax import cli_main
from bytewax.dataflow import Dataflow
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition

from connectors.codecs import Said, instant_of
from connectors.vaults.memory import MemoryVault
from connectors.vaults.sqlite import SqliteVault
from dataflows.attribute import attribute
from dataflows.control import control
from dataflows.failures import recovery_explained
from dataflows.observe import observe
from dataflows.parts import Parts
from dataflows.recovery import recovery_at
from optimizer.judgements import ATTRIBUTION
from optimizer.observe.observer import EDGE
from optimizer.windows import WindowSummary

if TYPE_CHECKING:
    from pathlib import Path

    from connectors.publisher import Publisher
    from dataflows.sources import One, Sources
    from optimizer.ports import Vault
    from optimizer.settings import Settings

_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the job is made of.

    Attributes:
        settings: The settings in force.
        source: Where records come from.
        publisher: Where outputs go.
        recovery: Folder of the engine's recovery state; None keeps none.
    """

    settings: Settings
    source: One | Sources
    publisher: Publisher
    recovery: Path | None


def build(job: Job, vault: Vault) -> Dataflow:
    """Join the steps: source, observe, attribute, control, sink.

    Args:
        job: What the job is made of.
        vault: Where the parts of its state that do not change are kept.
    """
    settings = job.settings
    parts = Parts(settings, job.source.partitions, vault)
    flow = Dataflow("optimize")
    records = op.input("records", flow, job.source)
    concerns = observe(records, parts.rules, vault, parts.observer)
    scoring = op.branch("scoring", concerns, lambda target: target[0] == ATTRIBUTION)
    attributed = attribute(scoring.trues, parts.attribution, settings.stream.shard_groups, vault)
    targets = op.merge("targets", scoring.falses, attributed)
    routed = op.branch("edge", targets, lambda target: target[0] == EDGE)
    said = control(routed.falses, parts.shard)
    op.output("publish", op.merge("outputs", said, routed.trues), PublisherSink(job.publisher))
    return flow


def execute(job: Job) -> None:
    """Run the job until its source ends.

    Raises:
        SettingsInvalid: The recovery state was begun with another number of shards.
        StorageFailed: The recovery state cannot be read or written.
    """
    os.environ.pop("BYTEWAX_DATAFLOW_API_ENABLED", None)  # its server has no password
    interval = timedelta(seconds=job.settings.recovery.interval_secs)
    if job.recovery is None:
        cli_main(build(job, MemoryVault()), epoch_interval=interval)
        return
    with recovery_explained(job.recovery):
        state = recovery_at(job.recovery, job.settings.stream.shard_groups)
        with closing(SqliteVault(job.recovery / "pieces.db")) as vault:
            cli_main(build(job, vault), epoch_interval=interval, recovery_config=state)


class PublisherSink(FixedPartitionedSink[Any, bytes]):
    """Hands outputs to the publisher, one engine partition, so their order stands."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def list_parts(self) -> list[str]:
        """Name the one partition."""
        return ["out"]

    def build_part(
        self,
        step_id: str,  # noqa: ARG002 - the engine passes it
        for_part: str,  # noqa: ARG002 - the engine passes it
        resume_state: bytes | None,
    ) -> _PublisherPartition:
        """Open it."""
        if resume_state is not None:
            self._publisher.resume(resume_state)
        return _PublisherPartition(self._publisher)


class _PublisherPartition(StatefulSinkPartition[Any, bytes]):
    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def write_batch(self, values: list[Any]) -> None:
        # A batch of records that spans minutes comes shard by shard; they are said by the minute.
        self._publisher.publish(sorted(values, key=_minute))

    def snapshot(self) -> bytes:
        self._publisher.flush()
        return self._publisher.state()


def _minute(output: Any) -> datetime:
    """Give the minute at whose end something was said; what belongs to none comes first."""
    if isinstance(output, WindowSummary) and output.partial:
        return _LAST
    return instant_of(output) if isinstance(output, Said) else _FIRST
