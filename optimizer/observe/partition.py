"""One source partition: its watermark, its open panes, the ids of its sealed ones.

`take` is the whole of observe for one record: set aside what cannot be, drop repeats, add the rest
to open panes, move the watermark, seal. All of it depends on the order within the partition only,
so neither batches nor the other partitions can change what comes out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.observe.accounts import Account
from optimizer.observe.ahead import REASON, Part, ahead, apart
from optimizer.observe.assigned import Assigned, bounds
from optimizer.observe.columns import Columns, DeadLetter, Record
from optimizer.observe.deduplicate import SealedIds
from optimizer.observe.meters import SWEEP_NS, Meters
from optimizer.observe.names import DAY_NS, Names
from optimizer.observe.observed import Observed
from optimizer.observe.open_panes import OpenPane, Settled
from optimizer.observe.scoring import Scoring
from optimizer.panes import FINAL_NS, ITSELF, PANE_NS, Mark, Pane, Weight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from optimizer.judgements import Judgement
    from optimizer.observe.deduplicate import SeenIds
    from optimizer.observe.keys import KeyTable
    from optimizer.observe.points import Point
    from optimizer.observe.rules import StreamRules


class Partition:
    """One source partition's state; one owner, changed in place.

    Attributes:
        name: The partition.
        weight: What its calls stand for: a setting of its source, so no part of its state.
        names: Codes of the keys in its columns.
        watermark_ns: Everything before it has been seen, late calls apart; -1 at first.
        counts: What became of the calls: `counted`, `scores`, `duplicate`, `late`, ...
    """

    def __init__(self, name: str, rules: StreamRules, weight: Weight = ITSELF) -> None:
        self.name = name
        self.weight = weight
        self.names = Names(rules.keys)
        self.watermark_ns = -1
        self.counts = Account()
        self._rules = rules
        self.open: dict[int, OpenPane] = {}
        self.sealed: dict[int, SealedIds] = {}
        self.assigned = Assigned()
        self.scoring = Scoring(name)
        self.meters = Meters()
        self._usual = 0  # calls of the pane sealed last

    @property
    def table(self) -> KeyTable:
        """Give the codes of the keys in its columns; another table when names were let go."""
        return self.names.table

    def take(self, record: Record, columns: Columns, assigned: Columns | None = None) -> Observed:
        """Take one record's calls.

        Args:
            record: The record; its stamp bounds how late its calls may end.
            columns: Its calls, keyed by this partition's table.
            assigned: Calls that it tells the start of, as `hanging` gives them.

        Returns:
            What was sealed, how far time has come, and what was set aside.
        """
        columns, dead = self._apart(record, columns, columns.end_ns, "ends")
        corrections = self._add(columns)
        latest = int(columns.end_ns.max()) if len(columns) else -1
        if assigned is not None:
            begun, early = self._apart(record, assigned, assigned.start_ns, "begins")
            latest = max(latest, self._assign(begun))
            dead += early
        return self._advance(latest - self._rules.disorder_ns, corrections, dead)

    def takes_quietly(
        self, stamp_ns: int, columns: Columns | None, assigned: Columns | None = None
    ) -> bool:
        """Take the calls of some records in a row, if it shows in nothing but the watermark.

        That is so where no call is late or from the future, and none moves the watermark into
        another pane: then it does not matter which record they came in.

        Args:
            stamp_ns: The earliest stamp of the records.
            columns: Their calls, keyed by this partition's table.
            assigned: As of `take`.
        """
        if columns is None or not (len(columns) or assigned):
            return columns is not None
        if assigned is not None and not self.assigned.fits(len(assigned)):
            return False
        first, last = bounds(columns, assigned)
        watermark_ns = max(last - self._rules.disorder_ns, self.watermark_ns)
        pane = self.watermark_ns // PANE_NS
        is_quiet = pane >= 0 and watermark_ns // PANE_NS == pane <= first // PANE_NS
        if not is_quiet or last > stamp_ns + self._rules.skew_ns:
            return False
        self._add(columns)
        if assigned is not None:
            self._assign(assigned)
        self.watermark_ns = watermark_ns
        return True

    def judge(self, record: Record, judgements: Sequence[Judgement]) -> Observed:
        """Take one record's judgements; one that is told late counts at the watermark."""
        latest, ahead_of_it = self.scoring.take(
            record, judgements, self.watermark_ns, self._rules.skew_ns, self.names
        )
        dead = [self._ahead(record, part) for part in ahead_of_it]
        self.counts["judgements"] += len(judgements) - len(dead)
        return self._advance(latest - self._rules.disorder_ns, [], dead)

    def measure(self, record: Record, points: Sequence[Point]) -> Observed:
        """Take one record's data points; their times move the watermark as ends of calls do."""
        limit = record.stamp_ns + self._rules.skew_ns
        kept = [
            point._replace(key=self.names.counted(point.key))
            for point in points
            if point.time_ns <= limit
        ]
        dead = [
            self._ahead(record, Part(point.time_ns, "is of", point.alone(), record.kind))
            for point in points
            if point.time_ns > limit
        ]
        before_ns = max(self.watermark_ns, 0)
        oldest_ns = before_ns - self._rules.dedupe_ns
        self.counts.update(self.meters.take(kept, before_ns // PANE_NS, oldest_ns))
        latest = max((point.time_ns for point in kept), default=-1)
        return self._advance(latest - self._rules.disorder_ns, [], dead)

    def reach(self, stamp_ns: int) -> Observed:
        """Take a heartbeat or idle mark: its source has caught up with its clock."""
        return self._advance(stamp_ns - self._rules.disorder_ns, [], [])

    @property
    def rules(self) -> StreamRules:
        """How event time is read."""
        return self._rules

    def finish(self) -> Observed:
        """Take the explicit final watermark of a replay: all panes are sealed."""
        self.settle()
        self.assigned.give_up(self._open_ids, self.counts)
        return self._advance(FINAL_NS, [], [])

    def _apart(
        self, record: Record, columns: Columns, at_ns: NDArray[np.int64], verb: str
    ) -> tuple[Columns, list[DeadLetter]]:
        """Set those of a record's calls aside that are of the future."""
        columns, dead = apart(record, columns, at_ns, verb, self._rules.skew_ns)
        if dead:
            self.counts[REASON] += len(dead)
        return columns, dead

    def _ahead(self, record: Record, part: Part) -> DeadLetter:
        self.counts[REASON] += 1
        return ahead(record, part, self._rules.skew_ns)

    def _add(self, columns: Columns) -> list[Pane]:
        """Add calls to their panes; give corrections for panes already sealed."""
        hung = self.assigned.hung.among(columns.call_id)
        if hung is not None:
            self.counts["duplicate"] += int(np.count_nonzero(hung))
            columns = columns.take(~hung)
        if not len(columns):
            return []
        panes = columns.end_ns // PANE_NS
        corrections = []
        sealed_until = max(self.watermark_ns, 0) // PANE_NS  # panes before it are sealed
        distinct = [int(panes[0])] if panes.min() == panes.max() else np.unique(panes).tolist()
        for pane in distinct:
            rows = columns if len(distinct) == 1 else columns.take(panes == pane)
            if pane < sealed_until:
                correction = self._correct(pane, rows)
                corrections += [correction] if correction else []
                continue
            if pane not in self.open:
                self.open[pane] = OpenPane(self._usual, self._rules.findable)
            self._count(self.open[pane].put(rows, self.table))
        return corrections

    def _assign(self, assigned: Columns) -> int:
        """Wait for the ends of calls that were told of; give when the last of them began."""
        if not len(assigned):
            return -1
        sealed_until = max(self.watermark_ns, 0) // PANE_NS
        memory_ns = self._rules.dedupe_ns
        self.assigned.take(assigned, sealed_until, memory_ns, self.sealed, self.counts)
        self.assigned.make_room(self._open_ids, self.counts)
        return int(assigned.start_ns.max())

    def _open_ids(self) -> list[SeenIds]:
        """Give the ids of all calls in panes that are not sealed."""
        for pane in self.open.values():
            self._count(pane.settle(self.table))
        return [pane.ids for pane in self.open.values()]

    def settle(self) -> None:
        """Add all calls that wait, so that sums and counts are of everything taken."""
        self._open_ids()
        self.assigned.settle(self.counts)

    def _count(self, settled: Settled) -> None:
        if any(settled):
            self.counts["counted"] += settled.calls
            self.counts["scores"] += settled.scores
            self.counts["duplicate"] += settled.repeated

    def _correct(self, pane: int, rows: Columns) -> Pane | None:
        """Make a correction of late calls, unless they are repeats or older than the memory."""
        self.assigned.close(rows.call_id, self.counts)
        seen = self.sealed.get(pane)
        if seen is None:
            if (pane + 1) * PANE_NS + self._rules.dedupe_ns <= self.watermark_ns:
                self.counts["late"] += len(rows)  # nobody can tell whether they are repeats
                return None
            seen = self.sealed[pane] = SealedIds(b"")
        new = seen.add(rows.call_id)
        fresh = int(new.sum())
        self.counts["duplicate"] += len(new) - fresh
        self.counts["corrected"] += fresh
        if not fresh:
            return None
        correction = OpenPane(findable=self._rules.findable)
        correction.add(rows.take(new), self.table)
        return self._seal(correction, pane, self.watermark_ns)

    def _seal(self, content: OpenPane, pane: int, late_at_ns: int) -> Pane:
        sealed = content.seal(self.name, pane, late_at_ns, self.table, self.weight)
        at = pane if late_at_ns < 0 else late_at_ns // PANE_NS
        calls = content.linked.seal(sealed, at, self.table)
        self.counts["unfindable"] += content.linked.offered - len(calls.rows)
        self.scoring.see(calls)
        return sealed

    def _advance(
        self, watermark_ns: int, corrections: list[Pane], dead: list[DeadLetter]
    ) -> Observed:
        """Move the watermark on, never back; seal the panes it has passed."""
        before = self.watermark_ns
        self.watermark_ns = max(watermark_ns, before)
        if self.watermark_ns // PANE_NS == before // PANE_NS:
            return Observed(corrections, None, dead, self.scoring.leave(marked=False))
        sealed_until = watermark_ns // PANE_NS
        hanging = self.assigned.hanging(sealed_until, self._open_ids, self.counts)
        done = sorted(pane for pane in {*self.open, *hanging} if pane < sealed_until)
        panes = []
        for pane in done:
            current = self.open.pop(pane, None) or OpenPane(findable=self._rules.findable)
            self._count(current.settle(self.table))
            if pane in hanging:
                current.hang(hanging[pane], self.table)
            panes.append(self._seal(current, pane, -1))
            self.sealed[pane] = SealedIds(current.ids.sorted().tobytes())
            self._usual = len(current.ids)
            self.names.use(current)
        panes += self.meters.seal(self.name, watermark_ns // PANE_NS)
        if watermark_ns // SWEEP_NS != before // SWEEP_NS:
            self.meters.forget(watermark_ns)
        self._forget()
        if before >= 0 and watermark_ns // DAY_NS > before // DAY_NS:
            self.settle()
            self.names.end_day([*self.open.values(), self.assigned])
        leaving = self.scoring.leave(marked=True)
        return Observed(panes + corrections, self._mark(before), dead, leaving)

    def _mark(self, before_ns: int) -> Mark | None:
        """Tell the watermark when it has passed a tick since `before_ns`."""
        if self.watermark_ns >= FINAL_NS:
            return Mark(self.name, FINAL_NS, before_ns + self._rules.disorder_ns)
        tick = self.watermark_ns // PANE_NS
        if tick == before_ns // PANE_NS:
            return None
        latest_ns = self.watermark_ns + self._rules.disorder_ns
        return Mark(self.name, tick * PANE_NS, latest_ns)

    def _forget(self) -> None:
        """Drop the ids of panes no call can be compared with any more."""
        oldest = self.watermark_ns - self._rules.dedupe_ns
        for pane in [pane for pane in self.sealed if (pane + 1) * PANE_NS <= oldest]:
            del self.sealed[pane]
