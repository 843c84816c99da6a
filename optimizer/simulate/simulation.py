"""A world played: every call of every route, and its score."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.simulate.calls import SimulatedCalls, joined
from optimizer.simulate.incidents import EPOCH, nanoseconds
from optimizer.simulate.potential import Assigned, potential
from optimizer.simulate.randomness import name_hash, stream
from optimizer.simulate.users import arms_by_slot, slots

if TYPE_CHECKING:
    from optimizer.simulate.potential import Potential
    from optimizer.simulate.worlds import World


def start_ns(world: World) -> int:
    """Give the world's first instant, nanoseconds since the epoch."""
    return nanoseconds(world.start - EPOCH)


def simulate(world: World) -> SimulatedCalls:
    """Play a world whose traffic nobody steers: all its calls, sorted by the time they were made.

    Holds about 250 bytes a call in memory, and as much again for each arm beyond the first.
    """
    return joined([_calls(world, index) for index in range(len(world.routes))])


def _calls(world: World, index: int) -> SimulatedCalls:
    drawn = potential(world, index)
    rows = np.flatnonzero(drawn.callers.kept)
    return drawn.calls(rows, _assigned(world, drawn).take(rows))


def _assigned(world: World, drawn: Potential) -> Assigned:
    """Hash units to slots, and look up whose the slots are."""
    route = drawn.route
    slot = slots(name_hash(route.route), drawn.callers.unit(route.unit))
    owners = arms_by_slot(
        stream(world.seed, route.route, "slots"), [arm.share for arm in route.arms]
    )
    return Assigned(owners[slot], np.full(len(slot), route.revision, np.int64), slot)
