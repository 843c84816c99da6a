"""Telemetry comes at least once: a call is counted the first time its ids are seen.

A repeated span has the same end, so it can only meet its twin in the same pane: one set of ids a
pane, dropped with it. Memory is bounded by the rate of calls, and nothing needs to be swept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ids = NDArray[np.uint64]

_LOAD = 4  # slots an id: short probes, and 32 bytes an id while its pane is open
_LEAST = 256
_MOST_ROUNDS = 32  # more only happen when ids were made to collide: the table is mixed anew


class SeenIds:
    """A set of 64-bit ids, none of them 0: open addressing, a whole batch at a time.

    Args:
        ids: What is in it from the start, distinct.
        expected: How many ids may come; only saves growing.
    """

    def __init__(self, ids: Ids | None = None, expected: int = 0) -> None:
        self._table: Ids = np.zeros(_size_for(max(expected, _LEAST)), np.uint64)
        self._factor = 0x9E3779B97F4A7C15
        self._count = 0
        if ids is not None and len(ids):
            self._insert(ids)

    def __len__(self) -> int:
        return self._count

    def add(self, ids: Ids) -> NDArray[np.bool_]:
        """Add ids.

        Args:
            ids: (n,) ids, repeats allowed.

        Returns:
            (n,) True where an id is seen for the first time; of repeats, the first.
        """
        first = np.ones(len(ids), np.bool_)
        ordered = np.sort(ids)
        if (ordered[1:] == ordered[:-1]).any():
            first[:] = False
            first[np.unique(ids, return_index=True)[1]] = True
        first[first] = self._insert(ids[first])
        return first

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Tell (n,) which ids are in it."""
        held = np.zeros(len(ids), np.bool_)
        todo, place = np.arange(len(ids)), self._home(ids)
        while len(todo):
            found = self._table[place]
            held[todo] = found == ids[todo]
            on = np.flatnonzero((found != 0) & ~held[todo])
            todo, place = todo[on], (place[on] + 1) % len(self._table)
        return held

    def ids(self) -> Ids:
        """Give all ids, in no order that means anything."""
        held: Ids = self._table[self._table != 0]
        return held

    def sorted(self) -> Ids:
        """Give all ids in rising order: eight bytes an id, for a pane that is sealed."""
        return np.sort(self.ids())

    def _insert(self, ids: Ids) -> NDArray[np.bool_]:
        """Insert distinct ids; tell which were new."""
        self._make_room(self._count + len(ids))
        new = np.zeros(len(ids), np.bool_)
        todo, rounds = np.arange(len(ids)), 0
        place = self._home(ids)
        while len(todo):
            if rounds == _MOST_ROUNDS:
                self._mix_anew()
                place, rounds = self._home(ids), 0
            at, wanted = place[todo], ids[todo]
            empty = self._table[at] == 0
            self._table[at[empty]] = wanted[empty]  # of several for one slot the last one stays
            found = self._table[at] == wanted
            new[todo[found & empty]] = True
            place[todo] = (at + 1) % len(self._table)
            todo = todo[~found]
            rounds += 1
        self._count += int(np.count_nonzero(new))
        return new

    def _home(self, ids: Ids) -> NDArray[np.int64]:
        """Where each id belongs: the high bits of a product (Knuth, TAOCP 3, 6.4)."""
        shift = np.uint64(65 - len(self._table).bit_length())
        return (ids * np.uint64(self._factor) >> shift).astype(np.int64)

    def _make_room(self, count: int) -> None:
        if count * _LOAD > len(self._table):
            self._rebuild(_size_for(2 * count))

    def _mix_anew(self) -> None:
        self._factor = (self._factor * 6364136223846793005 + 1442695040888963407) % 2**64 | 1
        self._rebuild(len(self._table))

    def _rebuild(self, size: int) -> None:
        ids = self.ids()
        counted = self._count
        self._table = np.zeros(size, np.uint64)
        self._insert(ids)
        self._count = counted


def _size_for(count: int) -> int:
    return 1 << (count * _LOAD - 1).bit_length()


class SealedIds:
    """The ids of a sealed pane: those it was sealed with, which never change, and late ones.

    Args:
        base: The ids it was sealed with, rising, as bytes.
        late: Ids that came after that.
    """

    def __init__(self, base: bytes, late: Ids | None = None) -> None:
        self.base = base
        self.late = np.zeros(0, np.uint64) if late is None else late
        self._ids: Ids = np.frombuffer(base, np.uint64)

    def add(self, ids: Ids) -> NDArray[np.bool_]:
        """Add ids; give (n,) True where one is seen for the first time, of repeats the first."""
        first = np.zeros(len(ids), np.bool_)
        first[np.unique(ids, return_index=True)[1]] = True
        new: NDArray[np.bool_] = first & ~_holds(self._ids, ids) & ~_holds(self.late, ids)
        self.late = np.sort(np.concatenate((self.late, ids[new])))
        return new

    def holds(self, ids: Ids) -> NDArray[np.bool_]:
        """Tell (n,) which ids are in it."""
        return _holds(self._ids, ids) | _holds(self.late, ids)


def _holds(rising: Ids, ids: Ids) -> NDArray[np.bool_]:
    if not len(rising):
        return np.zeros(len(ids), np.bool_)
    place = np.minimum(np.searchsorted(rising, ids), len(rising) - 1)
    held: NDArray[np.bool_] = rising[place] == ids
    return held
