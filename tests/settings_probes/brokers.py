"""Keys of Kafka: what is read from brokers and written to them, seen on a real one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, chdir, closing, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from connectors.api.opening import open_log_of
from connectors.kafka.facts import Facts
from connectors.kafka.topics import anomalies, telemetry
from connectors.publisher import FINDINGS
from dataflows.kafka import KafkaSource, kafka_sources
from dataflows.live import open_publisher
from optimizer.errors import StorageFailed
from tests.brokers.kinds import Tansu
from tests.brokers.reading import send
from tests.builders import a_finding
from tests.settings_probes.probe import Probe

if TYPE_CHECKING:
    from optimizer.settings import Settings
    from tests.brokers.broker import Broker

SECOND_NS = 1_000_000_000
HERE, THERE = "here:9092", "there:9092"  # stand for the addresses that two brokers then have
PATIENCE_S = 0.4


class World(NamedTuple):
    """A broker with topics, and settings that name it.

    Attributes:
        settings: The settings, with its address in the place of the name that stands for it.
        broker: The broker.
        folder: A folder.
    """

    settings: Settings
    broker: Broker
    folder: Path


@contextmanager
def broker_at(name: str, settings: Settings, *topics: str, partitions: int = 1) -> Iterator[World]:
    """Start a broker that has these topics."""
    with TemporaryDirectory() as place, ExitStack() as stack:
        folder = Path(place)
        broker = Tansu(folder / "broker")
        stack.callback(broker.close)
        broker.start()
        for topic in topics:
            broker.create(topic, partitions)
        yield World(_named(settings, {name: broker.address}), broker, folder)


def _named(settings: Settings, addresses: dict[str, str]) -> Settings:
    def of(brokers: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return brokers and tuple(addresses.get(name, name) for name in brokers)

    peers = settings.integrations
    sentinel = of(peers.sentinel_kafka_brokers)
    return replace(
        settings,
        kafka=replace(settings.kafka, brokers=of(settings.kafka.brokers)),
        integrations=replace(peers, sentinel_kafka_brokers=sentinel),
    )


def kind_of(topic: str, settings: Settings) -> str:
    """Say what a message of a topic becomes; `unread` where nobody reads it."""
    contents = telemetry(settings)
    return contents[topic](b"{}", ())[0].name if topic in contents else "unread"


def partitions_read(topic: str, settings: Settings) -> int:
    """Count the partitions of a topic that a run finds: one here, three there."""
    topics = sorted({"otlp_spans", topic})
    with (
        broker_at(HERE, settings, *topics) as one,
        broker_at(THERE, one.settings, *topics, partitions=3) as both,
        ExitStack() as stack,
    ):
        sources = kafka_sources(stack, both.settings, both.folder, threading.Event())
        names = [name for source in sources for name in source.partitions]
    return sum(name.startswith(f"{topic}/") for name in names)


def first_offset(settings: Settings) -> int:
    """Give the offset from which a first start reads a topic that holds one message."""
    with broker_at(HERE, settings, "otlp_spans") as (made, broker, folder):
        send(broker, "otlp_spans", b"old")
        with ExitStack() as stack:
            kafka_sources(stack, made, folder, threading.Event())
        with closing(Facts(folder / "kafka.db")) as facts:
            (fact,) = facts.all()
    return fact.offset


def is_noticed(settings: Settings) -> bool:
    """Tell whether a topic that comes is noticed when two seconds have passed."""
    now_ns = [SECOND_NS]
    topics = ["otlp_spans", "feedback-events"]
    with broker_at(HERE, settings, topics[0]) as (made, broker, folder), ExitStack() as stack:
        source = KafkaSource(
            "kafka",
            [broker.address],
            telemetry(made),
            settings=made,
            folder=folder,
            stop=threading.Event(),
            clock=lambda: now_ns[0],
        )
        stack.enter_context(closing(source)).found()
        part = source.build_part("", "kafka", None)
        _take(part, f"{topics[0]}/0")
        broker.create(topics[1])
        now_ns[0] += 2 * SECOND_NS
        return _take(part, f"{topics[1]}/0")


def _take(part: object, partition: str) -> bool:
    """Read until a partition says something, or for a moment; tell which it was."""
    patience = 25 if partition.startswith("otlp") else 1
    until = time.monotonic() + patience * PATIENCE_S  # noqa: TID251 - a real server
    while time.monotonic() < until:  # noqa: TID251
        if partition in {name for name, _ in part.next_batch()}:
            return True
        time.sleep(0.01)
    return False


def findings_written(settings: Settings) -> int:
    """Count the findings in the brokers' topic, after one was published."""
    with broker_at(HERE, settings) as (made, broker, folder), chdir(folder), ExitStack() as stack:
        open_publisher(stack, made, folder, lambda _: None).publish([a_finding()])
        return broker.partitions(FINDINGS)


def takes_large_findings(settings: Settings) -> bool:
    """Tell whether a finding of two kilobytes is written."""
    with broker_at(HERE, settings) as made, closing(open_log_of(made.settings)) as log:
        try:
            log.append(FINDINGS, [("route", bytes(2000))])
        except StorageFailed:
            return False
    return True


READING = {"kafka": {"brokers": [HERE]}}


def _topics(name: str, kind: str) -> Probe:
    key = f"kafka.{name}_topics"
    return Probe(key, ([], ["mine"]), partial(kind_of, "mine"), ("unread", kind), READING)


PROBES = (
    _topics("traces", "OTLP"),
    _topics("metrics", "METRICS"),
    _topics("logs", "LOGS"),
    _topics("feedback", "EVENT"),
    _topics("inputs", "EVENT"),
    Probe(
        "kafka.sentinel_topics",
        (["one"], ["one", "two"]),
        lambda settings: sorted(anomalies(settings)),
        (["one"], ["one", "two"]),
        READING,
    ),
    Probe("kafka.brokers", ([HERE], [THERE]), partial(partitions_read, "otlp_spans"), (1, 3)),
    Probe(
        "integrations.sentinel_kafka_brokers",
        (None, [THERE]),
        partial(partitions_read, "sentinel.anomalies"),
        (1, 3),
        READING,
    ),
    Probe("kafka.start", ("earliest", "latest"), first_offset, (0, 1), READING),
    Probe("kafka.refresh_secs", (1, 60), is_noticed, (True, False), READING),
    Probe("kafka.log", (False, True), findings_written, (0, 1), READING),
    Probe(
        "kafka.options",
        ({}, {"message.max.bytes": 1000}),
        takes_large_findings,
        (True, False),
        {"kafka": {"brokers": [HERE], "log": True}},
    ),
)
