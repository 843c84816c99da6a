"""The section `kafka`: brokers, topics, and how they are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from optimizer.settings.kinds import Choice, Names, Number, Parameters, Switch
from optimizer.settings.knobs import knob

_TOPICS = Names(
    length=249, pattern=r"[A-Za-z0-9._-]+", form="a name of letters, digits, `.`, `_` and `-`"
)

# Options of the client that decide what is lost and repeated; no setting may change them.
OWN_OPTIONS = frozenset(
    {
        "acks",
        "auto.offset.reset",
        "bootstrap.servers",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.idempotence",
        "enable.partition.eof",
        "group.id",
        "metadata.broker.list",
        "request.required.acks",
        "statistics.interval.ms",
    }
)


class Start(StrEnum):
    """Where the first start begins to read; every later one goes on where it was."""

    EARLIEST = "earliest"
    LATEST = "latest"


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaSettings:
    """Kafka as input and as log."""

    brokers: tuple[str, ...] | None = field(
        default=None,
        metadata=knob(
            "Brokers that telemetry is read from, such as [host:9092]", Names(), null=True
        ),
    )
    traces_topics: tuple[str, ...] = field(
        default=("otlp_spans",), metadata=knob("Topics of OTLP traces", _TOPICS)
    )
    metrics_topics: tuple[str, ...] = field(
        default=("otlp_metrics",), metadata=knob("Topics of OTLP metrics", _TOPICS)
    )
    logs_topics: tuple[str, ...] = field(
        default=("otlp_logs",), metadata=knob("Topics of OTLP logs", _TOPICS)
    )
    sentinel_topics: tuple[str, ...] = field(
        default=("sentinel.anomalies",),
        metadata=knob(
            "Topics of anomalies, from integrations.sentinel_kafka_brokers where that is set",
            _TOPICS,
        ),
    )
    feedback_topics: tuple[str, ...] = field(
        default=("feedback-events",), metadata=knob("Topics of scores and feedback", _TOPICS)
    )
    inputs_topics: tuple[str, ...] = field(
        default=("llm.optimizer.inputs",),
        metadata=knob("Topics of this product's own records, such as orders", _TOPICS),
    )
    start: Start = field(
        default=Start.EARLIEST,
        metadata=knob("Where the first start begins to read what is there by then", Choice(Start)),
    )
    refresh_secs: int = field(
        default=30,
        metadata=knob(
            "Time between looks for new topics and partitions",
            Number(least=1, most=60, whole=True),
            unit="s",
        ),
    )
    log: bool = field(
        default=False,
        metadata=knob(
            "Write findings, decisions and dead letters to topics of these brokers", Switch()
        ),
    )
    options: Mapping[str, object] = field(
        default_factory=dict,
        metadata=knob("Options of librdkafka, such as {security.protocol: SSL}", Parameters()),
    )

    def topics(self) -> Mapping[str, tuple[str, ...]]:
        """Give the topics of each list, by the list's name."""
        return {name: getattr(self, name) for name in LISTS}


LISTS = tuple(name for name in KafkaSettings.__dataclass_fields__ if name.endswith("_topics"))


def faults_of(given: Mapping[str, Any]) -> Iterator[tuple[str, object, str]]:
    """Find what contradicts itself in values that fit each for itself.

    Args:
        given: What was given of the section, by name.

    Yields:
        The name, the value, and what is wrong with it.
    """
    kafka = KafkaSettings(**{name: given[name] for name in (*LISTS, "options") if name in given})
    first: dict[str, str] = {}
    for name, topics in kafka.topics().items():
        for topic in topics:
            if topic in first:
                yield name, topic, f"must be in one list, and is in kafka.{first[topic]} too"
            first.setdefault(topic, name)
    for option in sorted(OWN_OPTIONS & kafka.options.keys()):
        yield "options", {option: kafka.options[option]}, f"{option} is not free: leave it out"
