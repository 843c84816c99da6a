"""What is in a topic: its list in the settings says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from connectors.cloud_events import structured
from connectors.recordings import messages
from optimizer.observe.columns import RecordKind

if TYPE_CHECKING:
    from optimizer.settings import Settings

Headers = Sequence[tuple[str, bytes | None]]
Content = Callable[[bytes, Headers], tuple[RecordKind, bytes]]

_KINDS = {int(kind): kind for kind in RecordKind}
_OF_SOURCES = {
    RecordKind.HEARTBEAT,
    RecordKind.IDLE,
    RecordKind.END,
    RecordKind.COLUMNS,
    RecordKind.GAP,
}


def telemetry(settings: Settings) -> dict[str, Content]:
    """Give the topics to read from `kafka.brokers`, each with how its messages are read."""
    kafka = settings.kafka
    contents = {
        **dict.fromkeys(kafka.traces_topics, _always(RecordKind.OTLP)),
        **dict.fromkeys(kafka.metrics_topics, _always(RecordKind.METRICS)),
        **dict.fromkeys(kafka.logs_topics, _always(RecordKind.LOGS)),
        **dict.fromkeys(kafka.feedback_topics, _event),
        **dict.fromkeys(kafka.inputs_topics, _own),
    }
    if not settings.integrations.sentinel_kafka_brokers:
        contents |= anomalies(settings)
    return contents


def anomalies(settings: Settings) -> dict[str, Content]:
    """Give the topics of anomalies, each with how its messages are read."""
    return dict.fromkeys(settings.kafka.sentinel_topics, _event)


def partitions_of(contents: Mapping[str, Content], found: Mapping[str, int]) -> list[str]:
    """Name the partitions that are there, of the topics that are read."""
    return [f"{topic}/{number}" for topic in contents for number in range(found.get(topic, 0))]


def topic_of(partition: str) -> str:
    """Give the topic of `topic/number`."""
    return partition.rpartition("/")[0]


def _always(kind: RecordKind) -> Content:
    return lambda value, _: (kind, value)


def _event(value: bytes, headers: Headers) -> tuple[RecordKind, bytes]:
    return RecordKind.EVENT, structured(headers, value)


def _own(value: bytes, headers: Headers) -> tuple[RecordKind, bytes]:  # noqa: ARG001 - a Content
    """Unwrap a record of our own; what is none becomes a dead letter as the event it is not."""
    try:
        (record,) = messages.decode(value, _KINDS)
    except ValueError:
        return RecordKind.EVENT, value
    if record.kind in _OF_SOURCES or not isinstance(record.body, bytes):
        return RecordKind.EVENT, value  # nobody else may move a partition's time
    return record.kind, record.body
