"""What a partition holds for attribution: judgements, and the calls they may be about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.judgements import Judged, Seen, Taken, judged
from optimizer.observe.ahead import Part
from optimizer.observe.keys import CallKey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.judgements import Judgement
    from optimizer.observe.columns import Record
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

    def take(
        self,
        record: Record,
        judgements: Sequence[Judgement],
        watermark_ns: int,
        skew_ns: int,
        names: Names,
    ) -> tuple[int, list[Part]]:
        """Take one record's judgements; give the latest time of them, and those ahead of time.

        Args:
            record: The record.
            judgements: What it holds; one that is told late counts at the watermark.
            watermark_ns: The partition's.
            skew_ns: How far ahead of the record's stamp one may be.
            names: The partition's.
        """
        latest, ahead = -1, []
        for place, one in enumerate(judgements):
            at_ns = record.stamp_ns if one.time_ns < 0 else one.time_ns
            if at_ns > record.stamp_ns + skew_ns:
                ahead.append(Part(at_ns, "was given", one.body, one.kind))
                continue
            latest = max(latest, at_ns)
            count_ns = max(at_ns, watermark_ns)
            told = one if one.key is None else _capped(one, names)
            self.waiting.append(Taken(count_ns, record.offset, place, record.stamp_ns, told))
        return latest, ahead

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


def _capped(judgement: Judgement, names: Names) -> Judgement:
    """Let a score echo no more names than calls may have."""
    if judgement.key is None:
        return judgement
    key = names.counted(CallKey(*judgement.key))
    return judgement._replace(key=(key.route, key.arm, key.revision, key.cell))
