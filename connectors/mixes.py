"""What shares documents come to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from optimizer.documents import SLOTS, Allotment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optimizer.documents import Document
    from optimizer.ports import Write

_MOST_WORDS = 1500  # of a reason
_ROUNDING = 0.005  # integer weights of gateways; far below the least step


def mix_of(running: Sequence[Document | None]) -> dict[str, float]:
    """Give the share of each arm where calls come to replicas alike, by id."""
    mix: dict[str, float] = {}
    told = [document for document in running if document]
    for document in told:
        for allotment in document.allotments:
            share = allotment.slots / SLOTS / len(told)
            mix[allotment.arm] = mix.get(allotment.arm, 0.0) + share
    return mix


def reverted(document: Document) -> Document:
    """Give a document as it acts once its incumbent serves all."""
    return replace(document, allotments=(Allotment(arm=document.incumbent, slots=SLOTS),))


def dealt_by(weights: Mapping[str, int], document: Document, reason: str) -> Document:
    """Give a document as it acts where somebody else deals calls by weights, and says so.

    Args:
        weights: The weight of each arm, by id.
        document: What acts where no weight is above 0.
        reason: What somebody else did.
    """
    allotments = nearest(weights) or document.allotments
    return replace(document, allotments=allotments, reason=reason[:_MOST_WORDS])


def nearest(weights: Mapping[str, int]) -> tuple[Allotment, ...]:
    """Deal 200 slots by weights, by largest remainders; an arm above 0 keeps one at least.

    Returns:
        Allotments in the order of the weights; empty where no weight is above 0.
    """
    above = {arm: weight for arm, weight in weights.items() if weight > 0}
    if not above:
        return ()
    total = sum(above.values())
    slots = {arm: max(1, weight * SLOTS // total) for arm, weight in above.items()}
    by_rest = sorted(above, key=lambda arm: -(above[arm] * SLOTS % total))
    for arm in by_rest[: max(0, SLOTS - sum(slots.values()))]:
        slots[arm] += 1
    while (over := sum(slots.values()) - SLOTS) > 0:  # those that were lifted to one
        largest = max(slots, key=lambda arm: slots[arm])
        slots[largest] -= over
    return tuple(Allotment(arm=arm, slots=many) for arm, many in slots.items())


def overshoot(before: Document | None, plan: Sequence[Write], document: Document) -> str:
    """Say which write of a plan gives an arm more traffic than it had and will have; `""` for none.

    The incumbent may always have more: it is what all else is measured against.

    Args:
        before: The document in force; None where there is none.
        plan: The writes.
        document: What they lead to.
    """
    had, will_have = mix_of([before]), mix_of([document])
    for write in plan:
        for arm, share in write.mix.items():
            most = max(had.get(arm, 0.0), will_have.get(arm, 0.0))
            if arm != document.incumbent and share > most + _ROUNDING:
                return (
                    f"after the write to {write.what} {arm} has {share:.1%} of the traffic, more "
                    f"than the {most:.1%} it had or shall have"
                )
    return ""
