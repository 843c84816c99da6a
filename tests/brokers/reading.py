"""A life of the reader: what it gives, until it ends without a word."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import TYPE_CHECKING, Self

from confluent_kafka import Producer

from connectors.kafka.facts import Facts
from connectors.kafka.fetching import Fetcher
from connectors.kafka.opening import found, founders
from connectors.kafka.reading import SECOND_NS, KafkaReader
from connectors.kafka.topics import telemetry
from optimizer.observe.columns import RecordKind
from optimizer.settings import validate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import TracebackType

    from optimizer.observe.columns import Record
    from optimizer.settings import Settings
    from tests.brokers.broker import Broker

TOO_LONG_S = 120
PAUSE_S = 0.01


def settings_for(broker: Broker, prefix: str, **kafka: object) -> Settings:
    """Give settings that read topics of a test's own."""
    topics = {
        f"{name}_topics": [f"{prefix}.{name}"]
        for name in ("traces", "metrics", "logs", "sentinel", "feedback", "inputs")
    }
    return validate({"kafka": {"brokers": [broker.address], "refresh_secs": 1, **topics, **kafka}})


def send(broker: Broker, topic: str, *values: bytes | None, **options: object) -> None:
    """Let messages stand in a topic when this returns."""
    producer = Producer({"bootstrap.servers": broker.address, "acks": "all"})
    for value in values:
        producer.produce(topic, value, **{"partition": 0, **options})
    assert producer.flush(20) == 0


class Life:
    """One life of a reader in a folder; `given` is what it gave, by partition.

    Args:
        settings: The settings.
        folder: Where facts are kept.
        resumed: The snapshot it goes on from.
        clock: What it stamps with.
    """

    def __init__(
        self,
        settings: Settings,
        folder: Path,
        resumed: str | None = None,
        clock: Callable[[], int] = time.time_ns,  # noqa: TID251 - a real server, in real time
    ) -> None:
        self.given: defaultdict[str, list[Record]] = defaultdict(list)
        self.batches: list[list[Record]] = []
        kafka, contents = settings.kafka, telemetry(settings)
        self._fetcher = Fetcher(kafka, kafka.brokers)
        self._facts = Facts(folder / "kafka.db")
        self.founders = founders(self._facts) or found(
            self._fetcher, self._facts, contents, kafka.start, self._pause
        )
        self.reader = KafkaReader(
            self._fetcher,
            self._facts,
            contents,
            clock=clock,
            skew_ns=settings.stream.max_skew_secs * SECOND_NS,
            refresh_ns=kafka.refresh_secs * SECOND_NS,
            resumed=resumed,
        )

    @staticmethod
    def _pause() -> bool:
        time.sleep(PAUSE_S)
        return False

    def until(self, is_enough: Callable[[Life], bool]) -> Life:
        """Let it read until there is enough."""
        limit = time.monotonic() + TOO_LONG_S  # noqa: TID251
        while not is_enough(self):
            assert time.monotonic() < limit, dict(self.given)  # noqa: TID251
            batch = self.reader.take()
            self._pause()
            if batch:
                self.batches.append(batch)
            for record in batch:
                self.given[record.partition].append(record)
        return self

    def count(self, partition: str, kind: RecordKind) -> int:
        """Count the records of a kind that a partition gave."""
        return sum(record.kind is kind for record in self.given[partition])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End; what it decided since its last snapshot is not told to anybody."""
        self._fetcher.close()
        self._facts.close()


def beats(count: int, *partitions: str) -> Callable[[Life], bool]:
    """Enough: so many heartbeats of each of these partitions."""
    return lambda life: all(life.count(p, RecordKind.HEARTBEAT) >= count for p in partitions)


def gives(partition: str, count: int) -> Callable[[Life], bool]:
    """Enough: so many records of a partition."""
    return lambda life: len(life.given[partition]) >= count
