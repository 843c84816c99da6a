"""Which log and store a connection string names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from connectors.logs.memory import MemoryLog
from connectors.logs.sqlite import SqliteLog
from connectors.stores.memory import MemoryStore
from connectors.stores.sqlite import SqliteStore
from optimizer.errors import NotAvailable, SettingsInvalid

if TYPE_CHECKING:
    from optimizer.ports import Log, Store
    from optimizer.settings import Settings

_WAY_OUT = "(OPTIMIZER_DATABASE__CONNECTION_STRING)"


def open_log(connection_string: str, timeout_secs: float = 30.0) -> Log:
    """Open the log of a connection string.

    Args:
        connection_string: `sqlite://PATH` (`sqlite:///PATH` for an absolute one) or `memory://`.
        timeout_secs: How long to wait for another process that writes.

    Returns:
        The log; close it in the end.

    Raises:
        SettingsInvalid: The connection string is none of these.
        NotAvailable: It names a database that is promised for later.
        StorageFailed: The file cannot be used.
    """
    path = _path(connection_string)
    return SqliteLog(path, timeout_secs) if path else MemoryLog()


def open_log_of(settings: Settings) -> Log:
    """Open the log that settings name: topics of their brokers, or the database.

    Returns:
        The log; close it in the end.

    Raises:
        SettingsInvalid: The settings name none, or one with options nobody knows.
        NotAvailable: They name a database that is promised for later.
        StorageFailed: The file cannot be used.
    """
    kafka, database = settings.kafka, settings.database
    if not kafka.log:
        return open_log(database.connection_string, database.timeout_secs)
    if not kafka.brokers:
        fault = "kafka.log is true: needs kafka.brokers, whose topics are written"
        raise SettingsInvalid([f"{fault} (OPTIMIZER_KAFKA__BROKERS)"])
    from connectors.logs.kafka import KafkaLog  # noqa: PLC0415 - only who writes to Kafka loads it

    return KafkaLog(kafka, kafka.brokers)


def open_store(connection_string: str, timeout_secs: float = 30.0) -> Store:
    """Open the store of a connection string; arguments and errors are those of `open_log`."""
    path = _path(connection_string)
    return SqliteStore(path, timeout_secs) if path else MemoryStore()


def _path(connection_string: str) -> Path | None:
    """Give the file that is named, None for memory."""
    scheme, _, rest = connection_string.partition("://")
    match scheme, rest:
        case "memory", "":
            return None
        case "sqlite", path if path:
            return Path(path)
        case "postgres" | "postgresql", _:
            raise NotAvailable(
                "database.connection_string names PostgreSQL, which is not available yet: "
                f"use sqlite://PATH {_WAY_OUT}"
            )
    # The rest of it is not repeated: it may hold a password.
    fault = f"database.connection_string begins with {scheme[:20]!r}: must be sqlite://PATH or "
    raise SettingsInvalid([f"{fault}memory:// {_WAY_OUT}"])
