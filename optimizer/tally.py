"""Sums of panes: what a window holds while it is open, and, packed, once it is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from optimizer.panes import (
    AT,
    MEASURED,
    METRIC_SHIFT,
    ROW_SHIFT,
    SLOT_SUMS,
    SUMS,
    TTFT,
    ArmKey,
    Pane,
    derive,
)
from optimizer.statistics.packing import (
    pack,
    pack_rising,
    pack_table,
    unpack,
    unpack_rising,
    unpack_table,
)
from optimizer.statistics.sketch import group

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_LOW = (1 << ROW_SHIFT) - 1
_NOTHING = np.zeros(0, np.int64)


class Rows:
    """Named rows of sums that grow as names come.

    Attributes:
        names: The name of each row, in order of first sight.
        sums: (rows, width) exact sums.
    """

    def __init__(self, width: int) -> None:
        self.names: list[tuple[Any, ...]] = []
        self._place: dict[tuple[Any, ...], int] = {}
        self._sums = np.zeros((0, width), np.int64)

    @property
    def sums(self) -> Ints:
        """(rows, width) the sums."""
        return self._sums[: len(self.names)]

    def add(self, names: Sequence[tuple[Any, ...]], sums: Ints) -> Ints:
        """Add (n, width) sums to rows of distinct names; give the (n,) rows they went to."""
        place = self._place
        rows = np.fromiter((place.get(name, -1) for name in names), np.int64, len(names))
        for at in np.flatnonzero(rows < 0).tolist():
            rows[at] = place[names[at]] = len(self.names)
            self.names.append(names[at])
        if len(self.names) > len(self._sums):
            grown = np.zeros((max(len(self.names), 2 * len(self._sums)), sums.shape[1]), np.int64)
            grown[: len(self._sums)] = self._sums
            self._sums = grown
        self._sums[rows] += sums
        return rows


class Tally:
    """A sum of panes; adding is exact, so no order of adding can change a bit.

    Attributes:
        arms: Sums by (route, arm, revision).
        cells: Sums by (route, arm, revision, cell).
        slots: Sums by (route, arm, revision, slot).
    """

    def __init__(self) -> None:
        self.arms = Rows(len(SUMS))
        self.cells = Rows(len(SUMS))
        self.slots = Rows(len(SLOT_SUMS))
        self._codes = [_NOTHING]
        self._counts = [_NOTHING]
        self._dumped: bytes | None = None  # until something is added

    def __bool__(self) -> bool:
        return bool(self.arms.names)

    def add(self, pane: Pane) -> None:
        """Add a pane."""
        self._dumped = None
        self._add_arms(pane.arms, pane.sums, pane.codes, pane.counts)
        if pane.cell_names:
            arms = map(pane.arms.__getitem__, pane.cell_rows.tolist())
            names = [(*arm, cell) for arm, cell in zip(arms, pane.cell_names, strict=True)]
            self.cells.add(names, pane.cell_sums)
        if len(pane.slots):
            names = [(*pane.arms[row], slot) for row, slot in pane.slots.tolist()]
            self.slots.add(names, pane.slot_sums)

    def add_closed(self, other: ClosedTally) -> None:
        """Add the arms and sketches of a closed tally; cells and slots end with the minute."""
        self._dumped = None
        self._add_arms(other.names, other.sums, *other.sketches())

    def sketches(self) -> tuple[Ints, Ints]:
        """Give the sketch codes in rising order and their counts."""
        if len(self._codes) > 1:
            codes, counts = group(np.concatenate(self._codes), np.concatenate(self._counts))
            self._codes, self._counts = [codes], [counts]
        return self._codes[0], self._counts[0]

    def close(self) -> ClosedTally:
        """Give the sums of arms with rows sorted by name, packed."""
        names = self.arms.names
        order = sorted(range(len(names)), key=names.__getitem__)
        row_of = np.empty(len(order), np.int64)
        row_of[order] = np.arange(len(order))
        codes, counts = self.sketches()
        codes, counts = group((row_of[codes >> ROW_SHIFT] << ROW_SHIFT) | (codes & _LOW), counts)
        return ClosedTally(
            tuple(ArmKey._make(names[row]) for row in order),
            self.arms.sums[order],
            pack_rising(codes),
            pack(counts),
        )

    def dump(self) -> bytes:
        """Write the state; the same object until something is added."""
        if self._dumped is None:
            codes, counts = self.sketches()
            state = {
                "codes": pack_rising(codes),
                "counts": pack(counts),
                "arms": (self.arms.names, pack_table(self.arms.sums)),
                "cells": (self.cells.names, pack_table(self.cells.sums)),
                "slots": (self.slots.names, pack_table(self.slots.sums)),
            }
            self._dumped = msgspec.msgpack.encode(state)
        return self._dumped

    @classmethod
    def load(cls, state: bytes) -> Tally:
        """Read what `dump` wrote."""
        content = msgspec.msgpack.decode(state)
        tally = cls()
        tally._codes = [unpack_rising(content["codes"])]
        tally._counts = [unpack(content["counts"])]
        for name in ("arms", "cells", "slots"):
            names, packed = content[name]
            sums = unpack_table(packed) if name == "slots" else _sums(packed)
            getattr(tally, name).add([tuple(row) for row in names], sums)
        return tally

    def _add_arms(
        self, names: Sequence[tuple[Any, ...]], sums: Ints, codes: Ints, counts: Ints
    ) -> None:
        row_of = self.arms.add(names, sums)
        self._codes.append((row_of[codes >> ROW_SHIFT] << ROW_SHIFT) | (codes & _LOW))
        self._counts.append(counts)


class ClosedTally:
    """The sums of a closed span, rows sorted by name; its sketches stay packed until asked for.

    Attributes:
        names: (rows,) what each row is about.
        sums: (rows, len(SUMS)) exact sums.
    """

    def __init__(self, names: tuple[ArmKey, ...], sums: Ints, codes: bytes, counts: bytes) -> None:
        self.names = names
        self.sums = sums
        self._codes = codes
        self._counts = counts
        self._dumped: bytes | None = None

    def sketches(self) -> tuple[Ints, Ints]:
        """Give the sketch codes in rising order and their counts."""
        return unpack_rising(self._codes), unpack(self._counts)

    def of_latencies(self) -> ClosedTally:
        """Give the same without the sketches of cost and tokens, of which no quantile is told."""
        codes, counts = self.sketches()
        kept = (codes >> METRIC_SHIFT & 3) <= TTFT
        return ClosedTally(self.names, self.sums, pack_rising(codes[kept]), pack(counts[kept]))

    def shadowed_by(self, routes: Container[str]) -> ClosedTally:
        """Give the same with the calls of some routes not counted, but told as shadowed."""
        hidden = np.array([name.route in routes for name in self.names], np.bool_)
        if not hidden.any():
            return self
        sums = np.where(hidden[:, None], 0, self.sums)
        sums[hidden, AT["shadowed"]] = self.sums[hidden, AT["calls"]]
        codes, counts = self.sketches()
        kept = ~hidden[codes >> ROW_SHIFT]
        return ClosedTally(self.names, sums, pack_rising(codes[kept]), pack(counts[kept]))

    def dump(self) -> bytes:
        """Write the state, once: it does not change."""
        if self._dumped is None:
            state = (self.names, pack_table(self.sums), self._codes, self._counts)
            self._dumped = msgspec.msgpack.encode(state)
        return self._dumped

    @classmethod
    def load(cls, state: bytes) -> ClosedTally:
        """Read what `dump` wrote."""
        names, sums, codes, counts = msgspec.msgpack.decode(state)
        arms = tuple(ArmKey._make(name) for name in names)
        tally = cls(arms, _sums(sums), codes, counts)
        tally._dumped = state
        return tally


def _sums(packed: bytes) -> Ints:
    """Unpack sums; those of a version that knew the measured ones alone get what follows."""
    sums = unpack_table(packed)
    return derive(sums) if sums.shape[1] == len(MEASURED) else sums
