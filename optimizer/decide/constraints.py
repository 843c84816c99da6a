"""What no change may break, checked in order: safety, budget, operations, then preference.

What a constraint asks for and nobody knows (the quality of an arm never judged here) neither holds
nor breaks: it is written down as unknown, for whoever answers the recommendation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from optimizer.decide.case import RECORDED_SCORES
from optimizer.decisions import Constraint, ConstraintLevel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from optimizer.decide.case import Case
    from optimizer.models import Arm
    from optimizer.settings import ConstraintSettings

HOURS_A_DAY = 24


class Changes(NamedTuple):
    """Changes of the route so far.

    Attributes:
        last: When the newest was; None before the first.
        lately: How many in the last 24 hours.
    """

    last: datetime | None
    lately: int


def check(case: Case, arm: Arm, changes: Changes) -> tuple[Constraint, ...]:
    """Check what putting an arm in force would break, in order; nothing after a hard failure.

    Args:
        case: The route.
        arm: The arm to be put in force.
        changes: What was changed lately.
    """
    checked: list[Constraint] = []
    for constraint in _all(case, arm, changes):
        checked.append(constraint)
        if constraint.hard and constraint.satisfied is False:
            break
    return tuple(checked)


def broken(constraints: tuple[Constraint, ...]) -> Constraint | None:
    """Give the hard constraint that is broken; None when there is none."""
    return next((one for one in constraints if one.hard and one.satisfied is False), None)


def needs_approval(constraints: tuple[Constraint, ...]) -> bool:
    """Tell whether the effect is so large that a person must approve."""
    return any(
        one.constraint_type == "approval_above_daily_usd" and one.satisfied is False
        for one in constraints
    )


def _all(case: Case, arm: Arm, changes: Changes) -> Iterator[Constraint]:
    limits = case.settings.constraints
    yield from _safety(case, arm, limits)
    yield from _budget(case, arm, limits)
    yield from _operations(case, arm, changes, limits)
    yield from _preference(case, arm, limits)


def _safety(case: Case, arm: Arm, limits: ConstraintSettings) -> Iterator[Constraint]:
    served = case.recorded(arm.id)
    errors = served.profile.error_rate if served else None
    quality = served.profile.quality_score if served and served.scores >= RECORDED_SCORES else None
    most, slowest = limits.max_error_rate_pct, limits.max_latency_p95_ms
    errors_pct = None if errors is None else 100 * errors
    yield _at_most("max_error_rate_pct", most, errors_pct, "% of calls fail")
    yield _at_most("max_latency_p95_ms", slowest, case.p95_ms(arm), "ms p95 latency")
    yield Constraint(
        constraint_type="min_quality",
        value=limits.min_quality,
        satisfied=None if quality is None else quality >= limits.min_quality,
        detail=_told(quality, "mean score"),
    )


def _budget(case: Case, arm: Arm, limits: ConstraintSettings) -> Iterator[Constraint]:
    """Check spend at the present rate of calls; what costs less than now breaks no budget."""
    cost, now = case.listed_cost_usd(arm), case.current_cost_usd()
    cheaper = cost is not None and now is not None and cost < now
    hourly = None if cost is None else cost * _calls_per_hour(case)
    daily = None if hourly is None else hourly * HOURS_A_DAY
    level = ConstraintLevel.BUDGET
    for name, limit, value, unit in (
        ("daily_budget", limits.daily_budget, daily, "USD a day"),
        ("hourly_budget", limits.hourly_budget, hourly, "USD an hour"),
        ("cost_per_request", limits.cost_per_request, cost, "USD a call"),
    ):
        yield _at_most(name, limit, value, unit, level=level, excused=cheaper)


def _operations(
    case: Case, arm: Arm, changes: Changes, limits: ConstraintSettings
) -> Iterator[Constraint]:
    level = ConstraintLevel.OPERATIONAL
    yield Constraint(
        constraint_type="max_changes_per_day",
        value=limits.max_changes_per_day,
        level=level,
        satisfied=changes.lately < limits.max_changes_per_day,
        detail=f"{changes.lately} changes in the last 24 hours",
    )
    minutes = None if changes.last is None else (case.at - changes.last).total_seconds() / 60
    yield Constraint(
        constraint_type="min_minutes_between_changes",
        value=limits.min_minutes_between_changes,
        level=level,
        satisfied=minutes is None or minutes >= limits.min_minutes_between_changes,
        detail="no change before" if minutes is None else f"{minutes:.0f} min since the last",
    )
    cost, now = case.listed_cost_usd(arm), case.current_cost_usd()
    effect = None
    if cost is not None and now is not None:
        effect = abs(cost - now) * _calls_per_hour(case) * HOURS_A_DAY
    most = limits.approval_above_daily_usd
    yield _at_most("approval_above_daily_usd", most, effect, "USD a day", level=level, hard=False)


def _preference(case: Case, arm: Arm, limits: ConstraintSettings) -> Iterator[Constraint]:
    wishes = [*limits.preferred_models, *limits.preferred_providers]
    if wishes:
        preferred = case.prefers(arm)
        yield Constraint(
            constraint_type="preferred",
            value=wishes,
            hard=False,
            level=ConstraintLevel.SOFT,
            satisfied=preferred,
            detail=arm.config.model,
        )


def _at_most(
    name: str,
    limit: float,
    value: float | None,
    unit: str,
    *,
    level: ConstraintLevel = ConstraintLevel.SAFETY,
    hard: bool = True,
    excused: bool = False,
) -> Constraint:
    within = None if value is None else value <= limit or excused
    excuse = (
        ", above the limit yet below what runs now" if value and value > limit and within else ""
    )
    return Constraint(
        constraint_type=name,
        value=limit,
        hard=hard,
        level=level,
        satisfied=within,
        detail=_told(value, unit) + excuse,
    )


def _told(value: float | None, unit: str) -> str:
    return f"{unit}: not known" if value is None else f"{value:.4g} {unit}"


def _calls_per_hour(case: Case) -> float:
    served = case.served.get(case.incumbent)
    return served.calls_per_hour if served else 0.0
