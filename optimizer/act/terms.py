"""Terms: what a candidate is judged by, fixed when its rollout or its holdback starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.act.profiles import PROFILES, Profile
from optimizer.documents import SLOTS, Unit
from optimizer.statistics.sketch import bucket_of, log2_fixed

if TYPE_CHECKING:
    from optimizer.settings import Settings

MEANS = ("latency", "ttft", "cost", "tokens", "quality")
RATIOS = MEANS[:4]
LATENCIES = MEANS[:2]
SHARES = ("errors", "slow")
METRICS = (*MEANS, *SHARES)
SIGNALS = frozenset({"tokens"})  # told, and never a reason to undo

HISTORY_CALLS = 400.0  # that the incumbent's own rates before the rollout count for
WANDER_MINUTES = 20.0  # in which what a provider's latency does by itself is forgotten
SHARE_OF_SLOW = 0.05  # most calls beyond a latency limit, and those above the incumbent's p95
_LEAST_ERROR_LIMIT = 0.05
_LEAST_LATENCY_LIMIT_MS = 3000.0
_TIMES_INCUMBENT = 3.0
_FOLLOWING_SECS = 15.0  # in which gateways follow a document that is out
_TICK_SECS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Incumbent:
    """What is known of the arm in force before a rollout, from its last hours.

    Attributes:
        latency_p95_ms: Its 95th percentile of latency.
        latency_p99_ms: Its 99th.
        error_rate: Its share of failed calls.
        is_streamed: Its calls tell their time to first token.
        is_priced: What its calls cost is known.
        is_scored: Its calls are scored.
    """

    latency_p95_ms: float
    latency_p99_ms: float
    error_rate: float
    is_streamed: bool = False
    is_priced: bool = True
    is_scored: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """What one metric asks.

    Attributes:
        metric: One of `METRICS`.
        margin: Most by which the route may get worse: a ratio less one, a share or a score.
        tolerated: What the decision itself said it would bring, a ratio less one; the margin is
            counted from there on.
        is_required: Nothing passes until this metric is shown to keep its margin.
        is_judged: Its harm undoes the candidate; otherwise it is only told.
    """

    metric: str
    margin: float
    tolerated: float = 0.0
    is_required: bool = True
    is_judged: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a candidate is judged by.

    Attributes:
        arms: Ids of the candidate and of the incumbent.
        alpha: Chance, at most, of a wrong FAIL, and of a wrong PASS.
        gates: One for each metric that counts, in the order of `METRICS`.
        ladder: Slots of the candidate at each step; the last leaves only the holdback.
        unit: What an assignment sticks to.
        history_error_rate: Incumbent's share of failed calls before the start.
        slow_bucket: A successful call in a sketch bucket above this one is slow; it holds the
            incumbent's p95.
        first_look_secs: Incumbent's p99 latency: before that only quick calls have ended.
        grace_secs: Time in which gateways may still follow the older document.
        wander_sd: Standard deviation of what the candidate's log latency does by itself; 0 when
            both arms have one provider.
        max_error_share: Failed calls, as a share, at which an arm is bad by itself; 1 for none.
        limit_bucket: At most `SHARE_OF_SLOW` of an arm's calls may be in sketch buckets above
            this one; None for no limit.
        is_holdback: The candidate serves all but the holdback: harm is measured from the margin.
    """

    arms: tuple[str, str]
    alpha: float
    gates: tuple[Gate, ...]
    ladder: tuple[int, ...]
    unit: Unit
    history_error_rate: float
    slow_bucket: int
    first_look_secs: float
    grace_secs: float
    wander_sd: float = 0.0
    max_error_share: float = _LEAST_ERROR_LIMIT
    limit_bucket: int | None = None
    is_holdback: bool = False

    def gate(self, metric: str) -> Gate | None:
        """Give what a metric asks; None when it does not count."""
        return next((gate for gate in self.gates if gate.metric == metric), None)


