"""What one knows only afterwards: which arms were bad, and which would have been best.

All of it rests on potential outcomes, of every arm on every call, so it is exact for the world that
was played. No decision ever sees it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.simulate.incidents import nanoseconds
from optimizer.simulate.worth import figures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.simulate.potential import Potential
    from optimizer.simulate.worlds import World
    from optimizer.simulate.worth import Figures, Worth

    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]
    Rows = NDArray[np.intp]

_FEW = 30  # calls of a stretch between two incidents that are too few to tell by


class Margins(NamedTuple):
    """How much worse than the incumbent an arm may be.

    Attributes:
        ratio: Of latency and cost, as a ratio less one.
        errors: Of the share of failed calls.
        quality: Of the mean score.
    """

    ratio: float
    errors: float
    quality: float


def is_worse(arm: Figures, incumbent: Figures, margins: Margins) -> bool:
    """Tell whether an arm is worse than the incumbent by a margin or more, in any figure."""
    ratios = [
        (arm.latency_ms, incumbent.latency_ms),
        (arm.cost_per_call_usd, incumbent.cost_per_call_usd),
    ]
    return (
        any(mine and theirs and mine / theirs >= 1 + margins.ratio for mine, theirs in ratios)
        or (arm.latency_ms is None and incumbent.latency_ms is not None)
        or arm.error_rate - incumbent.error_rate >= margins.errors
        or (
            None not in (arm.quality, incumbent.quality)
            and (incumbent.quality or 0.0) - (arm.quality or 0.0) >= margins.quality
        )
    )


class Stretches(NamedTuple):
    """When each arm of a route was bad: worse than the incumbent at the same time.

    Attributes:
        edges_ns: (stretches,) first instant of each, from the start of the world.
        bad: (arms, stretches).
    """

    edges_ns: Ints
    bad: Bools

    def is_bad(self, at_ns: Ints, arm: NDArray[np.integer]) -> Bools:
        """Tell which calls, made at an instant and served by an arm, met a bad one."""
        found: Bools = self.bad[arm, np.searchsorted(self.edges_ns, at_ns, "right") - 1]
        return found


class Hindsight:
    """What one knows of a route afterwards.

    Args:
        world: The world.
        drawn: The route's calls, and what each arm would make of them.
        valued: What that would be worth.
        margins: How much worse than the incumbent is bad.

    Attributes:
        drawn: As given.
        valued: As given.
        length_ns: Length of the world.
        stretches: When each arm was bad, from one incident's edge to the next.
    """

    def __init__(self, world: World, drawn: Potential, valued: Worth, margins: Margins) -> None:
        self.drawn = drawn
        self.valued = valued
        self.length_ns = nanoseconds(world.length)
        self._margins = margins
        self._arms = range(len(drawn.route.arms))
        self.stretches = self._stretches(_edges(world, drawn.route.route))

    def best_arm(self, rows: Rows | None = None) -> int:
        """Give the place of the cheapest arm that is not worse than the incumbent.

        Args:
            rows: On which calls; None for all.
        """
        each = self._each(self.drawn.made if rows is None else rows)
        fit = [arm for arm in self._arms if not is_worse(each[arm], each[0], self._margins)]
        return min(fit, key=lambda arm: (each[arm].cost_usd, arm))

    def best_table(self) -> NDArray[np.int16]:
        """Give the best arm of each call's cell, `(n,)`: the most that a table could have done."""
        cells, made = self.drawn.asked.cell, self.drawn.made
        found = np.zeros(len(cells), np.int16)
        for cell in np.unique(cells[made]).tolist():
            found[cells == cell] = self.best_arm(made[cells[made] == cell])
        return found

    def is_bad(self, rows: Rows, arm: NDArray[np.integer]) -> Bools:
        """Tell which calls met an arm that was bad then."""
        return self.stretches.is_bad(self.drawn.asked.at_ns[rows], arm)

    def _stretches(self, edges_ns: Ints) -> Stretches:
        made = self.drawn.made
        place = np.searchsorted(edges_ns, self.drawn.asked.at_ns[made], "right") - 1
        bad = np.zeros((len(self._arms), len(edges_ns)), np.bool_)
        for stretch in range(len(edges_ns)):
            rows = made[place == stretch]
            each = self._each(rows if len(rows) >= _FEW else made)
            bad[:, stretch] = [is_worse(one, each[0], self._margins) for one in each]
        return Stretches(edges_ns, bad)

    def _each(self, rows: Rows) -> list[Figures]:
        return [figures(self.valued, rows, np.full(len(rows), arm)) for arm in self._arms]


def _edges(world: World, route: str) -> Ints:
    edges = {
        nanoseconds(edge)
        for incident in world.incidents
        if incident.route == route
        for edge in (incident.start, incident.end)
        if edge < world.length
    }
    return np.array(sorted({0} | edges), np.int64)
