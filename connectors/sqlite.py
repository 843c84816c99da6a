"""SQLite files: how this product opens them, and what it says when one fails."""

from __future__ import annotations

import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from optimizer.errors import StorageFailed, UnknownVersion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Literal

_PAUSE_SECS = 0.01  # between two tries to change the mode of a file

VERSION = 1  # of all tables together, kept in the file's `user_version`

# By the beginning of SQLite's own name of the error; the first that fits is taken.
_WAYS_OUT = {
    "SQLITE_FULL": "the disk or the quota is full: free some space, then start again",
    "SQLITE_IOERR": "the disk refuses to read or write: check its space, quota and health",
    "SQLITE_NOTADB": "it is not an SQLite database: name another file, or move this one away",
    "SQLITE_CORRUPT": "it is damaged: restore a copy, or move it away to begin a new one",
    "SQLITE_CANTOPEN": "it cannot be opened: name a file in a folder this user may write to",
    "SQLITE_PERM": "it may not be opened: name a file this user may write to",
    "SQLITE_READONLY": "it cannot be written: name a file and a folder this user may write to",
    "SQLITE_BUSY": "another process is writing to it: stop that one, or wait longer for it "
    "(OPTIMIZER_DATABASE__TIMEOUT_SECS)",
    "SQLITE_ERROR": "its tables are not those of this version: name another file",
}


class Database:
    """One SQLite file in write-ahead mode, open for one thread at a time.

    Other processes may read it while this one writes.

    Args:
        path: The file; it and its folder are created when they are not there.
        schema: What makes its tables where they are not there yet.
        timeout_secs: How long to wait for another process that writes.
        synchronous: `FULL` survives a loss of power at any moment, `NORMAL` may then lose the
            newest transactions, but never a part of one.

    Raises:
        StorageFailed: The file cannot be used.
        UnknownVersion: A newer version of this product wrote it.
    """

    def __init__(
        self, path: Path, schema: str, timeout_secs: float, synchronous: Literal["FULL", "NORMAL"]
    ) -> None:
        self.path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                path, timeout=timeout_secs, isolation_level=None, check_same_thread=False
            )
            try:
                self._check_version()
                self._write_ahead(timeout_secs)
                self._connection.execute(f"PRAGMA synchronous = {synchronous}")
                self._connection.executescript(schema)
            except BaseException:
                self._connection.close()
                raise

    def _write_ahead(self, timeout_secs: float) -> None:
        """Change the file's mode; SQLite itself does not wait for others that do it now."""
        for remaining in reversed(range(1 + int(timeout_secs / _PAUSE_SECS))):
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or remaining == 0:
                    raise
                time.sleep(_PAUSE_SECS)
            else:
                return

    def _check_version(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version == 0:  # a new file, or one of another program, whose tables then tell
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
        elif version != VERSION:
            raise UnknownVersion(
                f"{self.path} has version {version}, this code knows {VERSION}: "
                "name another file, or install the version that wrote it"
            )

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write inside one transaction: all of it when the block ends, nothing when it raises."""
        with self._explained():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk has undone it already
                    self._connection.execute("ROLLBACK")
                raise

    def rows(self, query: str, *values: str | int | bytes) -> list[tuple[Any, ...]]:
        """Give all rows of a query; nothing stays open that would hold a writer up."""
        with self._explained():
            return self._connection.execute(query, values).fetchall()

    def close(self) -> None:
        """Let go of the file."""
        with self._explained():
            self._connection.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            name = getattr(error, "sqlite_errorname", "SQLITE_UNKNOWN")
            ways = (way for start, way in _WAYS_OUT.items() if name.startswith(start))
            way = next(ways, f"unexpected error {name}")
            raise StorageFailed(f"{self.path}: {error}: {way}") from error
        except OSError as error:
            way = "name a file in a folder this user may write to"
            raise StorageFailed(f"{self.path}: {error.strerror}: {way}") from error
