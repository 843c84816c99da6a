"""Each score counts once: repeats are dropped, a corrected one counts by what it changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.attribute.runs import Run, Runs
from optimizer.panes import AT, PANE_NS, SLOT_COLUMNS, SUMS, ArmKey, Pane

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.attribute.lookup import Answers, Keys
    from optimizer.judgements import Rows

    Ints = NDArray[np.int64]

COUNTED = np.dtype([("identity", "<u8"), ("value", "<i4"), ("key", "<i4"), ("slot", "<i2")])
_SCORE_COLUMNS = [AT["scores"], AT["score"], AT["score_square"]]


class Before(NamedTuple):
    """A score as it counted last."""

    value: int
    key: int
    slot: int


class Counted(NamedTuple):
    """What some scores add.

    Attributes:
        keys: (n,) codes of the keys it is added to.
        slots: (n,) and the slots; -1 for none.
        sums: (n, 3) scores, their values in millionths, their squares.
        fresh: Places of the scores that were counted for the first time.
        corrected: How many changed the value of one that was counted.
        repeated: How many told nothing new.
    """

    keys: Ints
    slots: Ints
    sums: Ints
    fresh: NDArray[np.intp]
    corrected: int
    repeated: int


class _Again:
    """Scores of identities that come again: lines of sums, and what they count as in the end."""

    def __init__(self, latest: dict[int, Before]) -> None:
        self.lines: list[tuple[int, int, int, int, int]] = []
        self.fresh: list[int] = []
        self._latest = latest
        self._changed: set[int] = set()

    def count(self, place: int, identity: int, value: int, key: int, slot: int) -> None:
        """Count one: for the first time, by what changed, or not."""
        before = self._latest.get(identity)
        if before is None:
            before = Before(value, key, slot)
            self.lines.append((key, slot, 1, value, value * value))
            self.fresh.append(place)
        elif before.value != value:
            change = value * value - before.value * before.value
            self.lines.append((before.key, before.slot, 0, value - before.value, change))
        else:
            return
        self._latest[identity] = before._replace(value=value)
        self._changed.add(identity)

    def changed(self) -> Rows:
        """Give those that count otherwise than before."""
        return np.array([(each, *self._latest[each]) for each in self._changed], COUNTED)


class Memory:
    """The scores that were counted.

    Args:
        most: How many are remembered.
    """

    def __init__(self, most: int) -> None:
        self.runs = Runs(COUNTED, unique="identity")
        self._most = most

    def count(self, pane: int, scores: Rows, answers: Answers, keys: Keys) -> Counted:
        """Count scores whose keys are known, in their order, and remember them."""
        told = np.empty(len(scores), COUNTED)
        told["identity"], told["value"] = scores["identity"], scores["value"]
        told["key"], told["slot"] = answers.keys, answers.slots
        before = self._before(scores, keys)
        _, place, times = np.unique(told["identity"], return_inverse=True, return_counts=True)
        known = np.fromiter(before, np.uint64, len(before))
        plain = (times == 1)[place] & ~np.isin(told["identity"], known)
        again = self._again(np.flatnonzero(~plain), told, before)
        fresh = np.concatenate((np.flatnonzero(plain), np.array(again.fresh, np.intp)))
        new = told[plain]
        value = new["value"].astype(np.int64)
        sums = np.stack((np.ones_like(value), value, value * value), axis=1)
        lines = np.array(again.lines, np.int64).reshape(-1, 5)
        self._remember(pane, np.concatenate((new, again.changed())), keys)
        corrected = len(lines) - len(again.fresh)
        return Counted(
            np.concatenate((new["key"], lines[:, 0])),
            np.concatenate((new["slot"], lines[:, 1])),
            np.concatenate((sums, lines[:, 2:])),
            fresh,
            corrected,
            len(scores) - len(fresh) - corrected,
        )

    @staticmethod
    def _again(places: Ints, told: Rows, before: dict[int, Before]) -> _Again:
        """Count the scores that came more than once, one by one."""
        again = _Again(dict(before))
        for place, row in zip(places.tolist(), told[places].tolist(), strict=True):
            again.count(place, *row)
        return again

    def forget(self, before_ns: int) -> int:
        """Let go of what counted before an instant, and of more than there is room for."""
        self.runs.forget(before_ns)
        return self.runs.forget_beyond(self._most)

    def _before(self, scores: Rows, keys: Keys) -> dict[int, Before]:
        """Give those of the scores that counted before, by identity."""
        wanted = np.unique(scores["identity"])
        found: dict[int, Before] = {}
        for run in reversed(self.runs.runs):
            places = run.find_last("identity", wanted)
            held = places >= 0
            rows = run.rows[places[held]]
            codes = keys.codes(run.keys, rows["key"]).tolist() if len(rows) else []
            for (identity, value, _, slot), code in zip(rows.tolist(), codes, strict=True):
                found[identity] = Before(value, code, slot)
            wanted = wanted[~held]
        return found

    def _remember(self, pane: int, rows: Rows, keys: Keys) -> None:
        if not len(rows):
            return
        rows = rows[np.argsort(rows["identity"])]
        codes, place = np.unique(rows["key"], return_inverse=True)
        named = [keys.keys[code] for code in codes.tolist()]
        order = sorted(range(len(named)), key=named.__getitem__)
        rank = np.empty(len(order), np.int32)
        rank[order] = np.arange(len(order))
        rows["key"] = rank[place]
        self.runs.add(Run(rows, tuple(named[at] for at in order), pane))


def pane_of(partition: str, pane: int, counted: Counted, keys: Keys) -> Pane:
    """Give what scores add as a pane; rows, cells and slots sorted by name."""
    codes, place = np.unique(counted.keys, return_inverse=True)
    named = [keys.keys[code] for code in codes.tolist()]
    arms = sorted({ArmKey(*key[:3]) for key in named})
    row = {arm: at for at, arm in enumerate(arms)}
    row_of = [row[ArmKey(*key[:3])] for key in named]
    cells = sorted({(at, key[3]) for at, key in zip(row_of, named, strict=True) if key[3]})
    line = {cell: at for at, cell in enumerate(cells)}
    line_of = [line.get((at, key[3]), -1) for at, key in zip(row_of, named, strict=True)]
    rows, lines = np.array(row_of)[place], np.array(line_of)[place]
    in_cells = lines >= 0
    nothing = np.zeros(0, np.int64)
    slots, slot_sums = _by_slot(rows, counted)
    return Pane(
        partition=partition,
        start_ns=pane * PANE_NS,
        late_at_ns=-1,
        arms=tuple(arms),
        sums=_added(rows, counted.sums, len(arms)),
        cell_rows=np.array([at for at, _ in cells], np.int64),
        cell_names=tuple(cell for _, cell in cells),
        cell_sums=_added(lines[in_cells], counted.sums[in_cells], len(cells)),
        slots=slots,
        slot_sums=slot_sums,
        codes=nothing,
        counts=nothing,
    )


def _added(rows: Ints, sums: Ints, count: int) -> Ints:
    """Add (n, 3) sums of scores up in some of so many rows."""
    added = np.zeros((count, len(SUMS)), np.int64)
    for place, column in enumerate(_SCORE_COLUMNS):
        np.add.at(added[:, column], rows, sums[:, place])
    return added


def _by_slot(rows: Ints, counted: Counted) -> tuple[Ints, Ints]:
    slotted = np.flatnonzero(counted.slots >= 0)
    names, line = np.unique((rows[slotted] << 16) | counted.slots[slotted], return_inverse=True)
    sums = _added(line, counted.sums[slotted], len(names))[:, SLOT_COLUMNS]
    return np.stack((names >> 16, names & 0xFFFF), axis=1), sums
