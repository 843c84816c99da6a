"""What a change should bring: only what is recorded, declared or listed, nothing invented."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from optimizer.decide.case import RECORDED_SCORES, Served
from optimizer.decisions import ExpectedImpact
from optimizer.statistics.ratios import TWO_SIDED_95, change_interval_pct, p95_log_error
from optimizer.statistics.rounding import rounded, rounded_if_known

if TYPE_CHECKING:
    from optimizer.decide.case import Case
    from optimizer.models import Arm

RECORDED_CONFIDENCE = 0.8  # the contract's default
DECLARED_CONFIDENCE = 0.5  # where the candidate has not been seen on this route


def impact(case: Case, arm: Arm) -> ExpectedImpact:
    """Say what an arm should bring in place of the incumbent."""
    now, then = case.served.get(case.incumbent), case.recorded(arm.id)
    quality = _quality(now, then)
    latency = _latency(case, arm)
    interval = _latency_interval(latency, now, then) if latency else None
    return ExpectedImpact(
        cost_reduction_pct=rounded_if_known(_cost_reduction_pct(case, arm)),
        quality_delta_pct=quality and quality[0],
        latency_delta_pct=latency and rounded(100 * (latency - 1)),
        confidence=RECORDED_CONFIDENCE if then else DECLARED_CONFIDENCE,
        quality_interval_pct=quality and quality[1:],
        latency_interval_pct=interval,
    )


def _cost_reduction_pct(case: Case, arm: Arm) -> float | None:
    now, then = case.current_cost_usd(), case.listed_cost_usd(arm)
    return None if not now or then is None else 100 * (1 - then / now)


def _latency(case: Case, arm: Arm) -> float | None:
    """Give the p95 to come over the p95 now."""
    now, then = case.current_p95_ms(), case.p95_ms(arm)
    return None if not now or then is None else then / now


def _latency_interval(
    ratio: float, now: Served | None, then: Served | None
) -> tuple[float, float] | None:
    if now is None or then is None or then.profile.p95_latency_ms is None:
        return None
    calls = now.current_calls if now.current_p95_ms else now.profile.calls
    low, high = change_interval_pct(
        ratio,
        p95_log_error(now.latency_log_sd, max(calls, 1)),
        p95_log_error(then.latency_log_sd, then.profile.calls),
    )
    return rounded(low), rounded(high)


def _quality(now: Served | None, then: Served | None) -> tuple[float, float, float] | None:
    """Give the change of the mean score in percent, and its 95 % interval, if both were scored.

    Source: the error of a ratio by the delta method, Casella and Berger, "Statistical Inference",
    2002, example 5.5.27.
    """
    if now is None or then is None or min(now.scores, then.scores) < RECORDED_SCORES:
        return None
    before, after = now.profile.quality_score, then.profile.quality_score
    if not before or after is None:
        return None
    ratio = after / before
    of_then, of_now = (one.score_sd / one.scores**0.5 / before for one in (then, now))
    half = TWO_SIDED_95 * math.hypot(of_then, ratio * of_now)
    change, least, most = (
        rounded(100 * (each - 1)) for each in (ratio, ratio - half, ratio + half)
    )
    return change, least, most
