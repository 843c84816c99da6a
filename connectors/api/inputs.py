"""Where commands append records for a live run to take in: a table, or a topic."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from connectors.api.opening import open_log
from connectors.inputs import INPUTS
from connectors.recordings import messages
from optimizer.errors import SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from optimizer.observe.columns import Record
    from optimizer.ports import Log
    from optimizer.settings import Settings


class Inputs:
    """A topic of a log.

    Args:
        log: The log; closed with this.
        topic: The topic.
        where: Whose topic it is.

    Attributes:
        name: What it is called, for a person.
    """

    def __init__(self, log: Log, topic: str, where: str) -> None:
        self.name = f"{topic} of {where}"
        self._log = log
        self._topic = topic

    def append(self, records: Iterable[Record]) -> None:
        """Add records; durable when it returns."""
        self._log.append(self._topic, [(each.partition, messages.encode(each)) for each in records])

    def close(self) -> None:
        """Let go of the log."""
        self._log.close()


def open_inputs(settings: Settings, sources: Collection[str], or_else: str = "") -> Inputs:
    """Open what the live run of these settings reads beside its input.

    Args:
        settings: The settings.
        sources: Whose records are to be appended.
        or_else: What else may be done where it cannot be opened, told with the fault.

    Raises:
        SettingsInvalid: No live run can read it, or it would read the records of a source as those
            of somebody else.
        StorageFailed: It cannot be reached.
    """
    if settings.kafka.brokers and not settings.input.is_live:
        return _topic(settings, settings.kafka.brokers, sources, or_else)
    database = settings.database
    if database.connection_string == "memory://":
        fault = "database.connection_string is memory://, which no live run shares: "
        way_out = f"{or_else}name a database (OPTIMIZER_DATABASE__CONNECTION_STRING)"
        raise SettingsInvalid([fault + way_out])
    log = open_log(database.connection_string, database.timeout_secs)
    return Inputs(log, INPUTS, database.connection_string)


def _topic(
    settings: Settings, brokers: Collection[str], sources: Collection[str], or_else: str
) -> Inputs:
    """Open the topic; who reads it takes all that is there for what the topic's owner says."""
    if not settings.kafka.inputs_topics:
        fault = "kafka.inputs_topics is []: no live run reads a topic of inputs: "
        raise SettingsInvalid([f"{fault}{or_else}name one (OPTIMIZER_KAFKA__INPUTS_TOPICS)"])
    topic = settings.kafka.inputs_topics[0]
    as_is = replace(settings.source(topic), source="")
    others = [name for name in sources if replace(settings.source(name), source="") != as_is]
    if others:
        fault = f"{topic} is read under other settings than {', '.join(sorted(others))}: "
        way_out = f"{or_else}declare {topic} alike in sources (OPTIMIZER_SOURCES)"
        raise SettingsInvalid([fault + way_out])
    from connectors.logs.kafka import KafkaLog  # noqa: PLC0415 - only who writes to Kafka loads it

    return Inputs(KafkaLog(settings.kafka, list(brokers)), topic, ",".join(brokers))
