"""What a reader of Kafka decided by its clock, kept so that a later life decides the same.

Most of what a partition says is in Kafka and can be read again. Three things are not: that it had
nothing more at some moment (a heartbeat), that a stamp from the future was cut to the clock, and
when a partition that came later joined. They are written here before anything else sees them.
"""

from __future__ import annotations

import fcntl
import os
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from connectors.sqlite import Database
from optimizer.errors import StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (
    number INTEGER PRIMARY KEY,
    partition TEXT NOT NULL,
    kind TEXT NOT NULL,
    place INTEGER NOT NULL,
    stamp_ns INTEGER NOT NULL
)
"""


class FactKind(StrEnum):
    """What was decided."""

    FOUNDED = "founded"  # it is there since the first start, read from `offset` on
    JOINED = "joined"  # it came later; time before `stamp_ns` is past for it
    BEAT = "beat"  # before the record at `offset`, nothing was left at `stamp_ns`
    CUT = "cut"  # the record at `offset` is stamped `stamp_ns`


class Fact(NamedTuple):
    """One decision.

    Attributes:
        number: Rising; none is given twice.
        partition: Whose.
        kind: What was decided.
        offset: Where in the partition.
        stamp_ns: The stamp; -1 where there is none.
    """

    number: int
    partition: str
    kind: FactKind
    offset: int
    stamp_ns: int


class Facts:
    """Facts in an SQLite file beside the recovery state; durable when `add` returns.

    Args:
        path: The file.

    Raises:
        StorageFailed: The file cannot be used, or another process reads for the same state; any
            method may raise it too.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA, 30.0, "FULL")
        self._lock = os.open(path.with_suffix(".lock"), os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.close()
            raise StorageFailed(f"{path}: another process has it open: stop that first") from error

    def all(self) -> list[Fact]:
        """Give all that are kept, by their numbers."""
        rows = self._database.rows("SELECT * FROM facts ORDER BY number")
        return [
            Fact(number, partition, FactKind(kind), place, stamp_ns)
            for number, partition, kind, place, stamp_ns in rows
        ]

    def add(self, facts: Iterable[Fact]) -> None:
        """Keep facts, all or none."""
        with self._database.transaction() as connection:
            connection.executemany("INSERT INTO facts VALUES (?, ?, ?, ?, ?)", facts)

    def drop(self, until: Mapping[str, int]) -> None:
        """Forget beats and cuts that no snapshot needs any more.

        Args:
            until: The number of the last such fact of each partition.
        """
        query = "DELETE FROM facts WHERE partition = ? AND number <= ? AND kind IN ('beat', 'cut')"
        with self._database.transaction() as connection:
            connection.executemany(query, until.items())

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()
        os.close(self._lock)
