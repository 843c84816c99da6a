"""Which calls of an open pane a score can find: all of them, or as many as there is room for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.judgements import CALLS, LINKS, Seen, least, mixed
from optimizer.panes import AT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.judgements import Rows
    from optimizer.observe.columns import Columns
    from optimizer.observe.keys import KeyTable
    from optimizer.panes import Pane

_EVERY = np.uint64(2**64 - 1)


class Linked:
    """The calls of a pane that have links, at most `most` of them.

    Args:
        most: How many are kept; 0 keeps none.
        rows: Those it begins with, of `CALLS`.
        offered: How many calls those were chosen from.
    """

    def __init__(self, most: int, rows: Rows | None = None, offered: int = 0) -> None:
        self._most = most
        self._parts = [] if rows is None else [rows]
        self._held = sum(map(len, self._parts))
        self._bound = _EVERY  # no call that mixes to more than this is among the least
        self.offered = offered

    def add(self, columns: Columns) -> None:
        """Take the calls of some columns."""
        links = columns.links
        if links is None or not self._most:
            return
        wanted = links.any(axis=1) & (columns.score < 0)
        self.offered += int(np.count_nonzero(wanted))
        rows = np.flatnonzero(wanted & (mixed(links[:, 0]) <= self._bound))
        if not len(rows):
            return
        part = np.empty(len(rows), CALLS)
        for name in ("key", "slot", "end_ns"):
            part[name] = getattr(columns, name)[rows]
        for place, name in enumerate(LINKS):
            part[name] = links[rows, place]
        self._parts.append(part)
        self._held += len(rows)
        if self._held > 2 * self._most:
            self.rows()

    def rows(self) -> Rows:
        """Give what is kept."""
        if len(self._parts) != 1 or self._held > self._most:
            kept = least(np.concatenate([np.empty(0, CALLS), *self._parts]), self._most)
            self._parts, self._held = [kept], len(kept)
            if len(kept) == self._most and self._most:
                self._bound = mixed(kept["trace"][-1:])[0]
        return self._parts[0]

    def recode(self, code_of: NDArray[np.int32]) -> None:
        """Follow a new key table."""
        for part in self._parts:
            part["key"] = code_of[part["key"]]

    def seal(self, pane: Pane, at: int, table: KeyTable) -> Seen:
        """Give what is kept, to be found from pane `at` on, with how many calls `pane` holds."""
        rows = self.rows().copy()
        codes = np.unique(rows["key"])
        codes = codes[np.argsort(table.order().rank[codes])]
        place = np.zeros(len(table), np.int32)
        place[codes] = np.arange(len(codes))
        rows["key"] = place[rows["key"]]
        counted = zip(pane.arms, pane.sums[:, AT["calls"]].tolist(), strict=True)
        keys = tuple(tuple(table.keys[code]) for code in codes.tolist())
        return Seen(
            partition=pane.partition,
            pane=at,
            rows=rows,
            keys=keys,
            calls=tuple((arm.route, arm.arm, count) for arm, count in counted if count),
        )
