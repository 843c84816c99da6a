"""What a partition holds for attribution: judgements, and the calls they may be about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.judgements import Judged, Seen, Taken, judged
from optimizer.observe.keys import CallKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.judgements import Judgement
    from optimizer.observe.names import Names

MOST_WAITING = 4096  # judgements that wait for the next mark, to leave as one item


class Scoring:
    """Gathers what leaves before the next mark; when it leaves cannot be told from the results.

    Attributes:
        waiting: Judgements that wait for others, so that they become columns together.
    """

    def __init__(self, partition: str) -> None:
        self.waiting: list[Taken] = []
        self._partition = partition
        self._ready: list[Judged | Seen] = []

    def see(self, seen: Seen) -> None:
        """Take the calls of a sealed pane."""
        self._ready.append(seen)

    def leave(self, *, marked: bool) -> Sequence[Judged | Seen]:
        """Give what leaves now: everything if a mark follows."""
        if self.waiting and (marked or len(self.waiting) >= MOST_WAITING):
            self._ready.append(judged(self._partition, self.waiting))
            self.waiting = []
        ready, self._ready = self._ready, []
        return ready


def capped(judgement: Judgement, names: Names) -> Judgement:
    """Let a score echo no more names than calls may have."""
    if judgement.key is None:
        return judgement
    key = names.counted(CallKey(*judgement.key))
    return judgement._replace(key=(key.route, key.arm, key.revision, key.cell))
