"""A store in memory: for tests, and for runs that keep nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from optimizer.ports import Row


class MemoryStore:
    """Implements `ports.Store` with a mapping a view; it is gone with its process."""

    def __init__(self) -> None:
        self._views: defaultdict[str, dict[str, Row]] = defaultdict(dict)

    def put(self, view: str, rows: Iterable[Row]) -> None:
        """Insert or replace rows, all or none."""
        self._views[view] |= {row.key: row for row in rows}

    def get(self, view: str, key: str) -> Row | None:
        """Give one row, None when it is not there."""
        return self._views[view].get(key)

    def scan(
        self, view: str, prefix: str = "", limit: int = 100, *, newest_first: bool = True
    ) -> Iterator[Row]:
        """Give rows whose key begins with `prefix`, sorted by (order, key)."""
        rows = [row for key, row in self._views[view].items() if key.startswith(prefix)]
        rows.sort(key=lambda row: (row.order, row.key), reverse=newest_first)
        return iter(rows[:limit])

    def close(self) -> None:
        """Forget everything."""
        self._views.clear()
