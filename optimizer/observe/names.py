"""The names of a partition's calls: codes of their keys, kept as long as calls have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import numpy as np

from optimizer.observe.keys import CallKey, KeyLimits, KeyTable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from optimizer.observe.assigned import Assigned
    from optimizer.observe.open_panes import OpenPane

DAY_NS = 86_400_000_000_000  # names that no call had for so long are let go


class Names:
    """A key table that forgets; one owner, changed in place.

    Args:
        limits: How many names are told apart.
        keys: Those it begins with.
        used: Codes of the keys that were used today, rising.

    Attributes:
        table: Codes of the keys; another one when names were let go.
    """

    def __init__(
        self,
        limits: KeyLimits,
        keys: Iterable[CallKey] = (),
        used: NDArray[np.int64] | None = None,
    ) -> None:
        self.table = KeyTable(keys, limits)
        self._sealed = np.zeros(0, np.int64) if used is None else used
        self._noted: set[int] = set()
        self._limits = limits
        self._packed = (self.table, -1, b"")

    def packed(self) -> bytes:
        """Give the keys as bytes, the same object until there is a new one."""
        table, count, packed = self._packed
        if table is not self.table or count != len(self.table):
            packed = msgspec.msgpack.encode([tuple(key) for key in self.table.keys])
            self._packed = (self.table, len(self.table), packed)
        return packed

    @property
    def used(self) -> NDArray[np.int64]:
        """Give the codes of the keys that were used today, rising."""
        return np.union1d(self._sealed, np.array(sorted(self._noted), np.int64))

    def use(self, pane: OpenPane) -> None:
        """Note the names of a pane that is sealed."""
        self._sealed = np.union1d(self._sealed, np.flatnonzero(pane.sums.any(axis=1)))

    def counted(self, key: CallKey) -> CallKey:
        """Give what a score or data point of a key counts for: the key, or its pool."""
        code = self.table.code(key)
        self._noted.add(code)
        return self.table.keys[code]

    def end_day(self, panes: Collection[OpenPane | Assigned]) -> None:
        """Begin a new table without the names that no call had since the last day ended.

        Args:
            panes: What holds codes, all calls in it settled; it follows the new table.
        """
        old, used = self.table, self.used.tolist()
        self._sealed, self._noted = np.zeros(0, np.int64), set()
        live = sorted({*used, *(code for pane in panes for code in pane.live())})
        if len(live) == len(old):
            return
        self.table = KeyTable((old.keys[code] for code in live), self._limits)
        code_of = np.zeros(len(old), np.int32)
        code_of[live] = [self.table.code(old.keys[code]) for code in live]
        for pane in panes:
            pane.recode(code_of)
