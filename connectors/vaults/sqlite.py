"""A vault in an SQLite file: one transaction, so one sync of the disk, a snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.sqlite import Database
from optimizer.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pieces (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    piece BLOB NOT NULL,
    PRIMARY KEY (owner, name)
)
"""


class SqliteVault:
    """Implements `ports.Vault` with one table.

    Args:
        path: The file; it and its folder are created when they are not there.

    Raises:
        StorageFailed: The file cannot be used; any method may raise it too.
    """

    def __init__(self, path: Path) -> None:
        self._database = Database(path, _SCHEMA, 30.0, "FULL")

    def get(self, owner: str, name: str) -> bytes:
        """Give a piece.

        Raises:
            NotFound: It is not there.
        """
        query = "SELECT piece FROM pieces WHERE owner = ? AND name = ?"
        rows = self._database.rows(query, owner, name)
        if not rows:
            raise NotFound(
                f"{self._database.path}: holds no piece {name} of {owner}: the recovery state is "
                "not whole; restore all of its folder, or start from an empty one"
            )
        piece: bytes = rows[0][0]
        return piece

    def renew(self, owner: str, new: Mapping[str, bytes], keep: Collection[str]) -> None:
        """Add an owner's new pieces and drop those not in `keep`; durable, all or none."""
        held = {row[0] for row in self._database.rows(_NAMES, owner)}
        gone = [(owner, name) for name in held if name not in keep]
        added = [(owner, name, piece) for name, piece in new.items() if name not in held]
        if not gone and not added:
            return
        with self._database.transaction() as connection:
            connection.executemany("DELETE FROM pieces WHERE owner = ? AND name = ?", gone)
            connection.executemany("INSERT INTO pieces VALUES (?, ?, ?)", added)

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()


_NAMES = "SELECT name FROM pieces WHERE owner = ?"
