"""What a rival sees of a route each minute, and how its rollouts stand."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]


class Minute(NamedTuple):
    """Sums of one minute of n routes; each is (n, 2): candidate, incumbent.

    Attributes:
        calls: Calls that ended in it.
        errors: How many of them failed.
        latency: Sum of the latencies of those that did not, in any unit.
        cost: Sum of what those cost, in any unit.
    """

    calls: Floats
    errors: Floats
    latency: Floats
    cost: Floats

    def values(self) -> Floats:
        """Give (n, 3, 2): error rate, mean latency, mean cost; NaN where there is no call."""
        good = self.calls - self.errors
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = (self.errors / self.calls, self.latency / good, self.cost / good)
        return np.stack(shares, axis=1)


class Usual(NamedTuple):
    """What is usual for the incumbent, in the units of `Minute`.

    Attributes:
        errors: Share of its calls that fail.
        latency: Mean of those that do not.
        cost: Mean of those that do not.
    """

    errors: float
    latency: float
    cost: float


class Standing(IntEnum):
    """How a rollout stands."""

    RUNNING = 0
    PROMOTED = 1
    ROLLED_BACK = 2


class Rival(Protocol):
    """Rollouts on n routes at once, each on its own, under somebody else's rules.

    Attributes:
        standing: (n,) how each stands, a `Standing`.
        share: (n,) the candidate's share of the traffic from now on; 1 when promoted, 0 when
            rolled back.
    """

    standing: Ints
    share: Floats

    def take(self, minute: Minute) -> None:
        """Look at the next minute of each route."""
