"""Slot watch: candidates that hang, and scores that are given to one arm more than to the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.documents import SLOTS
from optimizer.statistics.slot_ranks import chance_of_so_little

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


_GROWTH = 1.5  # from look to look: few looks, so each may take a small risk


@dataclass
class SlotWatch:
    """What each slot held since the step began, looked at whenever that has grown by half.

    Attributes:
        held: (n, slots) what each holds.
        next_look: (n,) how much all must hold before the next look.
        scarce: (n,) the candidate's slots were found to hold less than chance allows.
        control_scarce: (n,) control's slots were.
    """

    held: Floats
    next_look: Floats
    scarce: Bools
    control_scarce: Bools

    @classmethod
    def empty(cls, n: int, first_look: float) -> SlotWatch:
        """Begin with nothing seen, for n rollouts."""
        nothing = np.zeros(n, np.bool_)
        return cls(np.zeros((n, SLOTS)), np.full(n, first_look), nothing, nothing.copy())

    def begin_step(self, mine: Bools, first_look: float) -> None:
        """Begin anew where `mine` (n,)."""
        self.held[mine] = 0
        self.next_look[mine] = first_look
        self.scarce[mine] = False
        self.control_scarce[mine] = False

    def add(self, held: Floats, owned: Bools, risk: float) -> None:
        """Add what slots held, and look where it is time to.

        Args:
            held: (n, slots) what each held.
            owned: (n, slots) the candidate's slots.
            risk: Chance, at most, that one look finds what is not there.
        """
        self.held += held
        total = self.held.sum(-1)
        due = total >= self.next_look
        if not due.any():
            return
        self.scarce[due] |= chance_of_so_little(self.held[due], owned[due]) < risk
        self.control_scarce[due] |= chance_of_so_little(self.held[due], ~owned[due]) < risk
        self.next_look[due] = _GROWTH * total[due]
