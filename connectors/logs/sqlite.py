"""A log in an SQLite file: durable on one machine, readable by other processes meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.sqlite import Database
from optimizer.ports import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS log (
    topic TEXT NOT NULL,
    position INTEGER NOT NULL,
    key TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (topic, position)
)
"""


class SqliteLog:
    """Implements `ports.Log` with one table; an append is one transaction, on disk at its end.

    Args:
        path: The file; it and its folder are created when they are not there.
        timeout_secs: How long to wait for another process that writes.

    Raises:
        StorageFailed: The file cannot be used; any method may raise it too.
    """

    def __init__(self, path: Path, timeout_secs: float = 30.0) -> None:
        self._database = Database(path, _SCHEMA, timeout_secs, "FULL")

    def append(self, topic: str, entries: Iterable[tuple[str, bytes]]) -> None:
        """Add (key, value) pairs to the end; durable, all or none, when it returns."""
        with self._database.transaction() as connection:
            pairs = enumerate(entries, self.end(topic))
            rows = ((topic, position, key, value) for position, (key, value) in pairs)
            connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?)", rows)

    def read(self, topic: str, start: int = 0, limit: int = 1000) -> Sequence[Entry]:
        """Give up to `limit` entries from position `start` on; empty at the end."""
        query = (
            "SELECT position, key, value FROM log WHERE topic = ? AND position >= ? "
            "ORDER BY position LIMIT ?"
        )
        return [Entry._make(row) for row in self._database.rows(query, topic, start, limit)]

    def end(self, topic: str) -> int:
        """Give the position the next entry will have."""
        query = "SELECT coalesce(max(position) + 1, 0) FROM log WHERE topic = ?"
        return int(self._database.rows(query, topic)[0][0])

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