def terms_of(
    settings: Settings,
    arms: tuple[str, str],
    incumbent: Incumbent,
    *,
    changes_answers: bool,
    other_provider: bool,
    tolerated: Mapping[str, float] | None = None,
    is_holdback: bool = False,
) -> Terms:
    """Fix what a candidate is judged by.

    Args:
        settings: `decisions.risk_profile` and `rollout` count.
        arms: Ids of the candidate and of the incumbent.
        incumbent: What is known of the arm in force.
        changes_answers: Model, prompt or parameters change, so quality has to be shown.
        other_provider: Another provider serves the candidate, whose latency wanders by itself.
        tolerated: By metric, what the decision said it would bring, a ratio less one; only what is
            above 0 counts, and only of `RATIOS`.
        is_holdback: The candidate serves all but the holdback.
    """
    profile, rollout = PROFILES[settings.decisions.risk_profile], settings.rollout
    last = SLOTS - max(round(rollout.holdback_pct / 100 * SLOTS), 1)
    needs_quality = changes_answers and rollout.require_quality
    return Terms(
        arms=arms,
        alpha=profile.alpha,
        gates=_gates(profile, incumbent, tolerated or {}, needs_quality=needs_quality),
        ladder=(*(slots for slots in profile.ladder if slots < last), last),
        unit=rollout.unit,
        history_error_rate=incumbent.error_rate,
        slow_bucket=_bucket(incumbent.latency_p95_ms),
        first_look_secs=incumbent.latency_p99_ms / 1e3,
        grace_secs=_grace_secs(settings, incumbent),
        wander_sd=rollout.provider_noise_sd if other_provider else 0.0,
        max_error_share=_error_limit(rollout.max_error_rate_pct, incumbent),
        limit_bucket=_limit_bucket(rollout.max_latency_ms, incumbent),
        is_holdback=is_holdback,
    )


def _gates(
    profile: Profile,
    incumbent: Incumbent,
    tolerated: Mapping[str, float],
    *,
    needs_quality: bool,
) -> tuple[Gate, ...]:
    margins = {**dict.fromkeys(RATIOS, profile.ratio), "quality": profile.quality}
    margins |= {"errors": profile.errors, "slow": profile.slow}
    told = dict.fromkeys(METRICS, True)
    told |= {"ttft": incumbent.is_streamed, "cost": incumbent.is_priced}
    told |= {"quality": needs_quality or incumbent.is_scored}
    return tuple(
        Gate(
            metric=metric,
            margin=margins[metric],
            tolerated=max(tolerated.get(metric, 0.0), 0.0) if metric in RATIOS else 0.0,
            is_required=needs_quality if metric == "quality" else metric not in SIGNALS,
            is_judged=metric not in SIGNALS,
        )
        for metric in METRICS
        if told[metric]
    )


def _grace_secs(settings: Settings, incumbent: Incumbent) -> float:
    """Give the time, of events, in which calls may rightly follow the older document.

    A document that is decided at an instant is out when the watermark has passed it. Calls that
    began before gateways followed it have ended by twice the incumbent's p99, but for very few.
    """
    out_secs = settings.stream.allowed_disorder_secs + _TICK_SECS
    return out_secs + _FOLLOWING_SECS + 2 * incumbent.latency_p99_ms / 1e3


def _error_limit(given_pct: float | None, incumbent: Incumbent) -> float:
    """Give the limit of failed calls; what the incumbent already breaks limits nobody."""
    if given_pct is None:
        return min(max(_LEAST_ERROR_LIMIT, _TIMES_INCUMBENT * incumbent.error_rate), 1.0)
    limit = given_pct / 100
    return limit if incumbent.error_rate <= limit else 1.0


def _limit_bucket(given_ms: float | None, incumbent: Incumbent) -> int | None:
    """Give the bucket of the limit of latency; what the incumbent breaks limits nobody."""
    p95_ms = incumbent.latency_p95_ms
    if given_ms is None:
        return _bucket(max(_LEAST_LATENCY_LIMIT_MS, _TIMES_INCUMBENT * p95_ms))
    return _bucket(given_ms) if p95_ms <= given_ms else None


def _bucket(latency_ms: float) -> int:
    nanoseconds = np.array([max(latency_ms * 1e6, 1.0)]).astype(np.int64)
    return int(bucket_of(log2_fixed(nanoseconds))[0])
