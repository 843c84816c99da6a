"""Share check: whether traffic is where it was commanded to be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.documents import SLOTS, Unit
from optimizer.statistics.share_mixture import FACTORS, log_ratios

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.act.minutes import Instant

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

LEAST_STRAYS = 3.0
LEAST_STRAY_SHARE = 0.01
_RISK = 0.001
_LEAST_SLOTTED = 0.99
_RESTART_TICKS = 360  # an hour: replicas that fall behind later stand out again
# Were one call in a hundred still a stray, so many in a row would miss all of them once in 20,000.
_BACK_CALLS = 1000


@dataclass
class ShareCheck:
    """What calls since the last restart say of where they went.

    With stamped slots it is bookkeeping: a call whose slot belongs to another arm, or that follows
    an older document, is a stray; when there have been none for long, traffic is back from where it
    was while a document could not be brought to it. Without slots, calls that are assigned one by
    one must come at the commanded share. Anything else stays unverified.

    Attributes:
        seen: (n,) calls.
        strays: (n,) strays among them.
        clean: (n,) calls since the last tick with a stray.
        stamped: (n, 2) calls of the step's revision since the step began.
        slotted: (n,) those with a slot.
        ratios: (n, factors) log likelihood ratios of wrong shares.
        ticks: (n,) since the step began.
    """

    seen: Floats
    strays: Floats
    clean: Floats
    stamped: Floats
    slotted: Floats
    ratios: Floats
    ticks: Ints

    @classmethod
    def empty(cls, n: int) -> ShareCheck:
        """Begin with nothing seen, for n rollouts."""
        seen, strays, clean, slotted = np.zeros((4, n))
        ratios = np.zeros((n, len(FACTORS)))
        return cls(seen, strays, clean, np.zeros((n, 2)), slotted, ratios, np.zeros(n, np.int64))

    def begin_step(self, mine: Bools) -> None:
        """Begin anew where `mine` (n,)."""
        self._forget(mine)
        for sums in (self.stamped, self.slotted, self.ratios, self.ticks):
            sums[mine] = 0

    def add(self, instant: Instant, slots: Ints, settled: Bools, even: Bools) -> None:
        """Add ten seconds.

        Args:
            instant: What was seen.
            slots: (n,) slots of the candidate.
            settled: (n,) where every gateway should follow the document by now.
            even: (n,) where no arm lacks calls any more because its calls take longer.
        """
        self._restart(self.ticks % _RESTART_TICKS == 0)
        self._count(instant.seen * settled, instant.strays * settled)
        self.stamped += instant.stamped
        self.slotted += instant.slotted
        share = np.clip(slots / SLOTS, 1 / SLOTS, 1 - 1 / SLOTS)
        ratios = log_ratios(instant.stamped[:, 0], instant.stamped[:, 1], share)
        self.ratios += ratios * even[:, None]
        self.ticks += 1

    def _restart(self, mine: Bools) -> None:
        if mine.any():
            self._forget(mine)
            self.ratios[mine] = 0

    def _count(self, seen: Floats, strays: Floats) -> None:
        """Count strays; those before a long run of calls without one are forgotten."""
        self.clean = np.where(strays > 0, 0.0, self.clean + seen)
        self.seen += seen
        self.strays += strays
        self._forget(self.clean >= _BACK_CALLS)

    def _forget(self, mine: Bools) -> None:
        for sums in (self.seen, self.strays, self.clean):
            sums[mine] = 0

    def is_slotted(self) -> Bools:
        """Tell (n,) where calls carry slots."""
        total = self.stamped.sum(-1)
        slotted: Bools = (total > 0) & (self.slotted >= _LEAST_SLOTTED * total)
        return slotted

    def is_verified(self, unit: Unit) -> Bools:
        """Tell (n,) where something shows that traffic goes where it should, alarms apart."""
        by_call: Bools = (self.stamped.sum(-1) > 0) & (unit is Unit.CALL)
        return self.is_slotted() | by_call

    def is_mismatched(self, unit: Unit) -> Bools:
        """Tell (n,) where traffic is surely elsewhere."""
        strays = (self.strays >= LEAST_STRAYS) & (self.strays > LEAST_STRAY_SHARE * self.seen)
        if unit is not Unit.CALL:
            return strays
        mismatched: Bools = strays | (~self.is_slotted() & self._are_shares_wrong(FACTORS))
        return mismatched

    def is_lacking(self, unit: Unit) -> Bools:
        """Tell (n,) where calls go to the right slots and the candidate's do not end.

        Only calls that are assigned one by one are so many independent ones; see `SlotWatch`.
        """
        if unit is not Unit.CALL:
            return np.zeros(len(self.ticks), np.bool_)
        lacking: Bools = self.is_slotted() & self._are_shares_wrong(FACTORS[FACTORS < 1])
        return lacking

    def _are_shares_wrong(self, factors: Floats) -> Bools:
        """Tell (n,) where the share is surely one of the wrong ones."""
        # Each restart is a test of its own: those of risk a / (k (k + 1)) add up to a.
        tests = 1 + np.maximum(self.ticks - 1, 0) // _RESTART_TICKS
        chosen = self.ratios[:, np.isin(FACTORS, factors)]
        proof = np.logaddexp.reduce(chosen, axis=-1) - math.log(len(FACTORS))
        wrong: Bools = proof >= np.log(tests * (tests + 1) / _RISK)
        return wrong
