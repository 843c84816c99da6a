"""From proposals to decisions: at most one recommendation of a route waits at a time."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from optimizer.decide.autonomy import limit_of, reaches
from optimizer.decide.docket import (
    Docket,
    cancel_pending,
    changes_so_far,
    enter,
    is_refused,
    is_waiting,
    may_propose,
)
from optimizer.decide.drafting import changes_between, draft, validated
from optimizer.settings import Autonomy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimizer.decide.case import Case, Proposal, Strategy
    from optimizer.decisions import OptimizationDecision
    from optimizer.models import Arm


def consider(
    docket: Docket, case: Case, strategies: Iterable[Strategy]
) -> tuple[Docket, tuple[OptimizationDecision, ...]]:
    """Let strategies propose, and make the most important proposal that may be made a decision."""
    proposals = [one for strategy in strategies for one in strategy.propose(case)]
    for proposal in sorted(proposals, key=lambda one: one.priority):
        if may_propose(docket, proposal, case):
            docket, said = _decide(docket, case, proposal)
            if said:
                return docket, said
    return docket, ()


def _decide(
    docket: Docket, case: Case, proposal: Proposal
) -> tuple[Docket, tuple[OptimizationDecision, ...]]:
    options = tuple(
        one
        for one in proposal.options
        if one.arm.id not in case.resting
        and _may_propose_arm(case, one.arm)
        and not is_refused(docket, one.arm.id, case)
    )
    if not options:
        return docket, ()
    decision = draft(case, replace(proposal, options=options), changes_so_far(docket))
    if is_waiting(docket, decision):
        return docket, ()
    statuses = validated(decision)
    superseded = None
    if len(statuses) == 1:
        reason = f"superseded by {decision.id} ({decision.rule})"
        docket, superseded = cancel_pending(docket, case.at, reason)
    docket = enter(docket, statuses[-1], proposal.priority)
    return docket, (*((superseded,) if superseded else ()), *statuses)


def _may_propose_arm(case: Case, arm: Arm) -> bool:
    """Tell whether more than watching is allowed for what an arm would change."""
    changes = changes_between(case.incumbent_arm, arm)
    limit = limit_of((change.parameter for change in changes), case.settings)
    return reaches(limit.level, Autonomy.RECOMMEND)
