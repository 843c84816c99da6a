"""Who calls: few users make most of the calls, in conversations; and which arm they get."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

import numpy as np

from optimizer.documents import SLOTS, Unit
from optimizer.simulate.incidents import nanoseconds
from optimizer.simulate.randomness import mixed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

PAUSE = timedelta(minutes=30)  # a user who comes back later begins a new conversation


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """A route's users and how unevenly they call.

    Attributes:
        count: How many there are; where the arrivals name their users, these count.
        activity: Lognormal traffic a user, or Zipf: the k-th user calls in proportion to k^-s.
        spread: Sd of the log traffic a user, or Zipf's exponent s; 0 makes all users alike.
        turns: Mean calls of a conversation, at least 1.
        latency_sd: Sd of a user's own effect on log latency: some always ask for more.
    """

    count: int = 200
    activity: Literal["lognormal", "zipf"] = "lognormal"
    spread: float = 1.0
    turns: float = 1.0
    latency_sd: float = 0.0

    def weights(self, random: np.random.Generator) -> Floats:
        """Draw each user's share of the traffic, `(count,)`."""
        logs: Floats = -self.spread * np.log(np.arange(1, self.count + 1))
        if self.activity == "lognormal":
            logs = self.spread * random.standard_normal(self.count)
        traffic: Floats = np.exp(logs)
        total: float = traffic.sum()
        return np.divide(traffic, total)

    def choose(self, random: np.random.Generator, told: Ints) -> Ints:
        """Give each call its user: the one the arrivals name, else one drawn by activity."""
        edges = np.cumsum(self.weights(random))
        drawn = np.searchsorted(edges[:-1], random.random(len(told)), side="right")
        return np.where(told >= 0, told, drawn)

    def effects(self, random: np.random.Generator, user: Ints) -> Floats:
        """Give the factor on each call's latency that is its user's own."""
        count = max(self.count, int(user.max(initial=0)) + 1)
        return np.exp(self.latency_sd * random.standard_normal(count))[user]

    def conversations(
        self, random: np.random.Generator, at_ns: Ints, user: Ints
    ) -> tuple[Ints, NDArray[np.bool_]]:
        """Give each call its conversation, and whether it opens it; `at_ns` is sorted."""
        order = np.lexsort((at_ns, user))
        opens = random.random(len(user))[order] * self.turns < 1
        opens[:1] = True
        opens[1:] |= np.diff(user[order]) != 0
        opens[1:] |= np.diff(at_ns[order]) > nanoseconds(PAUSE)
        conversation, opening = np.empty_like(user), np.empty(len(user), np.bool_)
        conversation[order] = np.cumsum(opens) - 1
        opening[order] = opens
        return conversation, opening


def unit_names(kind: Unit, route: int, units: Ints) -> list[str]:
    """Name units as telemetry does.

    Args:
        kind: What they are.
        route: Place of their route in the world.
        units: Their numbers, as `Callers.unit` gives them.
    """
    numbers = np.ascontiguousarray(units, "<i8")
    if kind is Unit.CALL:
        return [octets.hex() for octets in numbers.view("V8").tolist()]
    before = ("user-" if kind is Unit.USER else "conv-") + route.to_bytes(2, "little").hex()
    return [before + octets[:4].hex() for octets in numbers.view("V8").tolist()]


def slots(salt: int, unit: Ints) -> NDArray[np.int16]:
    """Hash units into one of 200 slots."""
    return (mixed(salt, unit) % np.uint64(SLOTS)).astype(np.int16)


def arms_by_slot(random: np.random.Generator, shares: Sequence[float]) -> NDArray[np.int16]:
    """Deal the slots to the arms, `(200,)`.

    Args:
        random: Seeded stream of its own.
        shares: Share of each arm: whole slots that sum to all of them.
    """
    owner = np.repeat(np.arange(len(shares)), [round(share * SLOTS) for share in shares])
    return random.permutation(owner).astype(np.int16)
