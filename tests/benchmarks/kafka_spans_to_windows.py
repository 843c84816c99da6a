"""OTLP protobuf from a broker to closed windows, beside the same messages from memory.

Spans of 18 to 19 attributes, 512 a message, zstd, one topic of two partitions on a Tansu broker in
a process of its own. What is measured is the CPU time of this process, the client's threads in it.
"""

from __future__ import annotations

import threading
from contextlib import ExitStack, closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from confluent_kafka import Producer

from connectors.kafka.topics import telemetry
from dataflows.ingest import RecordingSource
from dataflows.kafka import KafkaSource
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.observer import Ledger
from tests.benchmarks.figures import Figure, rate
from tests.benchmarks.job import MemoryReader, run_source, settings
from tests.benchmarks.otlp_load import SECOND_NS, START_NS, messages
from tests.brokers.kinds import Tansu

if TYPE_CHECKING:
    from collections.abc import Iterable

SPANS = 512
PARTITIONS = 2
TOPIC = "otlp_spans"


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - it makes its own
    """Measure half a million spans."""
    count, runs = (20, 1) if small else (1000, 3)
    bodies = messages(count, spans_per_message=SPANS, seed=1)
    with TemporaryDirectory() as name, ExitStack() as stack:
        broker = Tansu(Path(name) / "broker")
        stack.callback(broker.close)
        broker.start()
        broker.create(TOPIC, PARTITIONS)
        _send(broker.address, bodies)

        def from_kafka() -> None:
            with TemporaryDirectory() as folder:
                _read(broker.address, Path(folder), count * SPANS)

        yield from rate("kafka_spans_to_windows", count * SPANS, from_kafka, runs)
    records = [
        Record(f"{TOPIC}/{number % PARTITIONS}", number, 1 << 61, RecordKind.OTLP, body)
        for number, body in enumerate(bodies)
    ]

    def from_memory() -> None:
        names = [f"{TOPIC}/{number}" for number in range(PARTITIONS)]
        run_source(RecordingSource(MemoryReader(records), names), settings())

    yield from rate("memory_spans_to_windows", count * SPANS, from_memory, runs)


def _send(address: str, bodies: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": address, "compression.type": "zstd"})
    stamp_ms = START_NS // 1_000_000 + 3_600_000  # no earlier than the calls end
    for number, body in enumerate(bodies):
        producer.produce(TOPIC, body, partition=number % PARTITIONS, timestamp=stamp_ms)
        producer.poll(0)
    producer.flush()


def _read(address: str, folder: Path, spans: int) -> None:
    """Run the job until its ledgers account for all spans."""
    seen: dict[str, int] = {}
    stop = threading.Event()
    made = settings(kafka={"brokers": [address]})

    def watch(output: Any) -> None:
        if isinstance(output, Ledger):
            seen[output.partition] = output.counts.get("spans", 0)
            if sum(seen.values()) == spans:
                stop.set()

    source = KafkaSource(
        "kafka",
        [address],
        telemetry(made),
        settings=made,
        folder=folder,
        stop=stop,
        clock=lambda: START_NS + 7200 * SECOND_NS,
    )
    with closing(source):
        source.found()
        run_source(source, made, watch=watch)
