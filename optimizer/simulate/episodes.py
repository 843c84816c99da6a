"""Episodes: traffic that met a bad arm, how long, how much of it, and whether that was ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.simulate.hindsight import Hindsight

    Rows = NDArray[np.intp]

_GAP_NS = 10 * 60 * 1_000_000_000  # without a call for so long, an episode is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A while in which traffic met a bad arm.

    Attributes:
        arm: Its place.
        first_ns: The first call it was given while bad, from the start of the world.
        last_ns: The last one.
        calls: How many.
        cost_usd: What they cost.
        undone: Its traffic was taken away before it got better by itself or the world ended.
    """

    arm: int
    first_ns: int
    last_ns: int
    calls: int
    cost_usd: float
    undone: bool


def episodes(known: Hindsight, arm: NDArray[np.int16]) -> list[Episode]:
    """Give the episodes of a route, by their first calls.

    Args:
        known: What is known of the route afterwards.
        arm: (n,) who served each call.
    """
    rows, at_ns = known.drawn.made, known.drawn.asked.at_ns
    bad = rows[known.is_bad(rows, arm[rows])]
    found: list[Episode] = []
    for place in np.unique(arm[bad]).tolist():
        mine = bad[arm[bad] == place]
        cuts = np.flatnonzero(np.diff(at_ns[mine]) > _GAP_NS) + 1
        found += (_episode(known, part, place) for part in np.split(mine, cuts))
    return sorted(found, key=lambda one: one.first_ns)


def _episode(known: Hindsight, rows: Rows, arm: int) -> Episode:
    at_ns, stretches = known.drawn.asked.at_ns, known.stretches
    last_ns = int(at_ns[rows[-1]])
    later = np.flatnonzero((stretches.edges_ns > last_ns) & ~stretches.bad[arm])
    end_ns = min([*stretches.edges_ns[later].tolist(), known.length_ns])
    return Episode(
        arm=arm,
        first_ns=int(at_ns[rows[0]]),
        last_ns=last_ns,
        calls=len(rows),
        cost_usd=float(known.valued.cost_usd[arm, rows].sum()),
        undone=end_ns - last_ns > _GAP_NS,
    )
