"""The decisions of one route: which one waits for an answer, and how soon the next may come."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from optimizer.decide.constraints import Changes
from optimizer.decisions import DecisionStatus, OptimizationDecision, transition

if TYPE_CHECKING:
    from optimizer.decide.case import Case, Proposal
    from optimizer.settings import DecisionSettings

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Docket:
    """What is remembered of a route's decisions.

    Attributes:
        paused: An operator ordered that nothing be decided, and a rollout held where it is.
        pinned: An operator ordered that what is in force stay.
        stopped: An operator ordered that the incumbent serve all, and nothing be decided.
        approved: Id of the pending decision that an operator approved; `""` for none.
        undo: Why an operator wants the newest change undone; `""` for no such wish. It is
            carried out at once, so it does not outlast a tick.
        ordered: When it was ordered that the route be `paused`, `pinned`, `stopped`, by name.
        pending: The recommendation that waits for an answer.
        priority: Its priority.
        rested: When each rule last led to a decision.
        changes: When the recommendations of the last 24 hours were made.
        refused: Arm that an operator last refused.
        refused_at: When.
    """

    paused: bool = False
    pinned: bool = False
    stopped: bool = False
    approved: str = ""
    undo: str = ""
    ordered: dict[str, datetime] = field(default_factory=dict)
    pending: OptimizationDecision | None = None
    priority: int = 0
    rested: dict[str, datetime] = field(default_factory=dict)
    changes: tuple[datetime, ...] = ()
    refused: str = ""
    refused_at: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether something may be decided."""
        return not (self.paused or self.pinned or self.stopped)


def cancel_pending(
    docket: Docket, at: datetime, reason: str
) -> tuple[Docket, OptimizationDecision | None]:
    """Cancel the recommendation that waits; None when there is none."""
    if docket.pending is None:
        return docket, None
    cancelled = transition(docket.pending, DecisionStatus.CANCELLED, at, reason)
    return replace(docket, pending=None, priority=0, approved=""), cancelled


def expire(
    docket: Docket, at: datetime, settings: DecisionSettings
) -> tuple[Docket, OptimizationDecision | None]:
    """Cancel the recommendation that waited too long for an answer; None when there is none."""
    limit = timedelta(seconds=settings.pending_ttl_secs)
    if docket.pending is None or at - docket.pending.created_at < limit:
        return docket, None
    return cancel_pending(docket, at, f"expired: nobody answered for {limit}")


def forget(docket: Docket, at: datetime, settings: DecisionSettings) -> Docket:
    """Drop what no longer matters to any later decision; the same docket when nothing is old."""
    rest = timedelta(seconds=settings.cooldown_secs)
    rested = {rule: then for rule, then in docket.rested.items() if at - then < rest}
    changes = tuple(then for then in docket.changes if at - then < DAY)
    if len(rested) == len(docket.rested) and len(changes) == len(docket.changes):
        return docket
    return replace(docket, rested=rested, changes=changes)


def changes_so_far(docket: Docket) -> Changes:
    """Count the changes that the constraints ask for."""
    return Changes(last=docket.changes[-1] if docket.changes else None, lately=len(docket.changes))


def may_propose(docket: Docket, proposal: Proposal, case: Case) -> bool:
    """Tell whether a proposal's rule has rested, and nothing more important is being answered."""
    if not docket.is_open or proposal.finding.rule in docket.rested:
        return False
    if docket.pending is None or proposal.priority <= docket.priority:
        return True
    standing = {finding.id_on(case.route.route) for finding in case.findings}
    return not standing.intersection(docket.pending.evidence)


def is_refused(docket: Docket, arm: str, case: Case) -> bool:
    """Tell whether an operator refused an arm within the cool-down."""
    rest = timedelta(seconds=case.settings.decisions.cooldown_secs)
    refused_at = docket.refused_at if docket.refused == arm else None
    return refused_at is not None and case.at - refused_at < rest


def is_waiting(docket: Docket, decision: OptimizationDecision) -> bool:
    """Tell whether the very same change waits for an answer already."""
    pending = docket.pending
    return pending is not None and (
        (pending.incumbent, pending.candidate) == (decision.incumbent, decision.candidate)
    )


def enter(docket: Docket, decision: OptimizationDecision, priority: int) -> Docket:
    """Remember a decision just made; its rule rests from now on."""
    docket = replace(docket, rested={**docket.rested, decision.rule: decision.created_at})
    if decision.status is not DecisionStatus.PENDING:
        return docket
    changes = (*docket.changes, decision.created_at)
    return replace(docket, pending=decision, priority=priority, changes=changes)
