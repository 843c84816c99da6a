"""Open ticks: what routes that may be acted on did, ten seconds at a time, until all have told.

A pane is in the tick of its own ten seconds, a correction of late calls in the one in which its
partition's watermark stood when they came. Both depend on the order within one partition only, and
a tick is given when the minimum watermark has passed its end; so no interleaving can matter.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from optimizer.panes import FINAL_NS, PANE_NS, ROW_SHIFT, SLOT_SUMS, part
from optimizer.rollouts import Rows
from optimizer.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Mapping

    from optimizer.panes import Ints, Pane
    from optimizer.tally import ClosedTally

SILENT_TICKS = 360  # an hour; after so long without a call only every hour is told
_NO_CELLS = np.zeros(0, np.int64)


class OpenTicks:
    """The open ticks of one shard; one owner, changed in place.

    Args:
        routes: Which routes may ever be acted on.
    """

    def __init__(self, routes: Collection[str] = ()) -> None:
        self._routes = routes
        self._open: dict[int, Tally] = {}
        self._done = -1  # ticks before this one were told; -1 before the first
        self._latest = -1  # newest tick with anything in it, of those told

    def add(self, pane: Pane) -> None:
        """Add a sealed pane or a correction; calls known from metrics alone are no evidence."""
        if pane.metered or not self._routes:
            return
        mine = np.array([arm.route in self._routes for arm in pane.arms], np.bool_)
        if mine.any():
            # A partition that was not known yet may begin before what was told.
            tick = max(pane.start_ns // PANE_NS, pane.late_at_ns // PANE_NS, self._done)
            bare = replace(pane, cell_rows=_NO_CELLS, cell_names=(), cell_sums=pane.sums[:0])
            self._open.setdefault(tick, Tally()).add(part(bare, mine))

    def next_end_ns(self, until_ns: int, due_ns: int, *, acting: bool) -> int | None:
        """Give the end of the next tick that is to be told, None when none is by an instant.

        Args:
            until_ns: What the minimum watermark has passed.
            due_ns: When the next event takes effect; `FINAL_NS` for none.
            acting: Some route is being acted on: every tick is told while calls come.
        """
        waiting = [min(self._open, default=FINAL_NS), due_ns // PANE_NS]
        tick = max(min(waiting), self._done)
        if acting and self._done >= 0:
            tick = min(tick, self._following())
        end_ns = (tick + 1) * PANE_NS
        return end_ns if end_ns <= min(until_ns, FINAL_NS - PANE_NS) else None

    def _following(self) -> int:
        """Give the tick that comes next though nothing may be in it."""
        if self._done - self._latest <= SILENT_TICKS:
            return self._done
        return self._done + (-self._done - 1) % SILENT_TICKS  # the last of its hour

    def take(self, end_ns: int, acting: Collection[str]) -> Mapping[str, Rows]:
        """Give what the routes that are being acted on did in a tick, and forget the others."""
        tick = end_ns // PANE_NS - 1
        self._done = tick + 1
        tally = self._open.pop(tick, None)
        if tally is None:
            return {}
        self._latest = tick
        return rows_by_route(tally, acting) if acting else {}

    def dump(self) -> tuple[int, int, dict[int, bytes]]:
        """Give the state as plain values."""
        return self._done, self._latest, {at: tally.dump() for at, tally in self._open.items()}

    def load(self, state: tuple[int, int, Mapping[int, bytes]]) -> None:
        """Read what `dump` gave."""
        self._done, self._latest, waiting = state
        self._open = {at: Tally.load(tally) for at, tally in waiting.items()}


def rows_by_route(tally: Tally, routes: Container[str]) -> dict[str, Rows]:
    """Give the sums of each of some routes, rows sorted by arm and revision."""
    closed = tally.close()
    codes, counts = closed.sketches()
    slots, slot_sums = _slots(tally, closed)
    names = [name.route for name in closed.names]
    found: dict[str, Rows] = {}
    for route in sorted(set(names)):
        if route in routes:
            # Rows are sorted by route first: one route's stand in a row.
            first, last = names.index(route), len(names) - names[::-1].index(route)
            rows = slice(*np.searchsorted(codes >> ROW_SHIFT, (first, last)))
            lines = slice(*np.searchsorted(slots[:, 0], (first, last)))
            found[route] = Rows(
                names=tuple((name.arm, name.revision) for name in closed.names[first:last]),
                sums=closed.sums[first:last],
                slots=slots[lines] - (first, 0),
                slot_sums=slot_sums[lines],
                codes=codes[rows] - (first << ROW_SHIFT),
                counts=counts[rows],
            )
    return found


def _slots(tally: Tally, closed: ClosedTally) -> tuple[Ints, Ints]:
    """Give (lines, 2) rows and slots in rising order, and (lines, width) their sums."""
    if not tally.slots.names:
        return np.zeros((0, 2), np.int64), np.zeros((0, len(SLOT_SUMS)), np.int64)
    row_of = {tuple(name): row for row, name in enumerate(closed.names)}
    lines = [(row_of[name[:3]], name[3]) for name in tally.slots.names]
    places = np.array(lines, np.int64)
    order = np.lexsort((places[:, 1], places[:, 0]))
    return places[order], tally.slots.sums[order]
