"""Document: the desired state of one route, which gateways follow."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from optimizer.models import Arm

SLOTS = 200  # of half a percent each
MOST_PATIENCE_MS = 86_400_000  # a day


class Unit(StrEnum):
    """What an assignment to an arm sticks to."""

    USER = "user"
    CONVERSATION = "conversation"
    CALL = "call"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allotment:
    """The slots of one arm.

    Attributes:
        arm: The arm's id.
        slots: How many of the 200; at least 1.
    """

    arm: str
    slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a route's traffic should look like. It is the signed body; a lease stands apart.

    Arms own ranges of slots, in the order of their allotments, the first from slot 0 on. During a
    rollout the candidate comes first, so a candidate that grows keeps the slots it had.

    Attributes:
        route: `tenant/service/route`.
        revision: Rising, at least 1; an older one never replaces a newer one.
        arms: The configurations, each once; every allotted arm and the incumbent are among them.
        allotments: Whose the slots are; they sum to 200.
        incumbent: The arm that a gateway returns to when it may not go on with this document.
        salt: What units are hashed with; new for each decision.
        unit: What an assignment sticks to.
        decision_id: The decision it carries out; `""` for none.
        leased: It is a step of a rollout, and holds only as long as its lease is renewed.
        patience_ms: A call that has not ended this long after its start hangs, so a gateway tells
            of each call when it starts; 0 where nobody waits for that.
        created_at: The tick at which it was made, aware UTC.
        reason: Why, for people.
    """

    route: str
    revision: int
    arms: tuple[Arm, ...]
    allotments: tuple[Allotment, ...]
    incumbent: str
    salt: str
    unit: Unit = Unit.CONVERSATION
    decision_id: str = ""
    leased: bool = False
    patience_ms: int = 0
    created_at: datetime
    reason: str = ""

    def arm_of(self, slot: int) -> str:
        """Name the arm that owns a slot."""
        first = 0
        for allotment in self.allotments:
            first += allotment.slots
            if slot < first:
                return allotment.arm
        raise ValueError(f"slot {slot} is not below {SLOTS}")

    def slots_of(self, arm: str) -> range:
        """Give the slots of an arm; empty when it owns none."""
        first = 0
        for allotment in self.allotments:
            if allotment.arm == arm:
                return range(first, first + allotment.slots)
            first += allotment.slots
        return range(0)
