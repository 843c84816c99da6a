"""What an actuator remembers from one life to the next; losing it costs reading the log again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.sqlite import Database

if TYPE_CHECKING:
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS place (topic TEXT PRIMARY KEY, position INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS said (
    route TEXT NOT NULL,
    revision INTEGER NOT NULL,
    digest TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (route, revision)
);
CREATE TABLE IF NOT EXISTS told (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE);
"""


def open_state(path: Path, timeout_secs: float = 30.0) -> Database:
    """Open the file, or make it; one actuator at a time may use it.

    Raises:
        StorageFailed: It cannot be used.
        UnknownVersion: A newer version of this product wrote it.
    """
    return Database(path, _SCHEMA, timeout_secs, "NORMAL")
