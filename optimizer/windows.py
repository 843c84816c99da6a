"""Windows: which there are, and what a closed one says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

RECORDED_CALLS = 50  # so many calls of an arm are enough to compare others with


class WindowKind(StrEnum):
    """Which windows exist."""

    MINUTE = "1m"  # tumbling
    SLIDING = "5m"  # five minutes, every minute
    QUARTER = "15m"  # tumbling
    HOUR = "1h"  # tumbling


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowSummary:
    """A closed window of one route, arm and revision.

    Logs are natural logarithms of milliseconds, micro-dollars and tokens; `_sd` is their standard
    deviation over calls. Quantiles are within 1.1 % of the exact ones. None = no call told it.

    Attributes:
        route: `tenant/service/route`.
        arm: The arm's id.
        revision: The document revision; 0 without stamps.
        kind: Length and kind of the window.
        start: First instant in it.
        end: First instant after it.
        calls: How many calls ended in it.
        errors: How many of them failed.
        latency_mean_ms: Of successful calls, as all latencies here.
        latency_p50_ms: Median.
        latency_p95_ms: 95th percentile.
        latency_p99_ms: 99th percentile.
        latency_slow: Successful calls slower than the route's latency limit.
        latency_log: Mean log latency.
        latency_log_sd: Its standard deviation over calls.
        ttft_calls: Calls that told their time to first token.
        ttft_p95_ms: 95th percentile of it.
        priced: Calls whose cost is known.
        cost_usd: What those cost together.
        billed: Successful calls that cost something.
        cost_log: Mean log cost of those.
        cost_log_sd: Its standard deviation over calls.
        tokens_in: Input tokens.
        tokens_out: Output tokens.
        tokens_cached: Input tokens that came from a cache.
        scores: How many scores were given in it.
        score_mean: Their mean.
        score_sd: Their standard deviation.
        partial: The replay ended before the window did.
        calls_estimated: How many calls there were, sampled ones counted for those they stand for.
        spend_usd: What those cost together, by the same count.
        estimated: Some call stands for more than itself; else both are `calls` and `cost_usd`.
        biased: Calls of tail-sampled sources, chosen for how they went. A window with any tells
            nothing of the share of errors, of latency, or of what a call usually costs.
        metered: Calls known from exported metrics alone. A window with any tells no moments of
            single calls; its quantiles are as fine as the producers' histograms, within a factor
            of two at worst.
        metered_shadowed: Calls in metrics that were not counted, because spans tell of the route.
        latency_unknown: Why quantiles are not told of calls that are there; `""` where they are.
    """

    route: str
    arm: str
    revision: int
    kind: WindowKind
    start: datetime
    end: datetime
    calls: int
    errors: int
    latency_mean_ms: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    latency_slow: int
    latency_log: float | None
    latency_log_sd: float
    ttft_calls: int
    ttft_p95_ms: float | None
    priced: int
    cost_usd: float
    billed: int
    cost_log: float | None
    cost_log_sd: float
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    scores: int
    score_mean: float | None
    score_sd: float
    partial: bool = False
    calls_estimated: float = 0.0
    spend_usd: float = 0.0
    estimated: bool = False
    biased: int = 0
    metered: int = 0
    metered_shadowed: int = 0
    latency_unknown: str = ""
