"""What lately served a route: a record of each arm, from its newest long window."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from optimizer.models import ModelPerformanceProfile
from optimizer.orient.tracking import MINUTES
from optimizer.statistics.rounding import rounded, rounded_if_known
from optimizer.windows import RECORDED_CALLS, WindowKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from optimizer.windows import WindowSummary

GONE_MINUTES = 60  # an arm without a call for so long is not served any more
FORGET_MINUTES = 24 * 60  # and after so long nothing of it is kept
MOST_ARMS = 64


class Record(NamedTuple):
    """One arm's newest window of an hour, or of less while it has none. A tuple, as it is stored.

    Attributes:
        seen: End of the newest five minutes with a call of it, minutes since the epoch.
        end: End of the window, minutes since the epoch.
        minutes: Its length.
        calls: As in `WindowSummary`, and so all that follow.
        errors: Failed calls.
        latency_mean_ms: Mean latency.
        latency_p50_ms: Median latency.
        latency_p95_ms: 95th percentile.
        latency_p99_ms: 99th percentile.
        latency_log_sd: Of log latency, over calls.
        priced: Calls whose cost is known.
        cost_usd: What those cost together.
        tokens_in: Input tokens.
        tokens_out: Output tokens.
        tokens_cached: Input tokens from a cache.
        scores: Scores given.
        score_mean: Their mean.
        score_sd: Their standard deviation.
        calls_estimated: How many calls there were, as `WindowSummary` estimates it.
        biased: Calls of tail-sampled sources; with any, no latency and no cost is told.
        ttft_calls: Calls that told their time to first token.
    """

    seen: int
    end: int
    minutes: int
    calls: int
    errors: int
    latency_mean_ms: float | None
    latency_p50_ms: float | None
    latency_p95_ms: float | None
    latency_p99_ms: float | None
    latency_log_sd: float
    priced: int
    cost_usd: float
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    scores: int
    score_mean: float | None
    score_sd: float
    calls_estimated: float = 0.0
    biased: int = 0
    ttft_calls: int = 0

    @property
    def calls_a_minute(self) -> float:
        """How many calls there were a minute, sampled ones counted for those they stand for."""
        return (self.calls_estimated or self.calls) / self.minutes


def record(
    records: dict[str, Record],
    windows: Mapping[WindowKind, Mapping[str, WindowSummary]],
    minute: int,
) -> dict[str, Record]:
    """Keep the records up to date; the same mapping when nothing is new.

    Every five minutes is often enough, but what few calls told, or none scored, need not wait.

    Args:
        records: By arm.
        windows: What closed, by kind and arm.
        minute: When, minutes since the epoch.
    """
    sliding = windows.get(WindowKind.SLIDING, {})
    if minute % MINUTES[WindowKind.SLIDING] and not any(
        _tells_more(summary, records.get(arm)) for arm, summary in sliding.items()
    ):
        return records
    kept = {arm: one for arm, one in records.items() if minute - one.seen < FORGET_MINUTES}
    for kind in (WindowKind.SLIDING, WindowKind.QUARTER, WindowKind.HOUR):
        for arm, summary in windows.get(kind, {}).items():
            known = kept.get(arm)
            # Scores may come when calls no longer do: they are no sign of being served.
            if not summary.calls or (known is None and len(kept) >= MOST_ARMS):
                continue
            stale = known is None or minute - known.end >= known.minutes
            if known is None or stale or MINUTES[kind] >= known.minutes:
                kept[arm] = _record(summary, minute)
            else:
                kept[arm] = known._replace(seen=minute)
    return kept


def _tells_more(summary: WindowSummary, known: Record | None) -> bool:
    """Tell whether a window is worth a record at once."""
    if known is None:
        return True
    is_young = known.minutes <= MINUTES[WindowKind.SLIDING]
    return is_young and (known.calls < RECORDED_CALLS or 0 == known.scores < summary.scores)


def is_gone(record: Record | None, minute: int) -> bool:
    """Tell whether an arm had no call for an hour."""
    return record is None or minute - record.seen > GONE_MINUTES


def profile(arm: str, record: Record, updated: datetime) -> ModelPerformanceProfile:
    """Give an arm's record in the contract's form.

    Args:
        arm: The arm's id.
        record: Its record.
        updated: The end of the record's window, aware UTC.
    """
    tokens = (record.tokens_in + record.tokens_out) / record.calls * record.priced
    return ModelPerformanceProfile(
        model_id=arm,
        avg_latency_ms=rounded_if_known(record.latency_mean_ms),
        p50_latency_ms=rounded_if_known(record.latency_p50_ms),
        p95_latency_ms=rounded_if_known(record.latency_p95_ms),
        p99_latency_ms=rounded_if_known(record.latency_p99_ms),
        cost_per_1k_tokens=rounded(1000 * record.cost_usd / tokens) if tokens else None,
        quality_score=rounded_if_known(record.score_mean),
        error_rate=rounded(record.errors / record.calls),
        throughput_qps=rounded(record.calls_a_minute / 60),
        calls=record.calls,
        last_updated=updated,
    )


def busiest(records: Iterable[tuple[str, Record]]) -> str:
    """Give the named arm with most calls a minute lately; `""` when there is none."""
    rates = [(one.calls_a_minute, arm) for arm, one in records if arm]
    return max(rates, default=(0.0, ""))[1]


def _record(summary: WindowSummary, minute: int) -> Record:
    fair = not summary.biased
    exact = fair and not summary.metered
    return Record(
        seen=minute,
        end=minute,
        minutes=MINUTES[summary.kind],
        calls=summary.calls,
        errors=summary.errors,
        latency_mean_ms=summary.latency_mean_ms if fair else None,
        latency_p50_ms=summary.latency_p50_ms if exact else None,
        latency_p95_ms=summary.latency_p95_ms if exact else None,
        latency_p99_ms=summary.latency_p99_ms if exact else None,
        latency_log_sd=summary.latency_log_sd,
        priced=summary.priced if fair else 0,
        cost_usd=summary.cost_usd if fair else 0.0,
        tokens_in=summary.tokens_in,
        tokens_out=summary.tokens_out,
        tokens_cached=summary.tokens_cached,
        scores=summary.scores,
        score_mean=summary.score_mean,
        score_sd=summary.score_sd,
        calls_estimated=summary.calls_estimated,
        biased=summary.biased,
        ttft_calls=summary.ttft_calls,
    )
