"""Margins: how much worse a candidate may be at each step, on the scale it is measured on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from optimizer.act.terms import MEANS, RATIOS, SHARES, Gate, Terms
from optimizer.documents import SLOTS, Unit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Calls that may never end: of the route's, and of the candidate's at least and at most. Sticky
# traffic is too uneven to show less than a half.
_LOST, _LEAST_LOST, _LEAST_LOST_STICKY, _MOST_LOST = 0.15, 0.25, 0.5, 0.8
_UNUSED = 1.0  # margin of a metric that does not count: any number, its evidence is not asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Margins:
    """The terms' margins as arrays, logs for ratios; above 0 is worse.

    A candidate with a share s of the traffic harms the route by s times what it is worse. So what
    it may be worse before it gets the next share is the route's margin over that share. After the
    last step that is the whole traffic: a holdback is for a time.

    Attributes:
        means: (means, steps) at the end of each step but the last.
        shares: (shares, steps) likewise.
        scales: (means,) the route's own margins, at the whole share.
        harmless: (means,) where harm begins.
        worse: (means,) 1 where more is worse, -1 where less is.
        lost: (steps,) part of the candidate's calls that may never end, at the end of each step.
        targets: Slots after each step.
    """

    means: Floats
    shares: Floats
    scales: Floats
    harmless: Floats
    worse: Floats
    lost: Floats
    targets: tuple[int, ...]

    @staticmethod
    def of(terms: Terms) -> Margins:
        """Work out the margins of terms; the same terms are worked out once."""
        return _margins(terms)

    @property
    def steps(self) -> int:
        """How many steps there are to pass; a holdback is one, without anything to pass."""
        return max(len(self.targets), 1)

    def step_before(self, next_slots: int) -> int:
        """Give the step that leads to so many slots.

        Raises:
            ValueError: The ladder has no such step.
        """
        if not self.targets:
            return 0
        if next_slots not in self.targets:
            raise ValueError(f"{next_slots} slots are not on the ladder: {self.targets}")
        return self.targets.index(next_slots)


@lru_cache(maxsize=1024)
def _margins(terms: Terms) -> Margins:
    targets = () if terms.is_holdback else terms.ladder[1:]
    shares_next = [slots / SLOTS for slots in targets[:-1]] + [1.0]  # the holdback ends soon
    means = [terms.gate(metric) or Gate(metric=metric, margin=_UNUSED) for metric in MEANS]
    rates = [terms.gate(metric) or Gate(metric=metric, margin=_UNUSED) for metric in SHARES]
    least_lost = _LEAST_LOST if terms.unit is Unit.CALL else _LEAST_LOST_STICKY
    harmless = [_distance(gate, gate.margin if terms.is_holdback else 0.0) for gate in means]
    return Margins(
        means=_table([[_distance(gate, gate.margin / s) for s in shares_next] for gate in means]),
        shares=_table([[min(gate.margin / s, 0.9) for s in shares_next] for gate in rates]),
        scales=np.array([_distance(gate, gate.margin) - _distance(gate, 0.0) for gate in means]),
        harmless=np.array(harmless),
        worse=np.array([-1.0 if metric == "quality" else 1.0 for metric in MEANS]),
        lost=np.clip(_LOST / np.array(shares_next), least_lost, _MOST_LOST),
        targets=targets,
    )


def _table(rows: list[list[float]]) -> Floats:
    return np.array(rows, np.float64).reshape(len(rows), -1)


def _distance(gate: Gate, worse: float) -> float:
    """Give how far a metric may be worse, beyond what is tolerated, on the scale it is measured."""
    return float(np.log1p(gate.tolerated + worse)) if gate.metric in RATIOS else worse
