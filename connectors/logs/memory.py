"""A log in memory: for tests, and for runs that keep nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from optimizer.ports import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class MemoryLog:
    """Implements `ports.Log` with a list a topic; it is gone with its process."""

    def __init__(self) -> None:
        self._topics: defaultdict[str, list[Entry]] = defaultdict(list)

    def append(self, topic: str, entries: Iterable[tuple[str, bytes]]) -> None:
        """Add (key, value) pairs to the end, all or none."""
        first = self.end(topic)
        pairs = enumerate(entries, first)
        self._topics[topic] += [Entry(position, key, value) for position, (key, value) in pairs]

    def read(self, topic: str, start: int = 0, limit: int = 1000) -> Sequence[Entry]:
        """Give up to `limit` entries from position `start` on; empty at the end."""
        return self._topics[topic][start : start + limit]

    def end(self, topic: str) -> int:
        """Give the position the next entry will have."""
        return len(self._topics[topic])

    def close(self) -> None:
        """Forget everything."""
        self._topics.clear()
