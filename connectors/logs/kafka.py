"""A log on Kafka: a topic a log's topic, of one partition, whose offsets are the positions."""

from __future__ import annotations

import re
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from connectors.kafka.options import (
    admin_options,
    client,
    consumer_options,
    options_explained,
    producer_options,
)
from optimizer.errors import StorageFailed
from optimizer.ports import Entry
from optimizer.settings import masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from optimizer.settings import KafkaSettings

_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")
# Positions that were deleted are passed over; a broker with nothing more says so at once.
_READING = {"auto.offset.reset": "earliest", "fetch.wait.max.ms": 10}
_AT_ONCE = 500
_THERE = {"TOPIC_ALREADY_EXISTS"}


class KafkaLog:
    """Implements `ports.Log`; an append ends when all replicas in sync have every message.

    Kafka takes messages one by one. So an append that fails may have left some of its entries:
    appending them again lets those stand twice, which whoever reads a log must bear anyway.

    Args:
        kafka: The section of the settings.
        brokers: Where to begin to find the cluster.
        timeout_secs: How long to wait for an answer; for what is written, librdkafka's
            `message.timeout.ms` says it.

    Raises:
        SettingsInvalid: The client refuses an option.
    """

    def __init__(
        self, kafka: KafkaSettings, brokers: Sequence[str], timeout_secs: float = 10.0
    ) -> None:
        self._timeout_secs = timeout_secs
        self._brokers = ",".join(brokers)
        self._errors: deque[Any] = deque(maxlen=1)  # what was told last
        report = {"error_cb": self._errors.append}
        with options_explained():
            self._producer = client().Producer(producer_options(kafka, brokers) | report)
            reading = consumer_options(kafka, brokers) | _READING
            self._consumer = client().Consumer(reading | report)
            self._admin = client().admin.AdminClient(admin_options(kafka, brokers) | report)
        self._made: set[str] = set()

    def append(self, topic: str, entries: Iterable[tuple[str, bytes]]) -> None:
        """Add (key, value) pairs to the end; durable when it returns."""
        entries = list(entries)
        if not entries:
            return
        failed: list[Any] = []
        self._make(topic)
        with self._explained(topic):
            for key, value in entries:
                self._produce(topic, key.encode(), value, failed)
            while self._producer.flush(1.0):  # until `message.timeout.ms` at the latest
                pass
        if failed:
            raise self._failure(topic, failed[0])

    def _produce(self, topic: str, key: bytes, value: bytes, failed: list[Any]) -> None:
        def confirm(error: Any, _: Any) -> None:
            if error is not None:
                failed.append(error)

        while True:
            try:
                self._producer.produce(topic, value, key, partition=0, on_delivery=confirm)
            except BufferError:
                self._producer.poll(1.0)
            else:
                return

    def _make(self, topic: str) -> None:
        """Create a topic that is not there, with as many replicas as the brokers usually make."""
        if topic in self._made:
            return
        if not _NAME.fullmatch(topic):
            raise StorageFailed(
                f"{topic[:60]!r} is no topic of Kafka: use letters, digits, `.`, `_` and `-`"
            )
        if not self._exists(topic):
            new = client().admin.NewTopic(topic, 1)
            with self._explained(topic, _THERE):
                self._admin.create_topics([new])[topic].result(self._timeout_secs)
        self._made.add(topic)

    def _exists(self, topic: str) -> bool:
        with self._explained(topic):
            # A consumer asks: for a producer, the brokers may create what it asks for.
            found = self._consumer.list_topics(topic, timeout=self._timeout_secs).topics[topic]
        return found.error is None and bool(found.partitions)

    def read(self, topic: str, start: int = 0, limit: int = 1000) -> Sequence[Entry]:
        """Give up to `limit` entries from position `start` on; empty at the end."""
        if limit <= 0 or start >= self.end(topic):
            return []
        entries: list[Entry] = []
        for message in self._messages(topic, start):
            key, value = message.key() or b"", message.value() or b""
            entries.append(Entry(message.offset(), key.decode(), value))
            if len(entries) == limit:
                break
        return entries

    def end(self, topic: str) -> int:
        """Give the position the next entry will have."""
        if not self._exists(topic):  # asked each time: the client remembers what was not there
            return 0
        with self._explained(topic):
            place = client().TopicPartition(topic, 0)
            first, end = self._consumer.get_watermark_offsets(place, timeout=self._timeout_secs)
        # Not every broker answers this rightly, but all of them tell where a partition ends.
        offsets = (message.offset() for message in self._messages(topic, max(first, end - 1)))
        return int(max(offsets, default=end - 1)) + 1

    def _messages(self, topic: str, start: int) -> Iterator[Any]:
        """Read from a position to the end that is there."""
        self._consumer.assign([client().TopicPartition(topic, 0, start)])
        try:
            while True:
                # The first message alone is waited for: the client would wait for all it may give.
                batch = self._consumer.consume(1, self._timeout_secs)
                batch += self._consumer.consume(_AT_ONCE, 0)
                if not batch:
                    raise self._failure(topic, self._errors[-1] if self._errors else None)
                for message in batch:
                    error = message.error()
                    if error is None:
                        yield message
                    elif error.name() == "_PARTITION_EOF":
                        return
                    elif not error.retriable():
                        raise self._failure(topic, error)
        finally:
            self._consumer.unassign()

    @contextmanager
    def _explained(self, topic: str, fine: Iterable[str] = ()) -> Iterator[None]:
        try:
            yield
        except client().KafkaException as error:
            if error.args[0].name() not in fine:
                raise self._failure(topic, error.args[0]) from error

    def _failure(self, topic: str, error: Any) -> StorageFailed:
        told = f"{error.name()}: {masked(error.str())}" if error is not None else "no answer"
        return StorageFailed(
            f"{self._brokers}, topic {topic}: {told}: see that the brokers are up, that this user "
            "may create, read and write the topic, and that it takes messages so large "
            "(OPTIMIZER_KAFKA__BROKERS, OPTIMIZER_KAFKA__OPTIONS); what was not confirmed is said "
            "again after a restart"
        )

    def close(self) -> None:
        """Let go of the brokers."""
        self._producer.flush(0)
        self._consumer.close()
