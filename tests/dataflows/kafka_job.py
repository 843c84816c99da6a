"""The whole job on a broker, and what it must say: what it says of the same records in a file."""

from __future__ import annotations

import threading
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from bytewax.inputs import AbortExecution
from confluent_kafka import Producer

from connectors.kafka.topics import telemetry
from connectors.recordings import messages, open_reader
from dataflows.ingest import RecordingSource
from dataflows.kafka import KafkaSource
from dataflows.recovery import recovery_at
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.observer import Ledger
from tests.benchmarks.job import MemoryReader
from tests.dataflows.the_job import Kept, run, settings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from connectors.kafka.topics import Content, Headers
    from optimizer.settings import Settings
    from tests.brokers.broker import Broker

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
MS = 1_000_000
SLACK_NS = 4 * SECOND_NS  # a broker's last answer is older than the clock


def records_of(recording: Path) -> list[Record]:
    """Give a recording's telemetry and scores in the order of arrival, its heartbeats left out."""
    kinds = {RecordKind.OTLP, RecordKind.SCORE}
    found = [record for record in open_reader(recording) if record.kind in kinds]
    return sorted(found, key=lambda record: record.stamp_ns)


def end_of(records: Sequence[Record]) -> int:
    """Give an instant after all of them, well within a tick after the disorder is taken off."""
    return (records[-1].stamp_ns // MINUTE_NS + 2) * MINUTE_NS + 43 * SECOND_NS


class Topics:
    """A test's own topics, and the settings of a job that reads them.

    Args:
        broker: Where they are.
        prefix: What their names begin with.
        partitions: Of the one with spans.
        recording: The settings beside it are the job's.
    """

    def __init__(self, broker: Broker, prefix: str, partitions: int, recording: Path) -> None:
        self.broker = broker
        self.spans, self.inputs = f"{prefix}.spans", f"{prefix}.inputs"
        self.partitions = partitions
        broker.create(self.spans, partitions)
        broker.create(self.inputs)
        made = settings_of(recording, 0.2)
        kafka = replace(
            made.kafka,
            brokers=(broker.address,),
            refresh_secs=1,
            traces_topics=(self.spans,),
            metrics_topics=(),
            logs_topics=(),
            sentinel_topics=(),
            feedback_topics=(),
            inputs_topics=(self.inputs,),
        )
        self.settings: Settings = replace(made, kafka=kafka)

    def send(self, records: Iterable[Record]) -> None:
        """Write spans to all partitions by their offsets, all else as records of our own."""
        producer = Producer({"bootstrap.servers": self.broker.address, "acks": "all"})
        for record in records:
            topic, value, partition = self.inputs, messages.encode(record), 0
            if record.kind is RecordKind.OTLP:
                topic, value, partition = self.spans, record.body, record.offset % self.partitions
            stamp = record.stamp_ns // MS
            producer.produce(topic, value, partition=partition, timestamp=stamp)
            producer.poll(0)
        assert producer.flush(60) == 0


class Live(Kept):
    """A job on topics, its clock set by hand; it ends once all has been heard up to its clock."""

    def __init__(self, topics: Topics, folder: Path) -> None:
        super().__init__()
        self.topics, self.folder = topics, folder
        self.now_ns = 0
        self.stop = threading.Event()
        self.heard: dict[str, int] = {}
        self.at: Callable[[Any], None] = lambda _: None
        self.read = 0  # messages, those of a crashed life too

    def see(self, output: Any) -> None:
        super().see(output)
        if isinstance(output, Ledger):
            self.heard[output.partition] = output.watermark_ns
        self.at(output)
        if self.heard and self.is_over():
            self.stop.set()

    def is_over(self) -> bool:
        """Tell whether every partition has been heard into the last minute before the clock."""
        disorder_ns = self.topics.settings.stream.allowed_disorder_secs * SECOND_NS
        until = (self.now_ns - disorder_ns - SLACK_NS) // MINUTE_NS * MINUTE_NS
        return all(self.heard.get(name, -1) >= until for name in self.partitions)

    def _counting(self, read: Content) -> Content:
        def counted(value: bytes, headers: Headers) -> tuple[RecordKind, bytes]:
            self.read += 1
            return read(value, headers)

        return counted

    def go(self, *, crash_after: int = -1) -> Live:
        """Run until all is heard, or until so many outputs were seen; then as if killed."""
        recovery_at(self.folder, self.topics.settings.stream.shard_groups)
        self.stop.clear()
        contents = telemetry(self.topics.settings)
        source = KafkaSource(
            "kafka",
            self.topics.settings.kafka.brokers,
            {topic: self._counting(read) for topic, read in contents.items()},
            settings=self.topics.settings,
            folder=self.folder,
            stop=_Crash(self, len(self.outputs) + crash_after) if crash_after >= 0 else self.stop,
            clock=lambda: self.now_ns,
        )
        with closing(source):
            source.found()
            self.partitions = source.partitions
            run(source, self.topics.settings, self, self.folder)
        return self


class _Crash:
    """In the place of the event that stops a job: aborts it in the middle."""

    def __init__(self, live: Live, after: int) -> None:
        self._live, self._after = live, after

    def is_set(self) -> bool:
        if len(self._live.outputs) >= self._after:
            raise AbortExecution  # as if killed: no drain, no snapshot
        return self._live.stop.is_set()

    def wait(self, seconds: float) -> bool:
        return self._live.stop.wait(seconds)


def from_a_file(records: Sequence[Record], settings: Settings, end_ns: int) -> Kept:
    """Run the job over the records as one partition of a file, and a heartbeat at their end."""
    said = [record._replace(partition="file", offset=n) for n, record in enumerate(records)]
    beat = Record("file", len(said), end_ns, RecordKind.HEARTBEAT, b"")
    is_over = threading.Event()
    source = RecordingSource(
        MemoryReader([*said, beat]), ["file"], more=is_over.set, stop=is_over.is_set
    )
    return run(source, settings)


def account(ledgers: dict[str, Any]) -> dict[str, int]:
    """Add up what became of everything, over all partitions."""
    names = {name for counts in ledgers.values() for name in counts}
    return {name: sum(counts.get(name, 0) for counts in ledgers.values()) for name in names}
