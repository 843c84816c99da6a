"""Latency and errors: too slow, slower than usual, failing too often."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from optimizer.findings import Severity
from optimizer.orient.baselines import Sample, Scale
from optimizer.orient.signs import Sign, Truth
from optimizer.orient.tracking import MINUTES, Tracked
from optimizer.orient.wording import evidence, figure, magnitude, percent, span
from optimizer.statistics.proportions import lower_bound, surely_exceeds
from optimizer.statistics.tails import confidence, normal_tail
from optimizer.windows import WindowKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.orient.baselines import Departure
    from optimizer.orient.signs import Memory, Scene
    from optimizer.windows import WindowSummary

RISK = 1e-4  # of a wrong bound, at a look
SLOW_SHARE = 0.05  # a 95th percentile is above the limit when more calls than these are
LEAST_CALLS = 20
HOLD_MINUTES = 5
# Rise over the usual level and deviate from which it is so bad; a warning needs the rise that the
# route's thresholds ask for.
RISES = ((1.0, 5.0, Severity.CRITICAL), (0.5, 5.0, Severity.ERROR))
WARNING_Z = 4.0


def log_latency(summary: WindowSummary) -> Sample | None:
    """Give the log latencies of a window's successful calls."""
    if summary.latency_log is None or summary.biased or summary.metered:
        return None
    return Sample(summary.calls - summary.errors, summary.latency_log, summary.latency_log_sd)


LATENCY = Tracked(
    rule="latency_increase",
    scale=Scale(wander_sd=0.15, least_wander_sd=0.05, call_sd=0.6),
    read=log_latency,
    teacher=WindowKind.SLIDING,
    kinds=(WindowKind.SLIDING, WindowKind.QUARTER, WindowKind.HOUR),
    least=LEAST_CALLS,
)


class Performance:
    """Finds `latency_threshold`, `error_rate` and `latency_increase`, each per arm."""

    name = "performance"

    def step(self, memory: Memory, scene: Scene) -> tuple[Memory, tuple[Sign, ...]]:
        """Compare what closed with limits and with what is usual, then learn from it."""
        signs = (*_limits(scene), *_increases(memory, scene))
        baselines = LATENCY.learn(memory.baselines, scene)
        if baselines is memory.baselines:
            return memory, signs
        return replace(memory, baselines=baselines), signs


def _limits(scene: Scene) -> Iterator[Sign]:
    error_limit = scene.thresholds.error_rate_pct / 100
    for kind in (WindowKind.MINUTE, WindowKind.SLIDING):
        for arm, summary in _fair(scene, kind):
            failing = surely_exceeds(summary.errors, summary.calls, error_limit, RISK)
            # One quiet minute ends nothing: only the longer window may say that it is over.
            judged = kind is WindowKind.SLIDING and ("error_rate", arm) in scene.open
            if failing or (judged and summary.calls):
                yield _error_rate(summary, error_limit, failing=failing)
    for arm, summary in _fair(scene, WindowKind.SLIDING):
        if summary.metered:
            continue
        good = summary.calls - summary.errors
        slow = surely_exceeds(summary.latency_slow, good, SLOW_SHARE, RISK)
        if good and (slow or ("latency_threshold", arm) in scene.open):
            yield _latency_threshold(summary, scene.thresholds.latency_p95_ms, slow=slow)


def _fair(scene: Scene, kind: WindowKind) -> Iterator[tuple[str, WindowSummary]]:
    """Give the windows whose calls were not chosen for how they went."""
    for arm, summary in scene.windows.get(kind, {}).items():
        if not summary.biased:
            yield arm, summary


def _error_rate(summary: WindowSummary, limit: float, *, failing: bool) -> Sign:
    share = summary.errors / summary.calls
    bound = lower_bound(summary.errors, summary.calls, RISK)
    return Sign(
        rule="error_rate",
        arm=summary.arm,
        truth=_truth(on=failing, off=share <= limit),
        severity=Severity.CRITICAL,
        magnitude=magnitude(share, limit, "share"),
        confidence=confidence(RISK),
        evidence=evidence(summary, "error_rate", share, limit, summary.calls),
        hold_minutes=HOLD_MINUTES,
        title=f"{percent(share)} of calls fail",
        detail=(
            f"{summary.errors} of {summary.calls} calls failed {span(summary)}: {percent(share)},"
            f" surely above {percent(bound)}; the limit is {percent(limit)}."
        ),
    )


def _latency_threshold(summary: WindowSummary, limit_ms: float, *, slow: bool) -> Sign:
    good = summary.calls - summary.errors
    share = summary.latency_slow / good
    p95 = summary.latency_p95_ms or 0.0
    return Sign(
        rule="latency_threshold",
        arm=summary.arm,
        truth=_truth(on=slow, off=share <= SLOW_SHARE),
        severity=Severity.CRITICAL,
        magnitude=magnitude(p95, limit_ms, "ms"),
        confidence=confidence(RISK),
        evidence=evidence(summary, "slow_share", share, SLOW_SHARE, good),
        hold_minutes=HOLD_MINUTES,
        title=f"p95 latency is {figure(p95)} ms, the limit is {figure(limit_ms)} ms",
        detail=(
            f"{summary.latency_slow} of {good} calls took more than {figure(limit_ms)} ms"
            f" {span(summary)}: {percent(share)}, surely above"
            f" {percent(lower_bound(summary.latency_slow, good, RISK))};"
            f" at most {percent(SLOW_SHARE)} may."
        ),
    )


def _increases(memory: Memory, scene: Scene) -> Iterator[Sign]:
    least = math.log1p(scene.thresholds.latency_increase_pct / 100)
    for summary, sample, found in LATENCY.departures(memory.baselines, scene):
        on = found.difference >= least and found.z >= WARNING_Z
        if on or (LATENCY.rule, summary.arm) in scene.open:
            off = found.difference < least / 2
            yield _latency_increase(summary, sample, found, _truth(on=on, off=off))


def _latency_increase(
    summary: WindowSummary, sample: Sample, found: Departure, truth: Truth
) -> Sign:
    usual_ms, now_ms = math.exp(found.usual), math.exp(sample.mean)
    rise = now_ms / usual_ms - 1
    word = "above" if rise >= 0 else "below"
    return Sign(
        rule=LATENCY.rule,
        arm=summary.arm,
        truth=truth,
        severity=_severity(rise, found.z),
        magnitude=magnitude(now_ms, usual_ms, "ms"),
        confidence=confidence(normal_tail(found.z)),
        evidence=evidence(summary, "latency_geometric_mean_ms", now_ms, usual_ms, sample.n),
        hold_minutes=max(HOLD_MINUTES, MINUTES[summary.kind]),
        title=f"Latency is {percent(abs(rise))} {word} its usual level",
        detail=(
            f"{sample.n} calls {span(summary)} took {figure(now_ms)} ms (geometric mean),"
            f" {percent(abs(rise))} {word} the usual {figure(usual_ms)} ms at this hour:"
            f" {figure(abs(found.z))} standard deviations {word} it."
        ),
    )


def _severity(rise: float, z: float) -> Severity:
    for least, deviate, severity in RISES:
        if rise >= least and z >= deviate:
            return severity
    return Severity.WARNING


def _truth(*, on: bool, off: bool) -> Truth:
    if on:
        return Truth.ON
    return Truth.OFF if off else Truth.UNSURE
