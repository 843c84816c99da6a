"""Windows of one arm under several revisions, taken together."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimizer.windows import WindowKind, WindowSummary


def pooled(summaries: Iterable[WindowSummary]) -> dict[WindowKind, dict[str, WindowSummary]]:
    """Give one window of each kind and arm, arms in order of their ids."""
    windows: dict[WindowKind, dict[str, WindowSummary]] = {}
    for summary in sorted(summaries, key=lambda one: (one.arm, one.revision)):
        arms = windows.setdefault(summary.kind, {})
        known = arms.get(summary.arm)
        arms[summary.arm] = summary if known is None else _both(known, summary)
    return windows


def _both(one: WindowSummary, other: WindowSummary) -> WindowSummary:
    """Take two windows as one.

    Counts, sums, means and deviations are exact. Quantiles cannot be had from two summaries: those
    of the window with more calls stand for both.
    """
    most = max(one, other, key=lambda window: (window.calls, window.revision))
    good = (one.calls - one.errors, other.calls - other.errors)
    logs = (one.latency_log, other.latency_log)
    timed = (good[0] * (logs[0] is not None), good[1] * (logs[1] is not None))
    latency = _moments(timed, logs, one, other, "latency_log_sd")
    cost = _moments(
        (one.billed, other.billed), (one.cost_log, other.cost_log), one, other, "cost_log_sd"
    )
    score = _moments(
        (one.scores, other.scores), (one.score_mean, other.score_mean), one, other, "score_sd"
    )
    mean_ms = _mean(good, (one.latency_mean_ms, other.latency_mean_ms))
    sums = {
        name: getattr(one, name) + getattr(other, name)
        for name in (
            "calls",
            "errors",
            "latency_slow",
            "ttft_calls",
            "priced",
            "billed",
            "cost_usd",
            "calls_estimated",
            "spend_usd",
            "biased",
            "metered",
            "metered_shadowed",
            "tokens_in",
            "tokens_out",
            "tokens_cached",
            "scores",
        )
    }
    return replace(
        most,
        **sums,
        estimated=one.estimated or other.estimated,
        latency_mean_ms=mean_ms,
        latency_log=latency[0],
        latency_log_sd=latency[1],
        cost_log=cost[0],
        cost_log_sd=cost[1],
        score_mean=score[0],
        score_sd=score[1],
    )


def _mean(counts: tuple[int, int], means: tuple[float | None, float | None]) -> float | None:
    total = sum(counts)
    if not total:
        return None
    return sum(n * (mean or 0.0) for n, mean in zip(counts, means, strict=True)) / total


def _moments(
    counts: tuple[int, int],
    means: tuple[float | None, float | None],
    one: WindowSummary,
    other: WindowSummary,
    deviation: str,
) -> tuple[float | None, float]:
    """Pool two means and standard deviations.

    Source: Chan, Golub and LeVeque, "Algorithms for computing the sample variance", 1983, eq. 1.5.
    """
    mean = _mean(counts, means)
    if mean is None or sum(counts) == 1:
        return mean, 0.0
    square = sum(
        max(n - 1, 0) * getattr(window, deviation) ** 2 + n * ((each or 0.0) - mean) ** 2
        for n, each, window in zip(counts, means, (one, other), strict=True)
        if n
    )
    return mean, math.sqrt(square / (sum(counts) - 1))
