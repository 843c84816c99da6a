"""What documents a rollout asks for: its steps, the end of it, and what is put back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from optimizer.documents import SLOTS, Allotment, Document, Unit

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from optimizer.models import Arm


MOST_REASON = 1000  # characters: what is put back must not wait for words, such as a gateway's


def at_rest(
    route: str, arm: Arm, revision: int, at: datetime, *, unit: Unit, reason: str
) -> Document:
    """Let one arm serve all.

    Args:
        route: `tenant/service/route`.
        arm: Which.
        revision: The document's.
        at: When it is made, aware UTC.
        unit: What assignments will stick to; slots are stamped already.
        reason: Why.
    """
    return Document(
        route=route,
        revision=revision,
        arms=(arm,),
        allotments=(Allotment(arm=arm.id, slots=SLOTS),),
        incumbent=arm.id,
        salt=route,
        unit=unit,
        created_at=at,
        reason=reason,
    )


def shared(
    rest: Document,
    candidate: Arm,
    slots: int,
    revision: int,
    at: datetime,
    *,
    decision_id: str,
    patience_ms: int = 0,
) -> Document:
    """Let a candidate serve some slots, the first ones, and the arm at rest all others.

    The salt is the decision's, so that each decision tries its arm on other units; growing keeps
    the slots that the candidate has.

    Args:
        rest: The document at rest that the rollout began from.
        candidate: What is tried.
        slots: How many of the 200.
        revision: The document's.
        at: When it is made, aware UTC.
        decision_id: What is carried out.
        patience_ms: After which a call that has not ended hangs; 0 where that is not known.
    """
    incumbent = arm_in(rest, rest.incumbent)
    return replace(
        rest,
        revision=revision,
        arms=(candidate, incumbent),
        allotments=(
            Allotment(arm=candidate.id, slots=slots),
            Allotment(arm=incumbent.id, slots=SLOTS - slots),
        ),
        salt=decision_id,
        decision_id=decision_id,
        leased=True,
        patience_ms=patience_ms,
        created_at=at,
        reason=f"{candidate.id} serves {slots / SLOTS:.1%}".replace(".0%", "%"),
    )


def put_back(
    known_good: Sequence[Document], gone: Collection[str], revision: int, at: datetime, why: str
) -> Document:
    """Put back the newest document at rest whose arm's model is still served.

    Where none is, the newest is put back all the same: somebody has to be asked.

    Args:
        known_good: Documents that were in force at rest, oldest first, at least one.
        gone: Arms whose models are not served any more.
        revision: The document's.
        at: When it is made, aware UTC.
        why: Why.
    """
    served = [one for one in known_good if one.incumbent not in gone]
    stored = (served or known_good)[-1]
    return replace(stored, revision=revision, leased=False, created_at=at, reason=why[:MOST_REASON])


def arm_in(document: Document, arm: str) -> Arm:
    """Give one of a document's arms by its id."""
    return next(one for one in document.arms if one.id == arm)
