"""How many independent observations calls are worth, when those of one slot resemble each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def effective_slots(calls: Floats) -> Floats:
    """Give how many slots of equal traffic these are worth.

    Source: Kish, "Survey Sampling", 1965, section 11.7.

    Args:
        calls: (..., slots) calls of each.

    Returns:
        (...), 0 without calls.
    """
    total, squares = calls.sum(-1), (calls * calls).sum(-1)
    slots: Floats = total * total / np.maximum(squares, 1)
    return slots


def calls_per_slot(calls: Floats) -> Floats:
    """Give how many calls share a slot with a call, itself among them; 1 without calls.

    Args:
        calls: (..., slots) calls of each.
    """
    total, squares = calls.sum(-1), (calls * calls).sum(-1)
    per: Floats = squares / np.maximum(total, 1)
    return np.maximum(per, 1.0)


def clustered_over_plain(calls: Floats, residuals: Floats, squares: Floats) -> Floats:
    """Give the variance of a mean by slots over its variance as if calls were independent.

    Source: random groups, Wolter, "Introduction to Variance Estimation", 2007, eq. 2.2.3; the same
    for experiments: Deng, Knoblich and Lu, KDD 2018.

    Args:
        calls: (..., slots) calls of each slot.
        residuals: (..., slots) sum of the calls' deviations from their window's mean.
        squares: (...) sum of the squares of those deviations.

    Returns:
        (...) 1 where fewer than two slots have calls or nothing deviates.
    """
    slots = (calls > 0).sum(-1)
    between = (residuals * residuals).sum(-1) * slots / np.maximum(slots - 1, 1)
    known = (slots > 1) & (squares > 0)
    ratio: Floats = between / np.where(known, squares, 1.0)
    return np.where(known, ratio, 1.0)


def design_effect(clustered: Floats, per_slot: Floats, other_per_slot: Floats) -> Floats:
    """Give by how much fewer independent observations a contrast of two arms holds than calls.

    The likeness of calls of a slot is learnt on the arm with more slots and applied to the other.

    Source: 1 + rho (n - 1), Kish, "Survey Sampling", 1965, section 5.4.

    Args:
        clustered: (...) `clustered_over_plain` of the arm with more slots.
        per_slot: (...) its `calls_per_slot`.
        other_per_slot: (...) that of the other arm.

    Returns:
        (...) the larger of both arms' effects, at least 1.
    """
    shared = per_slot > 1
    likeness = np.where(shared, (clustered - 1) / np.where(shared, per_slot - 1, 1.0), 0.0)
    other = 1 + np.clip(likeness, 0.0, 1.0) * (other_per_slot - 1)
    return np.maximum(np.maximum(clustered, other), 1.0)
