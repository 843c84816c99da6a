"""Rollouts played: the same calls for every way to judge them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from optimizer.simulate.randomness import stream
from optimizer.simulate.rivals import Minute, Rival, Standing
from tests.benchmarks.gates.outcomes import CANDIDATE, minute_of, serve
from tests.benchmarks.gates.traffic import SLOTS, TICKS_A_MINUTE, Traffic

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.benchmarks.gates.outcomes import Served
    from tests.benchmarks.gates.worlds import Arms, World

    Ints = NDArray[np.int64]


class Way(Protocol):
    """A way to bring n candidates to traffic, each on its own route.

    Attributes:
        slots: (n,) slots of the candidates from now on.
        standing: (n,) how each stands, a `Standing`.
    """

    slots: Ints
    standing: Ints

    def take(self, served: Served) -> None:
        """Take ten seconds of calls."""


class RivalWay:
    """A rival, who looks at minutes.

    Args:
        rival: The rival.
    """

    def __init__(self, rival: Rival) -> None:
        self._rival = rival
        self._ticks = 0
        self._minute = Minute(*np.zeros((4, len(rival.share), 2)))
        self._told()

    def take(self, served: Served) -> None:
        """Take ten seconds of calls; the rival looks at each full minute."""
        more = minute_of(served, len(self.slots))
        self._minute = Minute(*(a + b for a, b in zip(self._minute, more, strict=True)))
        self._ticks += 1
        if self._ticks % TICKS_A_MINUTE == 0:
            self._rival.take(self._minute)
            self._minute = Minute(*np.zeros_like(self._minute))
            self._told()

    def _told(self) -> None:
        self.standing = self._rival.standing.copy()
        self.slots = np.rint(self._rival.share * SLOTS).astype(np.int64)


@dataclass(slots=True)
class Fates:
    """How n rollouts went.

    Attributes:
        promoted: (n,) tick of the promotion; -1 for never.
        rolled_back: (n,) tick of the rollback, also of one after the promotion; -1 for never.
        tried: (n,) calls of the candidate until either, the last of them.
        calls: (n,) calls of the route until then.
    """

    promoted: Ints
    rolled_back: Ints
    tried: Ints
    calls: Ints


class Book:
    """Keeps the fates of n rollouts.

    Args:
        rollouts: How many, n.
    """

    def __init__(self, rollouts: int) -> None:
        never = np.full(rollouts, -1)
        self._before = np.zeros(rollouts, np.int64)
        self._counted = np.zeros((2, rollouts), np.int64)
        self.fates = Fates(never, never.copy(), *np.zeros((2, rollouts), np.int64))

    def note(self, served: Served, standing: Ints, tick: int) -> None:
        """Count the calls of ten seconds, and note what they changed."""
        n, fates = len(standing), self.fates
        tried = np.bincount(served.row[served.arm == CANDIDATE], minlength=n)
        self._counted += tried, np.bincount(served.row, minlength=n)
        changed = standing != self._before
        fates.promoted[changed & (standing == Standing.PROMOTED)] = tick
        fates.rolled_back[changed & (standing == Standing.ROLLED_BACK)] = tick
        fates.tried[changed], fates.calls[changed] = self._counted[:, changed]
        self._before = standing.copy()


def play(
    world: World, arms: Arms, way: Way, minutes: float, *names: str, decided: bool = False
) -> Fates:
    """Play rollouts for some minutes.

    Args:
        world: The world.
        arms: What they do otherwise than usual.
        way: How they are brought to traffic.
        minutes: How long.
        names: Name the stream of chance; the same names give the same calls, whatever the way.
        decided: End when all are promoted or rolled back.
    """
    n = len(way.slots)
    traffic, book = Traffic(world, n, stream(1, *names)), Book(n)
    for tick in range(int(minutes * TICKS_A_MINUTE)):
        served = serve(traffic.next(), way.slots, arms, world, traffic.own_load)
        way.take(served)
        book.note(served, way.standing, tick + 1)
        if decided and way.standing.all():
            break
    return book.fates
