"""May a pending decision be started? And by what is its candidate judged then?"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from optimizer.act.advancing import begin
from optimizer.act.desired import arm_in
from optimizer.act.profiles import PROFILES
from optimizer.act.terms import Incumbent, terms_of
from optimizer.decide.autonomy import autonomy_of, reaches
from optimizer.decide.case import provider_of
from optimizer.findings import Finding, remark
from optimizer.settings import Autonomy
from optimizer.windows import RECORDED_CALLS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from optimizer.act.acting import Acting
    from optimizer.act.advancing import Said
    from optimizer.act.rollout import Rollout
    from optimizer.decide.docket import Docket
    from optimizer.decisions import OptimizationDecision
    from optimizer.models import Arm
    from optimizer.orient.records import Record
    from optimizer.settings import RouteSettings, Settings

WAITS = "rollout_waits"  # rule of the finding that tells why what may start does not
UNCHANGED_ANSWERS = {"cache"}  # what else changes may change answers


class Start(NamedTuple):
    """What a start needs.

    Attributes:
        decision: What is pending.
        candidate: The arm it names.
        incumbent: The arm in force.
        record: What that one did lately.
    """

    decision: OptimizationDecision
    candidate: Arm
    incumbent: Arm
    record: Record


class Missing(NamedTuple):
    """What a start lacks.

    Attributes:
        told: What it waits for, in plain words.
        comes: Telemetry brings it as time goes on, so an approval stands until then.
    """

    told: str
    comes: bool = False


def may_start(docket: Docket, settings: Settings) -> bool:
    """Tell whether the pending decision may be started: approved, or nobody has to be asked."""
    decision = docket.pending
    if decision is None or not docket.is_open:
        return False
    level = autonomy_of(decision, settings)
    if docket.approved == decision.id:
        return reaches(level, Autonomy.APPROVE)
    return level is Autonomy.AUTO and "requires_approval" not in decision.metadata


def start_of(
    acting: Acting,
    decision: OptimizationDecision,
    route: RouteSettings,
    records: Mapping[str, Record],
    settings: Settings,
) -> Start | Missing:
    """Give what a start needs, or what it lacks."""
    if acting.document is None:
        return Missing("the route declares no incumbent to go back to (routes[].incumbent)")
    incumbent, arms = acting.document.incumbent, {arm.id: arm for arm in route.arms}
    candidate = arms.get(decision.candidate)
    if decision.incumbent != incumbent:
        return Missing(f"it would change {decision.incumbent}; {incumbent} is in force")
    if candidate is None:
        told = f"candidate {decision.candidate} is not declared any more (routes[].candidates)"
        return Missing(told)
    if candidate.id in acting.gone:
        told = f"a gateway reported the model of {candidate.id} gone: approve it once it is back"
        return Missing(told)
    record = records.get(incumbent)
    unheard = _unheard(decision, record, settings)
    if record is None or unheard:
        return Missing(unheard, comes=True)
    return Start(decision, candidate, arm_in(acting.document, incumbent), record)


def _unheard(decision: OptimizationDecision, record: Record | None, settings: Settings) -> str:
    """Say what telemetry has not told of the arm in force; `""` for nothing."""
    if record is None or record.calls < RECORDED_CALLS or record.latency_p99_ms is None:
        return (
            f"incumbent {decision.incumbent} has not served {RECORDED_CALLS} calls lately "
            "to compare with"
        )
    if _changes_answers(decision) and settings.rollout.require_quality and not record.scores:
        return (
            "answers may change and no call of this route was scored lately, so it cannot be shown "
            "that quality is kept: send scores, or set rollout.require_quality to false"
        )
    return ""


def rollout_of(
    start: Start, acting: Acting, settings: Settings, at_ns: int
) -> tuple[Rollout, list[Said]]:
    """Begin the rollout of a decision."""
    profile, rules = PROFILES[settings.decisions.risk_profile], settings.rollout
    terms = terms_of(
        settings,
        (start.candidate.id, start.incumbent.id),
        _incumbent(start.record),
        changes_answers=_changes_answers(start.decision),
        other_provider=_is_other_provider(start.incumbent, start.candidate),
        tolerated=_tolerated(start.decision),
    )
    least = profile.least_step_secs
    if rules.least_step_secs is not None:
        least = (rules.least_step_secs,) * len(terms.ladder)
    return begin(
        start.decision,
        start.candidate,
        acting.known_good,
        terms,
        least_secs=least,
        max_step_secs=rules.max_step_secs,
        cooling_secs=rules.cooling_secs,
        at_ns=at_ns,
        revision=acting.next_revision,
    )


def _incumbent(record: Record) -> Incumbent:
    return Incumbent(
        latency_p95_ms=record.latency_p95_ms or 0.0,
        latency_p99_ms=record.latency_p99_ms or 0.0,
        error_rate=record.errors / record.calls,
        is_streamed=record.ttft_calls > 0,
        is_priced=record.priced > 0,
        is_scored=record.scores > 0,
    )


def _changes_answers(decision: OptimizationDecision) -> bool:
    return any(change.parameter not in UNCHANGED_ANSWERS for change in decision.changes)


def _is_other_provider(incumbent: Arm, candidate: Arm) -> bool:
    """Tell whether latencies may wander apart; where nobody tells who serves, other models may."""
    mine, theirs = provider_of(incumbent), provider_of(candidate)
    if not mine and not theirs:
        return incumbent.config.model != candidate.config.model
    return mine != theirs


def _tolerated(decision: OptimizationDecision) -> dict[str, float]:
    """Give what the decision itself says it will cost."""
    impact = decision.expected_impact
    return {
        "latency": max(impact.latency_delta_pct or 0.0, 0.0) / 100,
        "cost": max(-(impact.cost_reduction_pct or 0.0), 0.0) / 100,
    }


def waiting(
    decision: OptimizationDecision, missing: Missing, at: datetime, *, approved: bool
) -> Finding:
    """Say what a pending decision waits for before it can be started."""
    after = " The approval stands: it starts as soon as that has changed." if approved else ""
    return remark(
        (decision.route, decision.candidate, WAITS),
        at,
        f"Decision {decision.id} cannot be started yet",
        f"{missing.told[:1].upper()}{missing.told[1:]}.{after}",
    )
