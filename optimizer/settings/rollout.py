"""The sections that say how changes are carried out."""

from __future__ import annotations

from dataclasses import dataclass, field

from optimizer.documents import Unit
from optimizer.settings.kinds import Choice, Number, Switch
from optimizer.settings.knobs import knob
from optimizer.settings.policy import Autonomy

DAY_SECS = 86_400
LEVEL = Choice(Autonomy)


@dataclass(frozen=True, slots=True, kw_only=True)
class AutonomySettings:
    """What `autonomy` is for changes of one kind; a change of several takes the least."""

    model: Autonomy | None = field(
        default=None, metadata=knob("Changes of the model", LEVEL, null=True)
    )
    prompt: Autonomy | None = field(
        default=None,
        metadata=knob("Changes of the prompt or its version", LEVEL, null=True),
    )
    parameters: Autonomy | None = field(
        default=None,
        metadata=knob("Changes of temperature and the like", LEVEL, null=True),
    )
    cache: Autonomy | None = field(
        default=None,
        metadata=knob("Switching the cache on or off", LEVEL, null=True),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RolloutSettings:
    """How a change is brought to traffic; ladder and margins follow decisions.risk_profile."""

    unit: Unit = field(
        default=Unit.CONVERSATION,
        metadata=knob("What an assignment sticks to", Choice(Unit)),
    )
    least_step_secs: int | None = field(
        default=None,
        metadata=knob(
            "Least time of each step; null for the risk profile's",
            Number(least=60, most=7 * DAY_SECS, whole=True),
            unit="s",
            null=True,
        ),
    )
    max_step_secs: int = field(
        default=DAY_SECS,
        metadata=knob(
            "Time after which a step that proves nothing is undone",
            Number(least=600, most=30 * DAY_SECS, whole=True),
            unit="s",
        ),
    )
    holdback_pct: float = field(
        default=5.0,
        metadata=knob(
            "Traffic that stays with the old arm while the change is watched",
            Number(least=0.5, most=50),
            unit="%",
        ),
    )
    cooling_secs: int = field(
        default=3600,
        metadata=knob(
            "How long the holdback is kept after the last step",
            Number(least=60, most=30 * DAY_SECS, whole=True),
            unit="s",
        ),
    )
    retry_secs: int = field(
        default=DAY_SECS,
        metadata=knob(
            "How long an arm that was undone is not tried again",
            Number(least=0, most=365 * DAY_SECS, whole=True),
            unit="s",
        ),
    )
    require_quality: bool = field(
        default=True,
        metadata=knob(
            "Whether changes of model, prompt or parameters must be shown to keep quality",
            Switch(),
        ),
    )
    provider_noise_sd: float = field(
        default=0.08,
        metadata=knob(
            "How much the log latency of another provider wanders by itself",
            Number(least=0, most=2),
        ),
    )
    max_error_rate_pct: float | None = field(
        default=None,
        metadata=knob(
            "Failed calls at which a candidate is undone at once; null for the larger of 5 % and "
            "three times the incumbent's",
            Number(above=0, below=100),
            unit="%",
            null=True,
        ),
    )
    max_latency_ms: float | None = field(
        default=None,
        metadata=knob(
            "A candidate with more than 5 % of calls slower is undone at once; null for the larger "
            "of 3000 ms and three times the incumbent's p95",
            Number(above=0),
            unit="ms",
            null=True,
        ),
    )
