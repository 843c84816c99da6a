"""Messages out of Kafka, partition by partition from given offsets; waits for nobody."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.kafka.health import Health
from connectors.kafka.options import (
    STATISTICS_MS,
    client,
    consumer_options,
    options_explained,
    refused,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future

    from optimizer.settings import KafkaSettings

_AT_ONCE = 500  # messages asked for in one call
_MOST_BYTES = 4 << 20  # given in one batch, the last message apart
_LOOK_S = 3.0
_ASK_S = 5.0


class Message(NamedTuple):
    """One message.

    Attributes:
        partition: `topic/number`.
        offset: Its place.
        value: Its bytes; None for a tombstone.
        headers: Its headers.
        stamp_ms: Its timestamp, milliseconds since the epoch; -1 without one.
        is_brokers: The broker set the timestamp, not who sent it.
    """

    partition: str
    offset: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]
    stamp_ms: int
    is_brokers: bool


class End(NamedTuple):
    """All of a partition has been given, up to an offset."""

    partition: str
    offset: int


class Gone(NamedTuple):
    """The record at an offset is not there: the partition now holds `first` and what follows."""

    partition: str
    offset: int
    first: int


class Fetcher:
    """A consumer that is told where to read; it blocks nobody and retries for ever.

    Args:
        kafka: The section of the settings.
        brokers: Where to begin to find the cluster.

    Attributes:
        health: What is known of the brokers.

    Raises:
        SettingsInvalid: The client refuses an option.
    """

    def __init__(self, kafka: KafkaSettings, brokers: Sequence[str]) -> None:
        self.health = Health(brokers)
        self._brokers = brokers
        options = consumer_options(kafka, brokers) | {
            "statistics.interval.ms": STATISTICS_MS,
            "stats_cb": self.health.see_statistics,
            "error_cb": self.health.see_error,
        }
        with options_explained():
            self._consumer = client().Consumer(options)
        self._ahead: deque[Any] = deque()
        self._astray: list[Any] = []  # told that an offset is gone, and not yet what is there
        self._aside = ThreadPoolExecutor(1, "kafka-metadata")
        self._looking: Future[dict[str, int]] | None = None

    def look(self) -> None:
        """Begin to look which topics there are; `found` gives the answer once it is there."""
        if self._looking is None:
            self._looking = self._aside.submit(self._list)

    def found(self) -> dict[str, int] | None:
        """Give how many partitions each topic has, once for each look; None while not known."""
        if self._looking is None or not self._looking.done():
            return None
        looking, self._looking = self._looking, None
        error: Any = looking.exception()
        if error is None:
            return looking.result()
        self.health.missed(error.args[0])
        return None

    def _list(self) -> dict[str, int]:
        # All topics: to ask for one by name could create it.
        topics = self._consumer.list_topics(timeout=_LOOK_S).topics
        return {name: len(topic.partitions) for name, topic in topics.items()}

    def bounds(self, partition: str) -> tuple[int, int] | None:
        """Ask for a partition's first offset and for the one after its last; None: no answer."""
        try:
            first, end = self._consumer.get_watermark_offsets(_place(partition), timeout=_ASK_S)
        except client().KafkaException as error:
            self.health.missed(error.args[0])
            return None
        return first, end

    def follow(self, offsets: Mapping[str, int]) -> None:
        """Read these partitions too, each from its offset on."""
        self._consumer.incremental_assign([_place(name, at) for name, at in offsets.items()])

    def fetch(self) -> list[Message | End | Gone]:
        """Give what has come, in the order of each partition; nothing when nothing has.

        Raises:
            BrokerRefused: A broker will not serve us.
        """
        if not self._ahead:
            self._ahead.extend(self._consumer.consume(_AT_ONCE, 0))
        self.health.check()
        given: list[Message | End | Gone] = []
        astray, self._astray = self._astray, []
        given.extend(gone for message in astray if (gone := self._event(message)))
        size = 0
        while self._ahead and size < _MOST_BYTES:
            message = self._ahead.popleft()
            event = self._event(message)
            if event is not None:
                given.append(event)
                size += len(message)
        return given

    @property
    def has_more(self) -> bool:
        """Tell whether messages wait to be given."""
        return bool(self._ahead)

    def _event(self, message: Any) -> Message | End | Gone | None:
        partition = f"{message.topic()}/{message.partition()}"
        if message.error() is not None:
            return self._of_error(partition, message)
        kind, stamp_ms = message.timestamp()
        return Message(
            partition,
            message.offset(),
            message.value(),
            message.headers() or (),
            stamp_ms if kind else -1,
            kind == _BY_BROKER,
        )

    def _of_error(self, partition: str, message: Any) -> End | Gone | None:
        error = message.error()
        match error.name():
            case "_PARTITION_EOF":
                return End(partition, message.offset())
            case "_AUTO_OFFSET_RESET":
                return self._first_there(partition, message)
            case "TOPIC_AUTHORIZATION_FAILED":
                raise refused(self._brokers, error)
        return None  # it is retried; the broker's health tells

    def _first_there(self, partition: str, message: Any) -> Gone | None:
        bounds = self.bounds(partition)
        if bounds is None:
            self._astray.append(message)  # asked again
            return None
        self._consumer.incremental_unassign([_place(partition)])
        self.follow({partition: bounds[0]})
        return Gone(partition, message.offset(), bounds[0])

    def close(self) -> None:
        """Let go of the brokers."""
        self._aside.shutdown()
        self._consumer.close()


_BY_BROKER = 2  # confluent_kafka.TIMESTAMP_LOG_APPEND_TIME


def _place(partition: str, offset: int | None = None) -> Any:
    topic, _, number = partition.rpartition("/")
    at = () if offset is None else (offset,)
    return client().TopicPartition(topic, int(number), *at)
