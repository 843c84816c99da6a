"""The sections that bound decisions: autonomy, decisions, constraints."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from optimizer.settings.kinds import Choice, Names, Number
from optimizer.settings.knobs import knob

DAY_SECS = 86_400
DOLLARS = Number(above=0)


class Autonomy(StrEnum):
    """How far the optimizer may go alone."""

    OBSERVE = "observe"
    RECOMMEND = "recommend"
    GUARD = "guard"
    APPROVE = "approve"
    AUTO = "auto"


class RiskProfile(StrEnum):
    """How much better a change must be before it is worth proposing."""

    CONSERVATIVE = "conservative"
    BALANCED = "balanced"
    AGGRESSIVE = "aggressive"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionSettings:
    """When a change is proposed and how long a proposal stands."""

    risk_profile: RiskProfile = field(
        default=RiskProfile.BALANCED,
        metadata=knob(
            "Least improvement worth a change: conservative 15 %, balanced 10 %, aggressive 5 %",
            Choice(RiskProfile),
        ),
    )
    cooldown_secs: int = field(
        default=3600,
        metadata=knob(
            "Rest of a rule of a route after a decision",
            Number(least=0, most=7 * DAY_SECS, whole=True),
            unit="s",
        ),
    )
    pending_ttl_secs: int = field(
        default=DAY_SECS,
        metadata=knob(
            "How long a recommendation waits for an answer",
            Number(least=60, most=30 * DAY_SECS, whole=True),
            unit="s",
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstraintSettings:
    """What no change may break, in the order checked: safety, budget, operations, preference."""

    max_error_rate_pct: float = field(
        default=5.0,
        metadata=knob("Most failed calls a change may bring", Number(least=0, most=100), unit="%"),
    )
    max_latency_p95_ms: float = field(
        default=3000.0,
        metadata=knob("Slowest 95th percentile a change may bring", Number(above=0), unit="ms"),
    )
    min_quality: float = field(
        default=0.75,
        metadata=knob(
            "Lowest mean score a change may bring", Number(least=0, most=1), unit="score"
        ),
    )
    daily_budget: float = field(
        default=1000.0, metadata=knob("Most a route may spend in a day", DOLLARS, unit="USD")
    )
    hourly_budget: float = field(
        default=50.0, metadata=knob("Most a route may spend in an hour", DOLLARS, unit="USD")
    )
    cost_per_request: float = field(
        default=0.50, metadata=knob("Most a call may cost after a change", DOLLARS, unit="USD")
    )
    max_changes_per_day: int = field(
        default=5,
        metadata=knob(
            "Most changes of a route in 24 hours", Number(least=0, most=1000, whole=True)
        ),
    )
    min_minutes_between_changes: int = field(
        default=30,
        metadata=knob(
            "Least time between two changes of a route",
            Number(least=0, most=1440, whole=True),
            unit="min",
        ),
    )
    approval_above_daily_usd: float = field(
        default=100.0,
        metadata=knob("Daily effect from which a person must approve", Number(least=0), unit="USD"),
    )
    preferred_models: tuple[str, ...] = field(
        default=(), metadata=knob("Models preferred among equals", Names())
    )
    preferred_providers: tuple[str, ...] = field(
        default=(), metadata=knob("Providers preferred among equals", Names())
    )
