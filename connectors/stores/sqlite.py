"""A store in an SQLite file: views that other processes may look at meanwhile."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from connectors.sqlite import Database
from optimizer.ports import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_FIRST_SURROGATE, _PAST_SURROGATES = 0xD800, 0xE000  # between them stands no character

_SCHEMA = """
CREATE TABLE IF NOT EXISTS store (
    view TEXT NOT NULL,
    key TEXT NOT NULL,
    sort TEXT NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (view, key)
)
"""


class SqliteStore:
    """Implements `ports.Store` with one table.

    A loss of power may take the newest rows, which a job that resumes puts again.

    Args:
        path: The file; it and its folder are created when they are not there.
        timeout_secs: How long to wait for another process that writes.

    Raises:
        StorageFailed: The file cannot be used; any method may raise it too.
    """

    def __init__(self, path: Path, timeout_secs: float = 30.0) -> None:
        self._database = Database(path, _SCHEMA, timeout_secs, "NORMAL")

    def put(self, view: str, rows: Iterable[Row]) -> None:
        """Insert or replace rows, all or none."""
        with self._database.transaction() as connection:
            values = ((view, *row) for row in rows)
            connection.executemany("INSERT OR REPLACE INTO store VALUES (?, ?, ?, ?)", values)

    def get(self, view: str, key: str) -> Row | None:
        """Give one row, None when it is not there."""
        query = "SELECT key, sort, value FROM store WHERE view = ? AND key = ?"
        rows = self._database.rows(query, view, key)
        return Row._make(rows[0]) if rows else None

    def scan(
        self, view: str, prefix: str = "", limit: int = 100, *, newest_first: bool = True
    ) -> Iterator[Row]:
        """Give rows whose key begins with `prefix`, sorted by (order, key)."""
        # A range over the primary key and not LIKE, to which `%`, `_` and case mean something.
        direction = "DESC" if newest_first else "ASC"
        query = (
            "SELECT key, sort, value FROM store WHERE view = ? AND key >= ? AND key < ? "  # noqa: S608 - one of two words
            f"ORDER BY sort {direction}, key {direction} LIMIT ?"
        )
        rows = self._database.rows(query, view, prefix, _after(prefix), limit)
        return iter([Row._make(row) for row in rows])

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


def _after(prefix: str) -> str | bytes:
    """Give the least text above all texts that begin with `prefix`; a blob is above any text."""
    prefix = prefix.rstrip(chr(sys.maxunicode))
    if not prefix:
        return b""
    last = ord(prefix[-1]) + 1
    return prefix[:-1] + chr(_PAST_SURROGATES if last == _FIRST_SURROGATE else last)
