"""Calls added up as the gates take them: by ten seconds, and by the minute."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.act.minutes import Instant, Minute
from optimizer.act.terms import MEANS, Terms
from optimizer.documents import SLOTS
from tests.benchmarks.gates.outcomes import CANDIDATE, Served

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tests.benchmarks.gates.post import Scores

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

_BUCKET = math.log(2) / 32
_NS_PER_MS = math.log(1e6)
_NOTHING = (np.zeros(0, np.int64), np.zeros(0))


class Limits(NamedTuple):
    """Above which log latency, milliseconds, a call counts.

    Attributes:
        slow: As slow.
        beyond: As beyond the hard limit.
    """

    slow: float
    beyond: float

    @staticmethod
    def of(terms: Terms) -> Limits:
        """Give those of the buckets that the terms name: each ends at its limit."""
        beyond = math.inf if terms.limit_bucket is None else terms.limit_bucket
        return Limits(terms.slow_bucket * _BUCKET - _NS_PER_MS, beyond * _BUCKET - _NS_PER_MS)


def instant_of(served: Served, slots: Ints, limits: Limits) -> tuple[Instant, Floats]:
    """Add ten seconds of n rollouts up.

    Args:
        served: The calls.
        slots: (n,) the candidate's slots.
        limits: What counts as beyond the limit.

    Returns:
        What is looked at without waiting for the minute, and (n, slots) calls that follow the
        newest document, by slot.
    """
    n, place = len(slots), served.row * 2 + served.arm
    good, new = ~served.failed, ~served.stale
    calls, failed = summed(place, None, n, 2), summed(place, served.failed, n, 2)
    strays = served.stale | ((served.slot < slots[served.row]) != (served.arm == CANDIDATE))
    stamped = summed(place, new, n, 2)
    instant = Instant(
        calls=calls,
        failed=failed,
        timed=calls - failed,
        beyond=summed(place, good & (served.latency > limits.beyond), n, 2),
        seen=calls.sum(1),
        strays=summed(served.row, strays, n),
        stamped=stamped,
        slotted=stamped.sum(1),
    )
    return instant, summed(served.row * SLOTS + served.slot, new, n, SLOTS)


def minute_of(calls: Served, scores: Scores, n: int, limits: Limits) -> Minute:
    """Add a minute of n rollouts up.

    Args:
        calls: Its calls that follow the newest document.
        scores: The scores that came in it.
        n: How many rollouts.
        limits: What counts as slow.
    """
    good, place = ~calls.failed, calls.row * 2 + calls.arm
    told = {
        "latency": (place[good], calls.latency[good]),
        "cost": (place[good], calls.cost[good]),
        "quality": (scores.row * 2 + scores.arm, scores.value),
    }
    if len(calls.ttft):
        told["ttft"] = (place[good], calls.ttft[good])
    moments = np.zeros((3, n, len(MEANS), 2))
    for at, name in enumerate(MEANS):
        where, value = told.get(name, _NOTHING)
        for power in range(3):
            moments[power, :, at] = summed(where, value**power, n, 2)
    trials, failed = summed(place, None, n, 2), summed(place, calls.failed, n, 2)
    slow = summed(place, good & (calls.latency > limits.slow), n, 2)
    return Minute(
        *moments,
        np.stack((trials, trials - failed), axis=1),
        np.stack((failed, slow), axis=1),
        *_by_slot(calls, scores, n),
    )


def _by_slot(calls: Served, scores: Scores, n: int) -> tuple[Floats, Floats]:
    """Give calls and values by slot, in the order of `SLOT_KINDS`."""
    place, good = calls.row * SLOTS + calls.slot, ~calls.failed
    kinds: Sequence[tuple[Ints, Floats | Flags]] = (
        (place, calls.failed),
        (place[good], calls.latency[good]),
        (place[good], calls.cost[good]),
        ((scores.row * SLOTS + scores.slot)[scores.new], scores.value[scores.new]),
    )
    counts = [summed(where, None, n, SLOTS) for where, _ in kinds]
    totals = [summed(where, value, n, SLOTS) for where, value in kinds]
    return np.stack(counts, -1), np.stack(totals, -1)


def summed(place: Ints, weights: Floats | Flags | None, *shape: int) -> Floats:
    """Add up what falls into each place of an array of a shape."""
    return np.bincount(place, weights, math.prod(shape)).astype(np.float64).reshape(shape)
