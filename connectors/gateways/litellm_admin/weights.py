"""Shares as weights of LiteLLM's deployments: which weights to write, and in which order.

LiteLLM draws a deployment by its weight over the sum of all weights of its group. So one arm's
weight stays as it is and the others' are set against it: a step of a rollout moves a single knob.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from optimizer.documents import SLOTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optimizer.documents import Document

BASE = 1000.0  # the weight of the first arm of a route that has none yet
_ROUNDING = 1e-9


class Weight(NamedTuple):
    """A weight to write.

    Attributes:
        arm: Whose.
        weight: At least 0; 0 for an arm that may serve nobody.
    """

    arm: str
    weight: float


def shares(weights: Mapping[str, float]) -> dict[str, float]:
    """Give the share of the calls that each arm has; empty when no arm has any."""
    whole = sum(weights.values())
    return {arm: weight / whole for arm, weight in weights.items() if weight > 0}


def are_same(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Tell whether two mixes are the same but for rounding."""
    names = one.keys() | other.keys()
    return all(abs(one.get(name, 0.0) - other.get(name, 0.0)) <= _ROUNDING for name in names)


def writes(now: Mapping[str, float], document: Document) -> list[Weight]:
    """Give the weights to write, in an order in which no arm gets more than it had or shall have.

    The incumbent may have more on the way. One write is enough where two arms share the calls, or
    where one of them stops. Where three or more move, the incumbent first takes as much as keeps
    all others below what they shall have, and gives it back last. Somebody always serves.

    Args:
        now: The weight of each arm that has a deployment.
        document: What its shares shall be.

    Returns:
        Nothing where the shares are as they shall be.
    """
    then = _wanted(now, document)
    changed = [
        Weight(arm, weight)
        for arm, weight in then.items()
        if not math.isclose(weight, now.get(arm, 0.0), rel_tol=_ROUNDING)
    ]
    lowered = [one for one in changed if one.weight < now.get(one.arm, 0.0)]
    raised = [one for one in changed if one not in lowered]
    raised.sort(key=lambda one: one.arm != document.incumbent)
    straight = [*lowered, *raised]
    return straight if _is_safe(now, straight, document) else _around(now, then, document)


def mixes(now: Mapping[str, float], steps: Sequence[Weight]) -> list[dict[str, float]]:
    """Give the share of each arm after each of some writes."""
    weights, passed = dict(now), []
    for arm, weight in steps:
        weights[arm] = weight
        passed.append(shares(weights))
    return passed


def _wanted(now: Mapping[str, float], document: Document) -> dict[str, float]:
    """Give the weight that each arm shall have; as many as can be stay as they are."""
    slots = {allotment.arm: allotment.slots for allotment in document.allotments}
    fixed = [arm for arm in slots if now.get(arm, 0.0) > 0]
    fixed.sort(key=lambda arm: (arm != document.incumbent, -now[arm], arm))
    per_slot = now[fixed[0]] / slots[fixed[0]] if fixed else BASE / SLOTS
    return {arm: per_slot * slots.get(arm, 0) for arm in (*slots, *(now.keys() - slots.keys()))}


def _is_safe(now: Mapping[str, float], steps: Sequence[Weight], document: Document) -> bool:
    passed = mixes(now, steps)
    had, will_have = shares(now), passed[-1] if passed else {}
    return all(passed) and all(
        share <= max(had.get(arm, 0.0), will_have.get(arm, 0.0)) + _ROUNDING
        for mix in passed
        for arm, share in mix.items()
        if arm != document.incumbent
    )


def _around(
    now: Mapping[str, float], then: Mapping[str, float], document: Document
) -> list[Weight]:
    """Let the incumbent take over while the others move: their shares only come near from below."""
    incumbent = document.incumbent
    most = max(sum(now.values()), sum(then.values()))
    others = [Weight(arm, weight) for arm, weight in then.items() if arm != incumbent]
    moved = [one for one in others if one.weight != now.get(one.arm, 0.0)]
    moved.sort(key=lambda one: (one.weight, one.arm))
    first, last = Weight(incumbent, most), Weight(incumbent, then.get(incumbent, 0.0))
    return [first, *moved, *([last] if last != first else [])]
