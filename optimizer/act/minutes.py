"""Minute and Instant: what n rollouts' calls did, as arrays with the rollouts in front.

Arms are always (candidate, control) on the last axis that has two places. Everything that judges
takes these, so the product (n = 1) and a benchmark over thousands of seeds run the same code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.act.terms import MEANS, SHARES
from optimizer.documents import SLOTS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# What slots are summed of: an error is a value like another, of every call.
SLOT_KINDS = ("errors", "latency", "cost", "quality")
# Whose likeness within a slot each metric borrows. Time to first token varies between units for the
# reasons latency does (their prompts, their region), and less: the length of answers, which units
# differ in most, is not in it. A share above a threshold is a dichotomy of latency, which always
# lowers the correlation within units. Tokens are what cost is worked out from, at one arm's prices.
KIND_OF_MEAN = np.array([1, 1, 2, 2, 3])  # in the order of MEANS
KIND_OF_SHARE = np.array([0, 1])  # in the order of SHARES


class Minute(NamedTuple):
    """A whole minute of calls of one revision.

    Attributes:
        known: (n, means, 2) calls that told the metric.
        total: (n, means, 2) sum of natural logs; of scores in [0, 1] for quality.
        square: (n, means, 2) sum of their squares.
        trials: (n, shares, 2) calls that could be bad.
        hits: (n, shares, 2) that were.
        slot_calls: (n, slots, kinds) calls of each slot, whatever arm they name.
        slot_total: (n, slots, kinds) sum of their values.
    """

    known: Floats
    total: Floats
    square: Floats
    trials: Floats
    hits: Floats
    slot_calls: Floats
    slot_total: Floats


class Instant(NamedTuple):
    """Ten seconds of calls: what is looked at without waiting for the minute.

    Attributes:
        calls: (n, 2) of any revision of the rollout.
        failed: (n, 2) of those.
        timed: (n, 2) successful calls whose latency is known.
        beyond: (n, 2) of those above the limit of latency.
        seen: (n,) all calls since the time of grace of the step is over.
        strays: (n,) of those, calls whose slot and arm disagree.
        stamped: (n, 2) calls of the step's revision.
        slotted: (n,) of those, calls with a slot.
    """

    calls: Floats
    failed: Floats
    timed: Floats
    beyond: Floats
    seen: Floats
    strays: Floats
    stamped: Floats
    slotted: Floats


def empty_minute(n: int) -> Minute:
    """Give a minute without calls."""
    means = (n, len(MEANS), 2)
    shares = (n, len(SHARES), 2)
    slots = (n, SLOTS, len(SLOT_KINDS))
    return Minute(*map(np.zeros, (means, means, means, shares, shares, slots, slots)))


def empty_instant(n: int) -> Instant:
    """Give ten seconds without calls."""
    pair, one = (n, 2), (n,)
    return Instant(*map(np.zeros, (pair, pair, pair, pair, one, one, pair, one)))
