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
    fresh: list[int]
    corrected: int
    repeated: int


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
        latest = self._before(scores, keys)
        lines: list[tuple[int, int, int, int, int]] = []
        fresh: list[int] = []
        changed: set[int] = set()
        told = zip(
            scores["identity"].tolist(),
            scores["value"].tolist(),
            answers.keys.tolist(),
            answers.slots.tolist(),
            strict=True,
        )
        for place, (identity, value, key, slot) in enumerate(told):
            before = latest.get(identity)
            if before is None:
                latest[identity] = Before(value, key, slot)
                lines.append((key, slot, 1, value, value * value))
                fresh.append(place)
            elif before.value != value:
                latest[identity] = before._replace(value=value)
                change = value * value - before.value * before.value
                lines.append((before.key, before.slot, 0, value - before.value, change))
            else:
                continue
            changed.add(identity)
        self._remember(pane, [(identity, *latest[identity]) for identity in sorted(changed)], keys)
        table = np.array(lines, np.int64).reshape(-1, 5)
        corrected = len(lines) - len(fresh)
        repeated = len(scores) - len(lines)
        return Counted(table[:, 0], table[:, 1], table[:, 2:], fresh, corrected, repeated)

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

    def _remember(self, pane: int, rows: list[tuple[int, int, int, int]], keys: Keys) -> None:
        if not rows:
            return
        used = sorted({key for _, _, key, _ in rows}, key=keys.keys.__getitem__)
        place = {code: at for at, code in enumerate(used)}
        moved = [(identity, value, place[key], slot) for identity, value, key, slot in rows]
        named = tuple(keys.keys[code] for code in used)
        self.runs.add(Run(np.array(moved, COUNTED), named, pane))


def pane_of(partition: str, pane: int, counted: Counted, keys: Keys) -> Pane:
    """Give what scores add as a pane; rows, cells and slots sorted by name."""
    named = [keys.keys[code] for code in counted.keys.tolist()]
    arms = sorted({ArmKey(*key[:3]) for key in named})
    row = {arm: at for at, arm in enumerate(arms)}
    rows = np.array([row[ArmKey(*key[:3])] for key in named], np.int64)
    in_cells = [at for at, key in enumerate(named) if key[3]]
    cells = sorted({(row[ArmKey(*named[at][:3])], named[at][3]) for at in in_cells})
    line = {cell: at for at, cell in enumerate(cells)}
    lines = np.array([line[int(rows[at]), named[at][3]] for at in in_cells], np.int64)
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
        cell_sums=_added(lines, counted.sums[in_cells], len(cells)),
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
