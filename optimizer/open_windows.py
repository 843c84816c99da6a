"""Open windows: sums of panes, closed by the minimum watermark.

All windows are whole minutes. A minute is summed from panes; when it closes it goes into the
sliding window and its quarter, and a quarter into its hour, so nothing is added twice. A
correction, late calls of a pane already sealed, is taken by each window that ends after the
partition's own watermark as it was when they came. That depends on the order within one partition
only: a window that such a correction may not enter can still be open because another partition
lags, and must not take it.

Calls known from metrics alone wait beside the minute they are in. When it closes they go into it,
but for those of routes that spans told of within the hour before its end: they are the same calls.
Of a late call its telling counts as of the watermark it met, again so that the interleaving of
partitions cannot matter.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from optimizer.panes import FINAL_NS, MINUTE_NS, Mark, Pane
from optimizer.tally import ClosedTally, Tally
from optimizer.told import Told
from optimizer.windows import WindowKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from optimizer.pieces import Pieces

SLIDING_MINUTES = 5
QUARTER_MINUTES = 15
HOUR_MINUTES = 60
QUIET_MINUTES = 120  # after so long without a call only every hour is closed, to bound a jump
FORGET_MINUTES = 7 * 24 * 60  # and after so long nothing, until calls return


class Closed(NamedTuple):
    """A window that has just closed.

    Attributes:
        kind: Which.
        start_ns: First instant in it.
        end_ns: First instant after it.
        tally: Its sums.
        partial: The replay ended before the window did.
    """

    kind: WindowKind
    start_ns: int
    end_ns: int
    tally: ClosedTally
    partial: bool


class Closing(NamedTuple):
    """A minute boundary that the minimum watermark has passed, and the windows that end there."""

    end_ns: int
    windows: list[Closed]


class Windows:
    """The windows of one shard; one owner, changed in place.

    Attributes:
        marks: Watermark of each partition; -1 before its first.
    """

    def __init__(self, partitions: Iterable[str]) -> None:
        self.marks = dict.fromkeys(partitions, -1)
        self._reached_ns = -1  # how far the time of any partition has come
        self._closed = -1  # minutes before this one are closed; -1 before the first
        self._latest = -1  # newest minute with a call in it, of those closed
        self._minutes: dict[int, Tally] = {}
        self._ring: dict[int, ClosedTally] = {}
        self._ring_late: list[tuple[int, int, Tally]] = []  # minute, late_at_ns, calls
        self._quarters: dict[int, Tally] = {}
        self._hours: dict[int, Tally] = {}
        self._metered: dict[int, Tally] = {}
        self._told = Told()

    def add(self, pane: Pane) -> None:
        """Add a sealed pane or a correction."""
        minute = pane.start_ns // MINUTE_NS
        if pane.metered:
            self._metered.setdefault(minute, Tally()).add(pane)
            return
        if pane.late_at_ns < (minute + 1) * MINUTE_NS:
            self._minutes.setdefault(minute, Tally()).add(pane)
            return
        self._told.late(pane)
        if pane.late_at_ns < (minute + SLIDING_MINUTES) * MINUTE_NS:
            late = Tally()
            late.add(pane)
            self._ring_late.append((minute, pane.late_at_ns, late))
        for windows, length in ((self._quarters, QUARTER_MINUTES), (self._hours, HOUR_MINUTES)):
            if pane.late_at_ns < (minute // length + 1) * length * MINUTE_NS:
                windows.setdefault(minute // length, Tally()).add(pane)
                return  # a quarter goes into its hour when it closes

    def wake(self, at_ns: int) -> None:
        """Let the minute of an instant be closed, and those after it, though no call is in it."""
        self._minutes.setdefault(at_ns // MINUTE_NS, Tally())

    def advance(self, mark: Mark) -> Iterator[Closing]:
        """Take a partition's watermark; close what the minimum has passed, minute by minute."""
        self.marks[mark.partition] = max(mark.watermark_ns, self.marks.get(mark.partition, -1))
        self._reached_ns = max(self._reached_ns, mark.latest_ns)
        minimum = min(self.marks.values())
        if minimum >= FINAL_NS:
            yield from self._close_until(self._reached_ns // MINUTE_NS)
            yield from self._close_rest()
        elif minimum >= 0:
            yield from self._close_until(minimum // MINUTE_NS)

    @property
    def passed_ns(self) -> int:
        """How far everything is known: the minimum watermark, at a replay's end the last call."""
        minimum = min(self.marks.values())
        return self._reached_ns if minimum >= FINAL_NS else minimum

    def _close_until(self, until: int) -> Iterator[Closing]:
        if self._closed < 0:
            self._closed = min(until, self._first(until))  # an earlier one may still come
        while self._closed < until:
            if self._closed - self._latest > FORGET_MINUTES:
                self._closed = min(until, self._first(until))
                if self._closed == until:
                    return
            minute = self._closed
            self._closed += 1
            if self._speaks(minute):
                yield Closing((minute + 1) * MINUTE_NS, list(self._close(minute)))

    def _first(self, until: int) -> int:
        """Give the first minute that holds anything."""
        return min((*self._minutes, *self._metered), default=until)

    def _speaks(self, minute: int) -> bool:
        """Tell whether a minute is closed: all are while calls come, few in a long silence."""
        if minute in self._minutes or minute in self._metered:
            self._latest = minute
        silence = minute - self._latest
        return silence <= QUIET_MINUTES or (minute + 1) % HOUR_MINUTES == 0

    def _close(self, minute: int) -> Iterator[Closed]:
        """Close a minute and the windows that end with it."""
        closed = self._close_minute(minute)
        if closed.names:
            self._ring[minute] = closed.of_latencies()
            yield _closed(WindowKind.MINUTE, minute, 1, closed)
        sliding = self._slide(minute)
        if sliding:
            first = minute + 1 - SLIDING_MINUTES
            yield _closed(WindowKind.SLIDING, first, SLIDING_MINUTES, sliding.close())
        if closed.names:
            quarter = self._quarters.setdefault(minute // QUARTER_MINUTES, Tally())
            quarter.add_closed(self._ring[minute])
            quarter.sketches()  # merged now, so that no snapshot has to wait for it
        if (minute + 1) % QUARTER_MINUTES == 0:
            yield from self._close_quarter(minute // QUARTER_MINUTES)
        if (minute + 1) % HOUR_MINUTES == 0:
            yield from self._close_hour(minute // HOUR_MINUTES)

    def _close_minute(self, minute: int) -> ClosedTally:
        """Close a minute, and add what only metrics know of it."""
        tally = self._minutes.pop(minute, Tally())
        closed = tally.close()
        told = self._told.until(minute, closed)
        metered = self._metered.pop(minute, None)
        if metered is None:
            return closed
        tally.add_closed(metered.close().shadowed_by(told))
        return tally.close()

    def _close_quarter(self, quarter: int, *, partial: bool = False) -> Iterator[Closed]:
        tally = self._quarters.pop(quarter, None)
        if tally:
            closed = tally.close()
            hour = quarter * QUARTER_MINUTES // HOUR_MINUTES
            self._hours.setdefault(hour, Tally()).add_closed(closed)
            first = quarter * QUARTER_MINUTES
            yield _closed(WindowKind.QUARTER, first, QUARTER_MINUTES, closed, partial=partial)

    def _close_hour(self, hour: int, *, partial: bool = False) -> Iterator[Closed]:
        tally = self._hours.pop(hour, None)
        if tally:
            first = hour * HOUR_MINUTES
            yield _closed(WindowKind.HOUR, first, HOUR_MINUTES, tally.close(), partial=partial)

    def _slide(self, minute: int) -> Tally:
        """Sum the five minutes that end with `minute`, late calls that may enter included."""
        first, end_ns = minute + 1 - SLIDING_MINUTES, (minute + 1) * MINUTE_NS
        self._ring = {at: tally for at, tally in self._ring.items() if at >= first}
        self._ring_late = [late for late in self._ring_late if late[0] >= first]
        sliding = Tally()
        for tally in self._ring.values():
            sliding.add_closed(tally)
        for at, late_at_ns, late in self._ring_late:
            if at <= minute and late_at_ns < end_ns:
                sliding.add_closed(late.close())
        return sliding

    def _close_rest(self) -> Iterator[Closing]:
        """Close the windows that the end of a replay cut short; one closing, of those alone."""
        rest: list[Closed] = []
        for minute in sorted({*self._minutes, *self._metered}):
            rest += (closed._replace(partial=True) for closed in self._close(minute))
        for quarter in sorted(self._quarters):
            rest += self._close_quarter(quarter, partial=True)
        for hour in sorted(self._hours):
            rest += self._close_hour(hour, partial=True)
        if rest:
            yield Closing(self._closed * MINUTE_NS, rest)

    def dump(self, pieces: Pieces) -> dict[str, Any]:
        """Give the state as plain values; all but the open minutes are pieces of it."""
        rest = {
            name: {at: pieces.keep(tally.dump()) for at, tally in tallies.items()}
            for name, tallies in self._by_name().items()
        }
        late = [(at, ns, pieces.keep(tally.dump())) for at, ns, tally in self._ring_late]
        pieces.settle(
            {piece for held in rest.values() for piece in held.values()}
            | {piece for _, _, piece in late}
        )
        return {
            "marks": self.marks,
            "reached_ns": self._reached_ns,
            "closed": self._closed,
            "latest": self._latest,
            "minutes": {at: tally.dump() for at, tally in self._minutes.items()},
            "metered": {at: tally.dump() for at, tally in self._metered.items()},
            "told": self._told.dump(),
            "ring_late": late,
            **rest,
        }

    def _by_name(self) -> Mapping[str, Mapping[int, Tally | ClosedTally]]:
        return {"ring": self._ring, "quarters": self._quarters, "hours": self._hours}

    @classmethod
    def load(cls, state: dict[str, Any], partitions: Iterable[str], pieces: Pieces) -> Windows:
        """Read what `dump` gave; partitions that came since begin at -1."""
        windows = cls(partitions)
        windows.marks |= state["marks"]
        windows._reached_ns = state["reached_ns"]
        windows._closed = state["closed"]
        windows._latest = state["latest"]
        windows._minutes = {at: Tally.load(tally) for at, tally in state["minutes"].items()}
        if "told" in state:  # version 1 knew no metrics
            metered = {at: Tally.load(tally) for at, tally in state["metered"].items()}
            windows._metered, windows._told = metered, Told(*state["told"])
        for name in ("quarters", "hours"):
            tallies = {at: Tally.load(pieces.fetch(piece)) for at, piece in state[name].items()}
            setattr(windows, f"_{name}", tallies)
        windows._ring = {
            at: ClosedTally.load(pieces.fetch(piece)) for at, piece in state["ring"].items()
        }
        windows._ring_late = [
            (at, ns, Tally.load(pieces.fetch(piece))) for at, ns, piece in state["ring_late"]
        ]
        return windows


def _closed(
    kind: WindowKind, first: int, minutes: int, tally: ClosedTally, *, partial: bool = False
) -> Closed:
    return Closed(kind, first * MINUTE_NS, (first + minutes) * MINUTE_NS, tally, partial)
