"""A world played: every call of every route, and its score."""

from __future__ import annotations

from dataclasses import fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from optimizer.simulate.calls import NAMES, SERVED, SimulatedCalls, joined
from optimizer.simulate.incidents import IncidentKind, concerning, levels, nanoseconds
from optimizer.simulate.outcomes import Asked, Outcome, answer
from optimizer.simulate.randomness import name_hash, stream
from optimizer.simulate.traffic import ask
from optimizer.simulate.users import arms_by_slot, slots

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.simulate.traffic import Callers
    from optimizer.simulate.worlds import SimulatedArm, SimulatedRoute, World

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def start_ns(world: World) -> int:
    """Give the world's first instant, nanoseconds since the epoch."""
    return nanoseconds(world.start - EPOCH)


def simulate(world: World) -> SimulatedCalls:
    """Play a world: all its calls, sorted by the time they were made.

    Holds about 250 bytes a call in memory.
    """
    return joined([_calls(world, index) for index in range(len(world.routes))])


def _calls(world: World, index: int) -> SimulatedCalls:
    route = world.routes[index]
    asked, callers = ask(world, route)
    slot, arm = _assigned(world, route, callers)
    outcome = _answers(world, route, asked, arm)
    begin_ns = start_ns(world) + asked.at_ns
    end_ns = begin_ns + outcome.latency_ns
    score = _scores(world, route, asked, arm)
    score[outcome.failure != SERVED] = np.nan
    calls = SimulatedCalls(
        route=np.full(len(asked), index, np.int16),
        arm=arm,
        cell=asked.cell,
        slot=slot,
        user=callers.user,
        conversation=callers.conversation,
        start_ns=begin_ns,
        end_ns=end_ns,
        score=score,
        scored_ns=np.where(np.isnan(score), -1, end_ns + _score_delays(world, route, len(asked))),
        ids=callers.ids,
        **{
            item.name: getattr(outcome, item.name) for item in fields(Outcome) if item.name in NAMES
        },
    )
    return calls.take(callers.kept)


def _assigned(
    world: World, route: SimulatedRoute, callers: Callers
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Hash units to slots, and look up whose the slots are."""
    slot = slots(name_hash(route.route), callers.unit(route.unit))
    owners = arms_by_slot(
        stream(world.seed, route.route, "slots"), [arm.share for arm in route.arms]
    )
    return slot, owners[slot]


def _answers(world: World, route: SimulatedRoute, asked: Asked, arm: NDArray[np.int16]) -> Outcome:
    """Let each call be answered by its arm."""
    outcomes = [answer(route, item, asked, world.incidents) for item in route.arms]
    return Outcome(
        **{
            item.name: np.choose(arm, [getattr(outcome, item.name) for outcome in outcomes])
            for item in fields(Outcome)
        }
    )


def _scores(
    world: World, route: SimulatedRoute, asked: Asked, arm: NDArray[np.int16]
) -> NDArray[np.float64]:
    """Judge some of the calls as if none failed; nan for the others."""
    chosen = stream(world.seed, route.route, "scored").random(len(asked)) < route.scores.share
    score = np.full(len(asked), np.nan)
    for place, item in enumerate(route.arms):
        rows = np.flatnonzero((arm == place) & chosen)
        score[rows] = _judged(world, route, item, asked, rows)
    return score


def _judged(
    world: World,
    route: SimulatedRoute,
    arm: SimulatedArm,
    asked: Asked,
    rows: NDArray[np.intp],
) -> NDArray[np.float64]:
    """Score an arm's calls; a fall in quality spoils some of them wholly."""
    if arm.quality is None:
        return np.full(len(rows), np.nan)
    judged = arm.quality.judge(
        stream(world.seed, route.route, "quality", arm.name), asked.task[rows]
    )
    falls = concerning(world.incidents, IncidentKind.QUALITY, route.route, arm.name)
    spoiling = stream(world.seed, route.route, "spoiling").random(len(asked))[rows]
    return np.where(spoiling < levels(1.0, falls, asked.at_ns[rows]), judged, 0.0)


def _score_delays(world: World, route: SimulatedRoute, count: int) -> NDArray[np.int64]:
    """Draw how long after its end a call is judged, nanoseconds in whole microseconds."""
    deviates = stream(world.seed, route.route, "delays").standard_normal(count)
    delay_us = 1e6 * route.scores.delay_s * np.exp(route.scores.delay_sigma * deviates)
    return np.rint(delay_us).astype(np.int64) * 1000
