"""The job: records in, findings and decisions out. `llm-optimizer run` and `replay` start it."""

from __future__ import annotations

import os
import signal
import threading
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import bytewax.operators as op
import scipy.special  # noqa: F401 - a third of a second that the first finding should not wait for
from bytewax._bytewax import cli_main
from bytewax.dataflow import Dataflow
from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from bytewax.recovery import RecoveryConfig, init_db_dir

from connectors.codecs import from_json
from connectors.otlp import OtlpDecoder
from connectors.prices import open_prices
from dataflows.control import control
from dataflows.observe import observe
from optimizer.controller import Controller
from optimizer.events import FeedbackEvent
from optimizer.observe.observer import EDGE, Observer
from optimizer.observe.partition import Partition, StreamRules
from optimizer.shard import Shard

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from connectors.publisher import Publisher
    from dataflows.ingest import RecordingSource
    from optimizer.settings import Settings

SECOND_NS = 1_000_000_000


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
    source: RecordingSource
    publisher: Publisher
    recovery: Path | None


def build(job: Job) -> Dataflow:
    """Join the steps: source, observe, control, sink."""
    settings, partitions = job.settings, tuple(job.source.partitions)
    prices = open_prices(settings.prices)

    def make_observer(partition: Partition) -> Observer:
        decoder = OtlpDecoder(settings, prices, settings.input.tenant)
        return Observer(partition, decoder, _read_event, settings.stream.shard_groups)

    def make_shard() -> Shard:
        return Shard(Controller(settings, prices), _limits(settings), partitions)

    flow = Dataflow("optimize")
    records = op.input("records", flow, job.source)
    concerns = observe(records, rules_of(settings), make_observer)
    routed = op.branch("edge", concerns, lambda target: target[0] == EDGE)
    said = control(routed.falses, make_shard)
    op.output("publish", op.merge("outputs", said, routed.trues), PublisherSink(job.publisher))
    return flow


def rules_of(settings: Settings) -> StreamRules:
    """Give the rules of event time that the settings ask for."""
    stream = settings.stream
    return StreamRules(
        disorder_ns=round(stream.allowed_disorder_secs * SECOND_NS),
        skew_ns=round(stream.max_skew_secs * SECOND_NS),
        dedupe_ns=round(stream.dedupe_secs * SECOND_NS),
    )


def _limits(settings: Settings) -> Callable[[str], float]:
    limits: dict[str, float] = {}

    def limit_ms(route: str) -> float:
        if route not in limits:
            limits[route] = settings.route(route).thresholds.latency_p95_ms
        return limits[route]

    return limit_ms


def _read_event(body: bytes) -> FeedbackEvent:
    return from_json(FeedbackEvent, body)


def execute(job: Job) -> None:
    """Run the job until its source ends."""
    os.environ.pop("BYTEWAX_DATAFLOW_API_ENABLED", None)  # its server has no password
    recovery = None
    if job.recovery:
        if not any(job.recovery.glob("*.sqlite3")):
            job.recovery.mkdir(parents=True, exist_ok=True)
            init_db_dir(job.recovery, 1)
        recovery = RecoveryConfig(job.recovery)
    interval = timedelta(seconds=job.settings.recovery.interval_secs)
    cli_main(build(job), epoch_interval=interval, recovery_config=recovery)


def stop_on_signals() -> threading.Event:
    """Let SIGTERM and SIGINT drain the job: it takes a snapshot, then ends; nothing is repeated."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop


class PublisherSink(FixedPartitionedSink[Any, None]):
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
        resume_state: None,  # noqa: ARG002 - the engine passes it
    ) -> _PublisherPartition:
        """Open it."""
        return _PublisherPartition(self._publisher)


class _PublisherPartition(StatefulSinkPartition[Any, None]):
    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher

    def write_batch(self, values: list[Any]) -> None:
        self._publisher.publish(values)

    def snapshot(self) -> None:
        self._publisher.flush()

    def close(self) -> None:
        self._publisher.flush()
