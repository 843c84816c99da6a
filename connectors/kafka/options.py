"""Options of the Kafka client: those of the settings, and those that are not free."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from optimizer.errors import BrokerRefused, NotAvailable, SettingsInvalid
from optimizer.settings import masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from optimizer.settings import KafkaSettings

STATISTICS_MS = 1000
_WAY_OUT = "(OPTIMIZER_KAFKA__OPTIONS)"


def client() -> Any:
    """Load the client; only who reads or writes Kafka needs it.

    Raises:
        NotAvailable: It is not installed.
    """
    try:
        import confluent_kafka.admin  # noqa: PLC0415
    except ImportError as error:
        raise NotAvailable(
            "Kafka needs confluent-kafka, which is not here: install llm-auto-optimizer[kafka]"
        ) from error
    return confluent_kafka


def consumer_options(kafka: KafkaSettings, brokers: Sequence[str]) -> dict[str, Any]:
    """Give the options of a consumer that is told what to read and where from.

    It is in no group: offsets live in the job's snapshots, beside the state they belong to.
    """
    return {
        "queued.max.messages.kbytes": 32_768,  # read ahead, of all partitions together
        **_options(kafka, brokers),
        "group.id": "llm-optimizer",  # the client wants a name; nothing is committed under it
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",  # what is gone is counted, not skipped in silence
    }


def producer_options(kafka: KafkaSettings, brokers: Sequence[str]) -> dict[str, Any]:
    """Give the options of a producer whose messages are on all replicas when they are confirmed."""
    return {
        "compression.type": "zstd",
        **_options(kafka, brokers),
        "acks": "all",
        "enable.idempotence": True,
    }


def admin_options(kafka: KafkaSettings, brokers: Sequence[str]) -> dict[str, Any]:
    """Give the options of a client that creates topics."""
    return _options(kafka, brokers)


def _options(kafka: KafkaSettings, brokers: Sequence[str]) -> dict[str, Any]:
    # The client's own lines on standard error repeat every second; what they say is told once.
    usual = {"client.id": "llm-optimizer", "log_level": 0}
    return {**usual, **_scalars(kafka.options), "bootstrap.servers": ",".join(brokers)}


def _scalars(options: Mapping[str, object]) -> dict[str, object]:
    """Write switches as librdkafka does; everything else it reads from text and numbers."""
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in options.items()
    }


@contextmanager
def options_explained() -> Iterator[None]:
    """Say which option the client refuses.

    Raises:
        SettingsInvalid: It refuses one.
    """
    try:
        yield
    except client().KafkaException as error:
        told = masked(error.args[0].str())
        raise SettingsInvalid([f"kafka.options: {told} {_WAY_OUT}"]) from error
    except (TypeError, ValueError) as error:
        raise SettingsInvalid([f"kafka.options: {masked(str(error))} {_WAY_OUT}"]) from error


def refused(brokers: Sequence[str], error: Any) -> BrokerRefused:
    """Make the error of brokers that will not serve us."""
    return BrokerRefused(
        f"{','.join(brokers)}: {error.name()}: {masked(error.str())}: check the address "
        "(OPTIMIZER_KAFKA__BROKERS), security.protocol, sasl.* and ssl.* "
        f"{_WAY_OUT}, and what this user may do"
    )
