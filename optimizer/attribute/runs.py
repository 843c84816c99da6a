"""What has been and is looked up: rows that do not change, in runs that are merged as they age.

A pane's rows are a run. Eight runs in a row of one level become one of the next, so there are few
to look in, and every row is written few times. A run is a piece of the state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from optimizer.judgements import merged
from optimizer.panes import PANE_NS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from optimizer.judgements import Key, Rows
    from optimizer.pieces import Pieces

    Places = NDArray[np.intp]
    Words = NDArray[np.uint64]

VERSION = 1
_TOGETHER = 8  # runs that are merged
_TOP = 3  # a run of this level, some 512 panes, is left as it is, to be forgotten as a whole
_MOST_FOUND = 64  # rows of one run for one word: a trace has no more calls that matter


class Run:
    """Rows of some panes; found by words, each kind of word sorted when it is first looked for.

    Args:
        rows: The rows; `key` is a place in `keys`.
        keys: Their keys.
        pane: The newest pane in it.
        level: How often it was merged.
    """

    def __init__(self, rows: Rows, keys: tuple[Key, ...], pane: int, level: int = 0) -> None:
        self.keys = keys
        self.pane = pane
        self.level = level
        # The rows are a view of the piece, so they are held once.
        self.packed = msgspec.msgpack.encode((VERSION, keys, pane, level, rows.tobytes()))
        self.rows: Rows = np.frombuffer(
            self.packed, rows.dtype, len(rows), len(self.packed) - rows.nbytes
        )
        self._sorted: dict[str, tuple[Words, Places]] = {}

    @classmethod
    def load(cls, packed: bytes, dtype: np.dtype[Any]) -> Run:
        """Read a piece."""
        _, keys, pane, level, rows = msgspec.msgpack.decode(packed)
        keys = tuple((key[0], key[1], key[2], key[3]) for key in keys)
        return cls(np.frombuffer(rows, dtype), keys, pane, level)

    def find(self, field: str, wanted: Words) -> tuple[Places, Places]:
        """Find rows by one of their words.

        Returns:
            The places in `wanted` and, for each, that of a row that has its word; of rows of one
            word in their order the first 64.
        """
        words, order = self._by(field)
        low = np.searchsorted(words, wanted, "left")
        counts = np.minimum(np.searchsorted(words, wanted, "right") - low, _MOST_FOUND)
        which = np.repeat(np.arange(len(wanted)), counts)
        within = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
        return which, order[low[which] + within]

    def find_last(self, field: str, wanted: Words) -> Places:
        """Find, for each word, the last row that has it; -1 for none."""
        words, order = self._by(field)
        if not len(words):
            return np.full(len(wanted), -1)
        place = np.searchsorted(words, wanted, "right") - 1
        held = (place >= 0) & (words[place] == wanted)
        return np.where(held, order[place], -1)

    def _by(self, field: str) -> tuple[Words, Places]:
        if field not in self._sorted:
            order = np.argsort(self.rows[field], kind="stable")
            self._sorted[field] = (self.rows[field][order], order)
        return self._sorted[field]


class Runs:
    """Runs by rising time.

    Args:
        dtype: What a row is.
        runs: Those it begins with.
        unique: A field of which only the last row of each value matters; `""` for none.
        merges: Runs are merged as they age; else each is forgotten with its pane.
    """

    def __init__(
        self,
        dtype: np.dtype[Any],
        runs: Iterable[Run] = (),
        unique: str = "",
        *,
        merges: bool = True,
    ) -> None:
        self.dtype = dtype
        self.runs = list(runs)
        self._unique = unique
        self._merges = merges

    def __len__(self) -> int:
        return sum(len(run.rows) for run in self.runs)

    def add(self, run: Run) -> None:
        """Add the rows of a later pane."""
        self.runs.append(run)
        while (
            self._merges
            and len(self.runs) >= _TOGETHER
            and self.runs[-_TOGETHER].level == self.runs[-1].level
        ):
            if self.runs[-1].level == _TOP:
                return
            self.runs[-_TOGETHER:] = [self._merged(self.runs[-_TOGETHER:])]

    def forget(self, before_ns: int) -> None:
        """Let go of runs that end before an instant."""
        self.runs = [run for run in self.runs if (run.pane + 1) * PANE_NS > before_ns]

    def forget_beyond(self, most: int) -> int:
        """Let go of the oldest runs until at most so many rows are left; give how many went."""
        before = len(self)
        while len(self) > most:
            del self.runs[0]
        return before - len(self)

    def _merged(self, runs: list[Run]) -> Run:
        rows = np.concatenate([run.rows for run in runs])
        keys, rows["key"] = merged([(run.keys, run.rows["key"]) for run in runs])
        if self._unique:
            _, last = np.unique(rows[self._unique][::-1], return_index=True)
            rows = rows[np.sort(len(rows) - 1 - last)]
        return Run(rows, keys, runs[-1].pane, runs[-1].level + 1)

    def dump(self, pieces: Pieces) -> list[str]:
        """Give the names of the pieces."""
        return [pieces.keep(run.packed) for run in self.runs]

    def load(self, names: Iterable[str], pieces: Pieces) -> None:
        """Read what `dump` named."""
        self.runs = [Run.load(pieces.fetch(name), self.dtype) for name in names]
