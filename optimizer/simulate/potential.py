"""Potential outcomes: what every arm of a route would make of every call.

Arrivals, users, tasks and all chance are drawn once; which arm serves a call only chooses among
outcomes that stand already. So whatever steers the traffic, two ways of steering are compared on
the same calls, and differ in nothing else.

Source: Rubin, "Estimating causal effects of treatments in randomized and nonrandomized studies",
Journal of Educational Psychology 66, 1974.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from optimizer.simulate.calls import NAMES, SERVED, SimulatedCalls
from optimizer.simulate.incidents import EPOCH, IncidentKind, concerning, levels, nanoseconds
from optimizer.simulate.outcomes import Outcome, answer
from optimizer.simulate.randomness import stream
from optimizer.simulate.traffic import ask

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.simulate.outcomes import Asked
    from optimizer.simulate.traffic import Callers
    from optimizer.simulate.worlds import SimulatedArm, SimulatedRoute, World

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]
    Rows = NDArray[np.intp]


class Assigned(NamedTuple):
    """Who serves calls, an array of n each.

    Attributes:
        arm: int16, place in the route's arms.
        revision: int64, of the document that says so; 0 for none.
        slot: int16, 0 to 199; -1 without a document.
    """

    arm: NDArray[np.int16]
    revision: Ints
    slot: NDArray[np.int16]

    def take(self, rows: Rows) -> Assigned:
        """Give those of some calls."""
        return Assigned(self.arm[rows], self.revision[rows], self.slot[rows])


@dataclass(frozen=True, kw_only=True)
class Potential:
    """All calls of a route, in order of arrival, and what each arm would make of them.

    Attributes:
        index: The route's place in the world.
        route: The route.
        start_ns: The world's first instant, nanoseconds since the epoch.
        asked: What is asked for, one row a call; those a traffic incident keeps from being made
            are among them.
        callers: Who asks.
        outcomes: One an arm.
        scores: (arms, n) as if all calls were judged; nan for an arm that is never scored.
        judged: (n,) which calls are judged, if they succeed.
        delay_ns: (n,) from a call's end to its judgement.
    """

    index: int
    route: SimulatedRoute
    start_ns: int
    asked: Asked
    callers: Callers
    outcomes: tuple[Outcome, ...]
    scores: Floats
    judged: Bools
    delay_ns: Ints

    @cached_property
    def made(self) -> Rows:
        """The calls that are made, by rising time."""
        rows = np.flatnonzero(self.callers.kept)
        return rows[np.argsort(self.asked.at_ns[rows], kind="stable")]

    def calls(self, rows: Rows, assigned: Assigned) -> SimulatedCalls:
        """Give calls as they went; those that never end are not among them.

        Args:
            rows: Which calls.
            assigned: Who served each.
        """
        begin_ns = self.start_ns + self.asked.at_ns[rows]
        outcome: dict[str, Any] = {
            item.name: _chosen(item.name, self.outcomes, rows, assigned.arm)
            for item in fields(Outcome)
        }
        end_ns = begin_ns + outcome["latency_ns"]
        score = self.scores[assigned.arm, rows]
        score[(outcome["failure"] != SERVED) | ~self.judged[rows]] = np.nan
        scored_ns = np.where(np.isnan(score), -1, end_ns + self.delay_ns[rows])
        calls = SimulatedCalls(
            route=np.full(len(rows), self.index, np.int16),
            arm=assigned.arm,
            revision=assigned.revision,
            cell=self.asked.cell[rows],
            slot=assigned.slot,
            user=self.callers.user[rows],
            conversation=self.callers.conversation[rows],
            start_ns=begin_ns,
            end_ns=end_ns,
            score=score,
            scored_ns=scored_ns,
            ids=self.callers.ids[rows],
            **{name: column for name, column in outcome.items() if name in NAMES},
        )
        return calls.take(~outcome["hung"]) if outcome["hung"].any() else calls


def _chosen(
    name: str, outcomes: tuple[Outcome, ...], rows: Rows, arm: NDArray[np.int16]
) -> NDArray[Any]:
    """Take a column of the outcomes, each row from its own arm."""
    first: NDArray[Any] = getattr(outcomes[0], name)[rows]
    for place in np.unique(arm).tolist():
        if place:
            mine = arm == place
            first[mine] = getattr(outcomes[place], name)[rows[mine]]
    return first


def potential(world: World, index: int) -> Potential:
    """Draw all that can happen on a route."""
    route = world.routes[index]
    asked, callers = ask(world, route)
    chosen = stream(world.seed, route.route, "scored").random(len(asked)) < route.scores.share
    return Potential(
        index=index,
        route=route,
        start_ns=nanoseconds(world.start - EPOCH),
        asked=asked,
        callers=callers,
        outcomes=tuple(answer(route, arm, asked, world.incidents) for arm in route.arms),
        scores=np.stack([_judged(world, route, arm, asked) for arm in route.arms]),
        judged=chosen,
        delay_ns=_score_delays(world, route, len(asked)),
    )


def _judged(world: World, route: SimulatedRoute, arm: SimulatedArm, asked: Asked) -> Floats:
    """Score all calls as an arm would answer them; a fall in quality spoils some of them wholly."""
    if arm.quality is None:
        return np.full(len(asked), np.nan)
    judged = arm.quality.judge(stream(world.seed, route.route, "quality", arm.name), asked.task)
    falls = concerning(world.incidents, IncidentKind.QUALITY, route.route, arm.name)
    spoiling = stream(world.seed, route.route, "spoiling").random(len(asked))
    return np.where(spoiling < levels(1.0, falls, asked.at_ns), judged, 0.0)


def _score_delays(world: World, route: SimulatedRoute, count: int) -> Ints:
    """Draw how long after its end a call is judged, nanoseconds in whole microseconds."""
    deviates = stream(world.seed, route.route, "delays").standard_normal(count)
    delay_us = 1e6 * route.scores.delay_s * np.exp(route.scores.delay_sigma * deviates)
    return np.rint(delay_us).astype(np.int64) * 1000
