"""Clusters: how alike the calls of a slot are, and so what all evidence is divided by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.act.minutes import SLOT_KINDS
from optimizer.documents import SLOTS
from optimizer.statistics.slot_clusters import (
    calls_per_slot,
    clustered_over_plain,
    design_effect,
    effective_slots,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.act.minutes import Minute

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


@dataclass
class Clusters:
    """Sums by slot since the start.

    One arm, the larger one, tells how alike the calls of a slot are: control in a rollout, the
    candidate in a holdback.

    Attributes:
        calls: (n, slots) of both arms.
        told: (n, slots, kinds) calls of the arm that tells.
        residuals: (n, slots, kinds) sums of their deviations from their minutes' means.
        squares: (n, kinds) sums of the squares of those deviations.
        others: (n, slots, kinds) calls of the other arm.
    """

    calls: Floats
    told: Floats
    residuals: Floats
    squares: Floats
    others: Floats

    @classmethod
    def empty(cls, n: int) -> Clusters:
        """Begin with nothing seen, for n rollouts."""
        kinds = (n, SLOTS, len(SLOT_KINDS))
        return cls(*map(np.zeros, ((n, SLOTS), kinds, kinds, (n, len(SLOT_KINDS)), kinds)))

    def add(self, minute: Minute, tells: Bools, within: Floats) -> None:
        """Add a minute.

        Args:
            minute: The minute.
            tells: (n, slots) the slots of the arm that tells.
            within: (n, kinds) squared deviations of that arm's calls from their mean.
        """
        calls = minute.slot_calls * tells[..., None]
        total = minute.slot_total * tells[..., None]
        mean = total.sum(1) / np.maximum(calls.sum(1), 1)
        self.calls += minute.slot_calls[..., 0]
        self.told += calls
        self.residuals += total - calls * mean[:, None]
        self.squares += within
        self.others += minute.slot_calls - calls

    def effective(self) -> Floats:
        """Give (n,) how many equal slots all calls are worth."""
        return effective_slots(self.calls)

    def freedom(self) -> Floats:
        """Give (n, kinds) degrees of freedom of a variance between slots, at least 1."""
        told = np.moveaxis(self.told, 1, -1)
        return np.maximum(effective_slots(told) - 1, 1.0)

    def design(self) -> Floats:
        """Give (n, kinds) design effects, at least 1."""
        told, residuals, others = (
            np.moveaxis(each, 1, -1) for each in (self.told, self.residuals, self.others)
        )
        clustered = clustered_over_plain(told, residuals, self.squares)
        return design_effect(clustered, calls_per_slot(told), calls_per_slot(others))
