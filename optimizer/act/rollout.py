"""Rollout: one candidate on its way to a route's traffic, and what it may do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from optimizer.act.impacts import Effects
from optimizer.act.terms import Terms
from optimizer.decisions import (
    OptimizationDecision,
)
from optimizer.documents import SLOTS, Document
from optimizer.models import Arm
from optimizer.rollouts import Phase, RolloutProgress, Verdict, VerdictKind

if TYPE_CHECKING:
    from collections.abc import Collection


WAITING = Verdict(kind=VerdictKind.NEED_DATA, reason="too_early")
NO_EFFECTS = Effects()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """One candidate on its way to a route's traffic; plain values, so that it can be stored.

    Attributes:
        decision: What is carried out, in its present status.
        candidate: What is tried.
        known_good: Documents at rest before it, oldest first; the last one is the incumbent's.
        document: What is in force for it.
        terms: What the candidate is judged by.
        least_secs: Least time of each step but the last.
        max_step_secs: Time after which a step that proves nothing is undone.
        cooling_secs: How long the holdback is kept.
        phase: Where it stands.
        step: Its step, 0 the first.
        began_ns: Since when.
        evidence: What its judge knows.
        verdict: What the judge said last.
        calls: Calls of the candidate and of the incumbent in this step.
        effects: What it brings, over all steps.
    """

    decision: OptimizationDecision
    candidate: Arm
    known_good: tuple[Document, ...]
    document: Document
    terms: Terms
    least_secs: tuple[int, ...]
    max_step_secs: int
    cooling_secs: int
    phase: Phase = Phase.ROLLING_OUT
    step: int = 0
    began_ns: int
    evidence: bytes
    verdict: Verdict = WAITING
    calls: tuple[int, int] = (0, 0)
    effects: Effects = NO_EFFECTS

    @property
    def last_step(self) -> int:
        """The step that leaves only the holdback."""
        return len(self.terms.ladder) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """What the rollout may do now.

    Attributes:
        widens: It may go on to its next step; without that it may only be undone.
        revision: What the next document is numbered.
        gone: Arms whose models are not served any more.
        held: An order holds it.
    """

    widens: bool
    revision: int
    gone: Collection[str] = ()
    held: bool = False


def progress(rollout: Rollout, at: datetime, leave: Leave | None = None) -> RolloutProgress:
    """Tell how a rollout stands, and whether an order holds it."""
    document = rollout.document
    return RolloutProgress(
        route=document.route,
        decision_id=rollout.decision.id,
        at=at,
        candidate=rollout.candidate.id,
        incumbent=rollout.known_good[-1].incumbent,
        phase=rollout.phase,
        step=rollout.step,
        share=len(document.slots_of(rollout.candidate.id)) / SLOTS,
        revision=document.revision,
        paused=leave is not None and leave.held,
        verdict=rollout.verdict,
        candidate_calls=rollout.calls[0],
        control_calls=rollout.calls[1],
    )
