"""Calls of many rollouts at once, ten seconds after ten seconds, whoever serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.benchmarks.gates.worlds import World

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

SLOTS = 200
TICKS_A_MINUTE = 6
_DAY = 1440 * TICKS_A_MINUTE
_MEMORY = 0.95  # of loads, from minute to minute
_SCORE_DELAY = 30 * TICKS_A_MINUTE  # mean, in ticks
_LEVELS = np.array([[0.0, 0.0], [0.35, 0.6], [-0.35, -0.6]])  # of cells: log latency, log cost


class Drawn(NamedTuple):
    """Calls of ten seconds as chance made them, before it is known which arm serves each.

    Attributes:
        row: (calls,) rollout of each, rising.
        slot: (calls,) of 200.
        latency: (calls,) log latency, milliseconds.
        ttft: (calls,) log time to first token over latency.
        cost: (calls,) log cost, micro-dollars.
        failing: (calls,) it fails where its arm's share of failures is above this.
        hanging: (calls,) it hangs where its arm's share of hanging calls is above this.
        scored: (calls,) ticks until its score comes; -1 for none.
        score: (calls,) in [0, 1): how its score falls out.
        replica: (calls,) in [0, 1): which replica of the gateway it meets.
    """

    row: Ints
    slot: Ints
    latency: Floats
    ttft: Floats
    cost: Floats
    failing: Floats
    hanging: Floats
    scored: Ints
    score: Floats
    replica: Floats


class Traffic:
    """The calls of n rollouts, the same for every way to judge them.

    Args:
        world: What the traffic is like.
        rollouts: How many, n.
        random: Seeded.
    """

    def __init__(self, world: World, rollouts: int, random: np.random.Generator) -> None:
        self._world = world
        self._random = random
        self._n = rollouts
        users = world.crowd
        weight = np.exp(world.user_sd * random.standard_normal((rollouts, users)))
        shares = np.cumsum(weight, axis=1)
        shares /= shares[:, -1:]
        self._edges = (shares + np.arange(rollouts)[:, None]).ravel()
        self._levels = 0.3 * random.standard_normal((3, rollouts, users))
        self._slot = random.integers(0, SLOTS, (rollouts, users))
        self._phase = random.random((3, rollouts))
        self._load = world.load_sd * random.standard_normal(rollouts)
        self.own_load = world.own_sd * random.standard_normal(rollouts)
        self._tick = 0

    def next(self) -> Drawn:
        """Draw the next ten seconds."""
        world, random, tick = self._world, self._random, self._tick
        self._wander()
        self._move_sessions()
        self._tick += 1
        rhythm = np.sin(2 * np.pi * (tick / _DAY + self._phase[0]))
        count = random.poisson(world.rate / TICKS_A_MINUTE * (1 + 0.5 * rhythm))
        row = np.repeat(np.arange(self._n), count)
        user = self._users(row)
        level = self._load + 0.22 * np.sin(2 * np.pi * (tick / _DAY + self._phase[0] + 0.1))
        cell = self._cells(row, tick)
        calls = len(row)
        latency = np.log(1200.0) + level[row] + self._levels[0, row, user] + _LEVELS[cell, 0]
        cost = np.log(3000.0) + self._levels[1, row, user] + _LEVELS[cell, 1]
        cost += 0.8 * self._noise(calls)
        heavy = random.random(calls) < 0.02
        cost += np.where(heavy, random.standard_exponential(calls) / 1.5, 0.0)
        trouble = np.exp(self._levels[2, row, user] - 0.045) * self._troubles(row)  # 1 on average
        return Drawn(
            row=row,
            slot=self._slot[row, user] if world.sticky else random.integers(0, SLOTS, calls),
            latency=latency + 0.6 * self._noise(calls),
            ttft=np.log(0.25) + 0.4 * random.standard_normal(calls if world.streamed else 0),
            cost=cost,
            failing=random.random(calls) / trouble,
            hanging=random.random(calls),
            scored=self._scores(calls),
            score=random.random(calls),
            replica=random.random(calls),
        )

    def keep(self, rows: NDArray[np.bool_]) -> None:
        """Go on with some of the rollouts only."""
        users = self._world.crowd
        edges = self._edges.reshape(self._n, users)[rows] - np.flatnonzero(rows)[:, None]
        self._n = int(rows.sum())
        self._edges = (edges + np.arange(self._n)[:, None]).ravel()
        self._levels, self._slot = self._levels[:, rows], self._slot[rows]
        self._phase, self._load = self._phase[:, rows], self._load[rows]
        self.own_load = self.own_load[rows]

    def _users(self, row: Ints) -> Ints:
        users = self._world.crowd
        place = np.searchsorted(self._edges, row + self._random.random(len(row)))
        return np.clip(place - row * users, 0, users - 1)

    def _noise(self, calls: int) -> Floats:
        if not self._world.tails:
            return self._random.standard_normal(calls)
        spread = (self._world.tails / (self._world.tails - 2)) ** 0.5
        return np.clip(self._random.standard_t(self._world.tails, calls) / spread, -6, 6)

    def _cells(self, row: Ints, tick: int) -> Ints:
        """Draw cells; their mix drifts within six hours."""
        turn = 2 * np.pi * (4 * tick / _DAY + self._phase[1])
        first = 0.5 + 0.2 * np.sin(turn)
        second = (1 - first) * (0.5 + 0.2 * np.cos(turn))
        drawn = self._random.random(len(row))
        return (drawn > first[row]).astype(np.int64) + (drawn > (first + second)[row])

    def _troubles(self, row: Ints) -> Floats:
        """Give the factor of a common incident on each call's chance to fail."""
        if self._world.incident == 1:
            return np.ones(len(row))
        minute = (self._tick / TICKS_A_MINUTE + 240 * self._phase[2]) % 240
        return np.where(minute < 20, self._world.incident, 1.0)[row]

    def _scores(self, calls: int) -> Ints:
        scored = self._random.random(calls) < self._world.scored
        delay = self._random.standard_exponential(calls) * _SCORE_DELAY
        return np.where(scored, delay.astype(np.int64), -1)

    def _wander(self) -> None:
        if self._tick % TICKS_A_MINUTE:
            return
        fresh = (1 - _MEMORY**2) ** 0.5 * self._random.standard_normal((2, self._n))
        self._load = _MEMORY * self._load + self._world.load_sd * fresh[0]
        self.own_load = _MEMORY * self.own_load + self._world.own_sd * fresh[1]

    def _move_sessions(self) -> None:
        """Give new slots to users whose session ends now, each at its own time."""
        if not 0 < self._world.sticky < np.inf:
            return
        length = int(self._world.sticky * TICKS_A_MINUTE)
        ending = np.arange(self._tick % length, self._world.crowd, length)
        self._slot[:, ending] = self._random.integers(0, SLOTS, (self._n, len(ending)))
