"""Kafka as the job's source: one engine partition a cluster, which reads all its partitions."""

from __future__ import annotations

import math
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition

from connectors.kafka.facts import Facts
from connectors.kafka.fetching import Fetcher
from connectors.kafka.opening import found, founders
from connectors.kafka.reading import SECOND_NS, KafkaReader
from connectors.kafka.topics import anomalies, telemetry

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Collection, Mapping, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    from connectors.kafka.topics import Content
    from optimizer.observe.columns import Record
    from optimizer.settings import Settings

    Keyed = tuple[str, Record]

_IDLE = timedelta(milliseconds=20)  # between looks for what has come
_WAIT_S = 0.2
_PATIENCE_S = 5.0


class KafkaSource(FixedPartitionedSource["Keyed", str]):
    """A cluster's partitions, from where the last snapshot left them.

    Args:
        name: What the engine calls it; the same in each life.
        brokers: Where to begin to find the cluster.
        contents: The topics to read.
        settings: The settings in force.
        folder: The folder of the recovery state, where what was decided by the clock is kept.
        stop: Set when the job is to drain and end.
        clock: Gives nanoseconds since the epoch.

    Attributes:
        partitions: The partitions that the windows wait for from the first.

    Raises:
        SettingsInvalid: The client refuses an option.
        StorageFailed: The folder cannot be used.
    """

    def __init__(
        self,
        name: str,
        brokers: Sequence[str],
        contents: Mapping[str, Content],
        *,
        settings: Settings,
        folder: Path,
        stop: threading.Event,
        clock: Callable[[], int] = time.time_ns,  # noqa: TID251 - an edge: it stamps silence
    ) -> None:
        self._name = name
        self._contents = contents
        self._settings = settings
        self._stop = stop
        self._clock = clock
        self._fetcher = Fetcher(settings.kafka, brokers)
        self._facts = Facts(folder / f"{name}.db")
        self.partitions: Sequence[str] = founders(self._facts)

    def found(self, patience_s: float = math.inf) -> None:
        """At the first start, wait until there is something to read, or until told to stop.

        Args:
            patience_s: How long to wait.

        Raises:
            BrokerRefused: A broker will not serve us.
        """
        if self.partitions:
            return
        tries = iter(range(round(patience_s / _WAIT_S))) if patience_s < math.inf else count()
        self.partitions = found(
            self._fetcher,
            self._facts,
            self._contents,
            self._settings.kafka.start,
            lambda: self._stop.wait(_WAIT_S) or next(tries, None) is None,
        )

    def close(self) -> None:
        """Let go of the brokers and the file."""
        self._fetcher.close()
        self._facts.close()

    def list_parts(self) -> list[str]:
        """Name the one engine partition."""
        return [self._name]

    def build_part(
        self,
        step_id: str,  # noqa: ARG002 - the engine passes it
        for_part: str,  # noqa: ARG002 - the engine passes it
        resume_state: str | None,
    ) -> _KafkaPartition:
        """Go on where the last snapshot left each partition."""
        reader = KafkaReader(
            self._fetcher,
            self._facts,
            self._contents,
            clock=self._clock,
            skew_ns=self._settings.stream.max_skew_secs * SECOND_NS,
            refresh_ns=self._settings.kafka.refresh_secs * SECOND_NS,
            resumed=resume_state,
        )
        return _KafkaPartition(reader, self._stop)


class _KafkaPartition(StatefulSourcePartition["Keyed", str]):
    def __init__(self, reader: KafkaReader, stop: threading.Event) -> None:
        self._reader = reader
        self._stop = stop
        self._awake: datetime | None = None

    def next_batch(self) -> list[Keyed]:
        if self._stop.is_set():
            raise StopIteration
        records = self._reader.take()
        self._awake = None
        if not records and not self._reader.has_more:
            self._awake = datetime.now(UTC) + _IDLE  # noqa: TID251 - the engine's timer
        return [(record.partition, record) for record in records]

    def next_awake(self) -> datetime | None:
        return self._awake

    def snapshot(self) -> str:
        return self._reader.snapshot()


def kafka_sources(
    stack: ExitStack,
    settings: Settings,
    folder: Path,
    stop: threading.Event,
    begun: Collection[str] = ("kafka", "sentinel"),
) -> list[KafkaSource]:
    """Open the clusters that the settings name, each with the topics read from it.

    The first start waits for telemetry to be there. It does not wait for anomalies: their topics
    may come later.

    Args:
        stack: Closes them in the end.
        settings: The settings in force.
        folder: The folder of the recovery state.
        stop: Set when the job is to drain and end.
        begun: The clusters that the state was begun with; what any other has joins later.

    Raises:
        SettingsInvalid: The client refuses an option.
        BrokerRefused: A broker will not serve us.
    """
    main, sentinel = settings.kafka.brokers, settings.integrations.sentinel_kafka_brokers
    sources = []

    def add(name: str, brokers: Sequence[str], contents: Mapping[str, Content], s: float) -> None:
        source = KafkaSource(name, brokers, contents, settings=settings, folder=folder, stop=stop)
        sources.append(stack.enter_context(closing(source)))
        if name in begun:
            source.found(s)

    if main:
        add("kafka", main, telemetry(settings), math.inf)
    if sentinel:
        is_all = not (main or settings.input.is_live)
        add("sentinel", sentinel, anomalies(settings), math.inf if is_all else _PATIENCE_S)
    return sources
