"""What calls do at the arm that serves them, and what a minute of them adds up to."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import betaincinv

from optimizer.simulate.quantities import Judged
from optimizer.simulate.rivals import Minute

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.benchmarks.gates.traffic import Drawn
    from tests.benchmarks.gates.worlds import Arms, World

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

CANDIDATE, INCUMBENT = 0, 1
MEAN_SCORE, SCORE_SD = 0.8, 0.33
_GRID = np.linspace(0, 1, 2001)


class Served(NamedTuple):
    """Calls of ten seconds as the arms served them; those that hang never end.

    Attributes:
        row: (calls,) rollout.
        slot: (calls,) of 200.
        arm: (calls,) `CANDIDATE` or `INCUMBENT`.
        failed: (calls,)
        latency: (calls,) log latency, milliseconds.
        ttft: (calls,) its log time to first token; empty when not streamed.
        cost: (calls,) log cost, micro-dollars.
        scored: (calls,) ticks until its score comes; -1 for none.
        score: (calls,) its score.
        stale: (calls,) it follows an older document than the newest.
    """

    row: Ints
    slot: Ints
    arm: Ints
    failed: Flags
    latency: Floats
    ttft: Floats
    cost: Floats
    scored: Ints
    score: Floats
    stale: Flags


def serve(drawn: Drawn, slots: Ints, arms: Arms, world: World, own: Floats) -> Served:
    """Let the arms serve calls.

    Args:
        drawn: The calls.
        slots: (n,) the candidate's slots in each rollout: the first so many.
        arms: What each does otherwise than usual.
        world: The world.
        own: (n,) the candidate's own log load.
    """
    arm = np.where(drawn.slot < slots[drawn.row], CANDIDATE, INCUMBENT)
    return served_by(drawn, arm, arms, world, own)


def served_by(drawn: Drawn, arm: Ints, arms: Arms, world: World, own: Floats) -> Served:
    """Let calls be served by the arms given, (calls,); otherwise as `serve`."""
    latency = drawn.latency + np.log([each.latency for each in arms])[arm]
    latency += own[drawn.row] * (arm == CANDIDATE)
    failed = drawn.failing < world.errors + np.array([each.errors for each in arms])[arm]
    score = np.zeros(len(arm))
    for place, each in enumerate(arms):
        judged = (arm == place) & (drawn.scored >= 0)
        score[judged] = np.interp(drawn.score[judged], _GRID, _scores(each.quality))
    ended = drawn.hanging >= np.array([each.hangs for each in arms])[arm]
    return Served(
        row=drawn.row[ended],
        slot=drawn.slot[ended],
        arm=arm[ended],
        failed=failed[ended],
        latency=latency[ended],
        ttft=(latency + drawn.ttft)[ended] if world.streamed else drawn.ttft,
        cost=(drawn.cost + np.log([each.cost for each in arms])[arm])[ended],
        scored=np.where(failed, -1, drawn.scored)[ended],
        score=score[ended],
        stale=np.zeros(int(ended.sum()), np.bool_),
    )


def minute_of(served: Served, rollouts: int) -> Minute:
    """Add calls up by rollout and arm, as rivals see them."""
    place = served.row * 2 + served.arm
    good = ~served.failed

    def summed(weights: Floats | Flags | None) -> Floats:
        return np.bincount(place, weights, 2 * rollouts).astype(np.float64).reshape(-1, 2)

    return Minute(
        calls=summed(None),
        errors=summed(served.failed),
        latency=summed(good * np.exp(served.latency)),
        cost=summed(good * np.exp(served.cost)),
    )


@lru_cache
def _scores(more: float) -> Floats:
    """Give the quantiles of scores, Beta distributed, on the grid; the sd is that of every arm."""
    mean = MEAN_SCORE + more
    strength = Judged(mean=mean, sd=SCORE_SD).strength
    quantiles: Floats = betaincinv(mean * strength, (1 - mean) * strength, _GRID)
    return quantiles
