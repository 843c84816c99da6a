"""Meters: what exported metrics say of calls, for routes that no span tells of.

A stream is one series of points: one resource, scope, metric and set of attributes. What a point
adds to those before it becomes part of a pane, at the time of the point. A pane that is sealed
takes nothing more: what comes late counts in the oldest open one, for a point tells the time of its
calls to the length of an export interval only.

- Points that say what came since the one before (delta) are added as they are; the newest times of
  a stream are remembered, so that a repeat counts once.
- Of points that say what came since the start (cumulative) the difference counts. Another start is
  another series; a value that falls was begun anew.
- The first point of a series counts whole if the series began after this partition was first heard
  of, or within the last minutes. Else nobody knows how much of it was counted before, by whoever
  listened then: it is taken as a baseline, and only what comes after it counts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from optimizer.observe.histograms import Histogram, difference
from optimizer.observe.metered import Metered
from optimizer.observe.points import UNCOUNTED, Delta
from optimizer.panes import PANE_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimizer.observe.points import Point
    from optimizer.panes import Pane

MOST_STREAMS = 20_000
FRESH_NS = 300_000_000_000
FORGET_NS = 86_400_000_000_000  # a series that is silent for a day is forgotten,
SWEEP_NS = 3_600_000_000_000  # which is looked for every hour
TIMES_KEPT = 8  # of a stream of deltas


class Series(NamedTuple):
    """What is remembered of one series.

    Attributes:
        times: When its newest points were; of a cumulative one the newest alone.
        calls: Its last count.
        total: Its last sum.
        histogram: Its last histogram.
    """

    times: tuple[int, ...]
    calls: int = 0
    total: int = 0
    histogram: Histogram | None = None


@dataclass(slots=True)
class Meters:
    """The meters of one partition; one owner, changed in place.

    Attributes:
        series: The newest values, by stream and, of a cumulative one, its start.
        open: What is known of the ten seconds that are still open.
        heard_ns: Time of the first point that was ever taken; -1 before it.
        most: How many series there may be.
    """

    series: dict[bytes, Series] = field(default_factory=dict)
    open: dict[int, Metered] = field(default_factory=dict)
    heard_ns: int = -1
    most: int = MOST_STREAMS

    def take(self, points: Iterable[Point], first_open: int, oldest_ns: int) -> Counter[str]:
        """Take points in their order.

        Args:
            points: The points.
            first_open: The first pane that is not sealed; a point counts there at the earliest.
            oldest_ns: Points before it are late: they are passed over.

        Returns:
            What became of them, by name.
        """
        fates: Counter[str] = Counter()
        for point in points:
            fate, delta = self._follow(point, oldest_ns)
            fates[fate] += 1
            if delta and (delta.calls > 0 or delta.total):
                pane = max(point.time_ns // PANE_NS, first_open)
                self.open.setdefault(pane, Metered()).add(point, delta)
        return fates

    def seal(self, partition: str, first_open: int) -> list[Pane]:
        """Give all before a pane as panes, by rising time."""
        done = sorted(pane for pane in self.open if pane < first_open)
        return [self.open.pop(pane).seal(partition, pane) for pane in done]

    def forget(self, now_ns: int) -> None:
        """Forget the series that are silent for long.

        One that returns began before `heard_ns` then, so that it is not taken for a new one.
        """
        gone = [name for name, one in self.series.items() if one.times[-1] < now_ns - FORGET_NS]
        for name in gone:
            self.heard_ns = max(self.heard_ns, self.series.pop(name).times[-1])

    def _follow(self, point: Point, oldest_ns: int) -> tuple[str, Delta | None]:
        """Tell what becomes of a point, and what it adds."""
        name = point.stream
        if point.cumulative:
            name += point.start_ns.to_bytes(8, "little")
        before = self.series.get(name)
        if before is not None and point.time_ns in before.times:
            return "points_repeated", None
        if point.time_ns < oldest_ns or (before and _is_older(point, before)):
            return "points_late", None
        if before is None and len(self.series) >= self.most:
            return "streams_refused", None
        if self.heard_ns < 0:
            self.heard_ns = point.time_ns
        self.series[name] = _next(point, before)
        delta = _delta(point, before) if before or self._is_whole(point) else None
        return ("points_counted", delta) if delta else ("points_baseline", None)

    def _is_whole(self, point: Point) -> bool:
        """Tell of the first point of a series whether all of it is to be counted."""
        if not point.cumulative:
            return True
        fresh = point.time_ns - point.start_ns <= FRESH_NS
        return point.start_ns > 0 and (fresh or point.start_ns >= self.heard_ns)


def _is_older(point: Point, before: Series) -> bool:
    """Tell whether nobody can know any more if a point was counted, or if it adds anything."""
    if point.cumulative:
        return point.time_ns < before.times[-1]
    return len(before.times) == TIMES_KEPT and point.time_ns < before.times[0]


def _next(point: Point, before: Series | None) -> Series:
    if point.cumulative:
        return Series((point.time_ns,), point.calls, point.total, point.histogram)
    times = (*before.times, point.time_ns) if before else (point.time_ns,)
    return Series(tuple(sorted(times)[-TIMES_KEPT:]))


def _delta(point: Point, before: Series | None) -> Delta:
    whole = Delta(point.calls, point.total, point.histogram)
    if not point.cumulative or before is None:
        return whole
    if point.calls < before.calls or point.total < before.total:
        return whole  # begun anew
    grown: Histogram | None = None
    if point.histogram is not None and before.histogram is not None:
        grown = difference(point.histogram, before.histogram)
        if grown is None:
            return whole
    calls = point.calls if point.calls == UNCOUNTED else point.calls - before.calls
    return Delta(calls, point.total - before.total, grown)


def dump(meters: Meters) -> dict[str, Any]:
    """Give the state as plain values."""
    return {
        "series": {name: tuple(one) for name, one in meters.series.items()},
        "open": {pane: held.dump() for pane, held in meters.open.items()},
        "heard_ns": meters.heard_ns,
    }


def load(state: dict[str, Any]) -> Meters:
    """Read what `dump` gave."""
    return Meters(
        series={name: _series(*one) for name, one in state["series"].items()},
        open={pane: Metered.load(held) for pane, held in state["open"].items()},
        heard_ns=state["heard_ns"],
    )


def _series(times: list[int], calls: int, total: int, histogram: list[Any] | None) -> Series:
    if histogram is None:
        return Series(tuple(times), calls, total)
    scale, first, counts, bounds_ns, zeros = histogram
    kept = Histogram(scale, first, tuple(counts), tuple(bounds_ns), zeros)
    return Series(tuple(times), calls, total, kept)
