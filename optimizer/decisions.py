"""What should change and why: a decision, and the one table of the statuses it may take."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from optimizer.errors import IllegalTransition
from optimizer.findings import NAMESPACE


class OptimizationStrategy(StrEnum):
    """What proposed a decision (the contract's values)."""

    AB_TESTING = "a_b_testing"
    REINFORCEMENT_FEEDBACK = "reinforcement_feedback"
    COST_PERFORMANCE_SCORING = "cost_performance_scoring"
    ADAPTIVE_PARAMETER_TUNING = "adaptive_parameter_tuning"
    THRESHOLD_BASED = "threshold_based"
    HYBRID = "hybrid"


class ChangeType(StrEnum):
    """What happens to a parameter (the contract's values)."""

    REPLACE = "replace"
    ADD = "add"
    REMOVE = "remove"
    UPDATE = "update"


class DecisionStatus(StrEnum):
    """Where a decision stands (the contract's ten)."""

    PENDING = "pending"
    VALIDATING = "validating"
    VALIDATION_FAILED = "validation_failed"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    DEPLOYMENT_FAILED = "deployment_failed"
    MONITORING = "monitoring"
    ROLLED_BACK = "rolled_back"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


_S = DecisionStatus
TRANSITIONS: Mapping[DecisionStatus, frozenset[DecisionStatus]] = {
    _S.PENDING: frozenset({_S.VALIDATING, _S.CANCELLED}),
    _S.VALIDATING: frozenset({_S.DEPLOYING, _S.VALIDATION_FAILED, _S.CANCELLED}),
    _S.DEPLOYING: frozenset({_S.DEPLOYED, _S.DEPLOYMENT_FAILED, _S.ROLLED_BACK, _S.CANCELLED}),
    _S.DEPLOYED: frozenset({_S.MONITORING, _S.ROLLED_BACK}),
    _S.MONITORING: frozenset({_S.COMPLETED, _S.ROLLED_BACK}),
    _S.DEPLOYMENT_FAILED: frozenset({_S.ROLLED_BACK}),
    _S.VALIDATION_FAILED: frozenset(),
    _S.ROLLED_BACK: frozenset(),
    _S.COMPLETED: frozenset(),
    _S.CANCELLED: frozenset(),
}
TERMINAL = frozenset(status for status, following in TRANSITIONS.items() if not following)


class ConstraintLevel(StrEnum):
    """When a constraint is checked, in this order."""

    SAFETY = "safety"
    BUDGET = "budget"
    OPERATIONAL = "operational"
    SOFT = "soft"


@dataclass(frozen=True, slots=True, kw_only=True)
class Constraint:
    """A condition on a decision, and whether it holds.

    Attributes:
        constraint_type: Its name, such as `min_quality`.
        value: What it demands, as JSON.
        hard: A decision that breaks it is not carried out.
        level: When it is checked.
        satisfied: Whether it holds; None when what it asks for is not known.
        detail: The number compared, in plain words.
    """

    constraint_type: str
    value: Any
    hard: bool = True
    level: ConstraintLevel = ConstraintLevel.SAFETY
    satisfied: bool | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationChange:
    """One parameter that changes.

    Attributes:
        parameter: Such as `model` or `temperature`.
        old_value: What it is; None when it is not set or not known.
        new_value: What it becomes; None when it is removed.
        change_type: What happens to it.
    """

    parameter: str
    old_value: Any = None
    new_value: Any = None
    change_type: ChangeType = ChangeType.UPDATE


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedImpact:
    """What a change should bring; None where nothing is known. Intervals hold 95 %.

    Attributes:
        cost_reduction_pct: Cheaper by, percent; positive is good.
        quality_delta_pct: Better by, percent of the present score; positive is good.
        latency_delta_pct: Slower by, percent of the present p95; negative is good.
        confidence: How sure, in [0, 1] (the contract's default).
        quality_interval_pct: Where the quality delta lies.
        latency_interval_pct: Where the latency delta lies.
    """

    cost_reduction_pct: float | None = None
    quality_delta_pct: float | None = None
    latency_delta_pct: float | None = None
    confidence: float = 0.8
    quality_interval_pct: tuple[float, float] | None = None
    latency_interval_pct: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActualImpact:
    """What a change brought, as measured; signs as in `ExpectedImpact`.

    Attributes:
        cost_reduction_pct: Cheaper by.
        quality_delta_pct: Better by.
        latency_delta_pct: Slower by.
        requests_affected: Calls it was measured on.
        measured_from: First instant measured.
        measured_until: First instant after.
    """

    cost_reduction_pct: float | None = None
    quality_delta_pct: float | None = None
    latency_delta_pct: float | None = None
    requests_affected: int
    measured_from: datetime
    measured_until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another arm that was weighed.

    Attributes:
        arm: Its id.
        reason: Why it was not chosen.
    """

    arm: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizationDecision:
    """A change of a route's configuration, from the proposal to its proof.

    Attributes:
        id: UUIDv5 of route, tick and rule.
        created_at: The tick at which it was made.
        strategy: What proposed it.
        target_services: The services it concerns.
        route: The route it concerns, `tenant/service/route`.
        rule: The rule whose finding led to it.
        incumbent: Arm in force.
        candidate: Arm to put in its place.
        changes: What differs between the two.
        rationale: Why, in plain words.
        evidence: Ids of the findings it rests on.
        alternatives: What else was weighed.
        expected_impact: What it should bring.
        constraints: What was checked, in the order checked.
        status: Where it stands.
        reason: Why it stands there.
        updated_at: Since when.
        deployed_at: When it was in force everywhere.
        rolled_back_at: When it was undone.
        actual_impact: What it brought.
        metadata: Free text pairs.
    """

    id: str
    created_at: datetime
    strategy: OptimizationStrategy
    target_services: tuple[str, ...]
    route: str
    rule: str
    incumbent: str
    candidate: str
    changes: tuple[ConfigurationChange, ...]
    rationale: str
    evidence: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    expected_impact: ExpectedImpact
    constraints: tuple[Constraint, ...] = ()
    status: DecisionStatus = DecisionStatus.PENDING
    reason: str = ""
    updated_at: datetime
    deployed_at: datetime | None = None
    rolled_back_at: datetime | None = None
    actual_impact: ActualImpact | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)


def decision_id(route: str, at: datetime, rule: str) -> str:
    """Derive a decision's id from its route, its tick (aware UTC) and its rule."""
    return str(uuid.uuid5(NAMESPACE, "\n".join((route, at.isoformat(), rule))))


def transition(
    decision: OptimizationDecision, status: DecisionStatus, at: datetime, reason: str
) -> OptimizationDecision:
    """Give the decision in its next status.

    Args:
        decision: The decision as it stands.
        status: What it becomes.
        at: When, aware UTC; kept as `deployed_at` or `rolled_back_at` where it is that.
        reason: Why.

    Raises:
        IllegalTransition: The table of statuses does not allow it.
    """
    if status not in TRANSITIONS[decision.status]:
        allowed = ", ".join(sorted(TRANSITIONS[decision.status])) or "nothing: it has ended"
        raise IllegalTransition(
            f"decision {decision.id} is {decision.status}, which cannot become {status}: {allowed}"
        )
    moved = replace(decision, status=status, updated_at=at, reason=reason)
    match status:
        case DecisionStatus.DEPLOYED:
            return replace(moved, deployed_at=at)
        case DecisionStatus.ROLLED_BACK:
            return replace(moved, rolled_back_at=at)
        case _:
            return moved


def complete(
    decision: OptimizationDecision, impact: ActualImpact, at: datetime, reason: str
) -> OptimizationDecision:
    """Give the decision as completed, with what it brought.

    Raises:
        IllegalTransition: It is not being monitored.
    """
    return replace(transition(decision, DecisionStatus.COMPLETED, at, reason), actual_impact=impact)
