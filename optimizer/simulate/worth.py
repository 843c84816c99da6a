"""What calls were worth, whichever arm would have served them: money, time, failures, quality."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.observe.price import Usage
from optimizer.simulate.calls import SERVED

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.observe.price import PriceTable
    from optimizer.simulate.potential import Potential

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]
    Ints = NDArray[np.int64]
    Rows = NDArray[np.intp]

_NUSD = 1e-9
_MS = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    """What every arm would have made of every call of a route, `(arms, n)` each.

    Attributes:
        cost_usd: 0 where the price is not known, and of a call that never ended.
        latency_ms: nan for a call that failed.
        failed: It ended in an error, or never.
        hung: It never ended.
        quality: As if it had been judged; nan for a call that failed, or an arm without scores.
    """

    cost_usd: Floats
    latency_ms: Floats
    failed: Bools
    hung: Bools
    quality: Floats


def worth(drawn: Potential, prices: PriceTable) -> Worth:
    """Tell what each arm would have been worth on each call."""
    hung = np.stack([outcome.hung for outcome in drawn.outcomes])
    failed = np.stack([outcome.failure != SERVED for outcome in drawn.outcomes]) | hung
    latency_ms = np.stack([outcome.latency_ns for outcome in drawn.outcomes]) * _MS
    return Worth(
        cost_usd=np.where(hung, 0.0, np.stack(_costs(drawn, prices))),
        latency_ms=np.where(failed, np.nan, latency_ms),
        failed=failed,
        hung=hung,
        quality=np.where(failed, np.nan, drawn.scores),
    )


def _costs(drawn: Potential, prices: PriceTable) -> list[Floats]:
    begin_ns = drawn.start_ns + drawn.asked.at_ns
    found = []
    for arm, outcome in zip(drawn.route.arms, drawn.outcomes, strict=True):
        usage = Usage(
            end_ns=begin_ns + outcome.latency_ns,
            tokens_in=outcome.tokens_in,
            tokens_out=outcome.tokens_out,
            tokens_cached=outcome.tokens_cached,
            cache_write=np.zeros_like(outcome.tokens_in),
            failed=outcome.failure != SERVED,
        )
        history = prices.find((arm.arm.config.model,), arm.provider).history
        cost = prices.cost(np.full(len(begin_ns), history), usage)
        found.append(np.maximum(cost, 0) * _NUSD)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What some calls came to.

    Attributes:
        calls: How many were made.
        failed: How many ended in an error, or never.
        hung: How many never ended.
        cost_usd: What they cost.
        latency_ms: Geometric mean of those that succeeded; None without any.
        latency_p95_ms: Their 95th percentile.
        quality: Their mean, as if all had been judged; None where nothing is scored.
    """

    calls: int
    failed: int
    hung: int
    cost_usd: float
    latency_ms: float | None
    latency_p95_ms: float | None
    quality: float | None

    @property
    def error_rate(self) -> float:
        """Share of the calls that ended in an error, or never."""
        return self.failed / self.calls if self.calls else 0.0

    @property
    def cost_per_call_usd(self) -> float:
        """Mean cost of a call."""
        return self.cost_usd / self.calls if self.calls else 0.0


def figures(valued: Worth, rows: Rows, arm: NDArray[np.integer]) -> Figures:
    """Sum calls up.

    Args:
        valued: What each arm would have been worth.
        rows: Which calls.
        arm: (len(rows),) who served each.
    """
    latency_ms = valued.latency_ms[arm, rows]
    latency_ms = latency_ms[~np.isnan(latency_ms)]
    quality = valued.quality[arm, rows]
    quality = quality[~np.isnan(quality)]
    return Figures(
        calls=len(rows),
        failed=int(valued.failed[arm, rows].sum()),
        hung=int(valued.hung[arm, rows].sum()),
        cost_usd=float(valued.cost_usd[arm, rows].sum()),
        latency_ms=float(np.exp(np.log(latency_ms).mean())) if len(latency_ms) else None,
        latency_p95_ms=float(np.quantile(latency_ms, 0.95)) if len(latency_ms) else None,
        quality=float(quality.mean()) if len(quality) else None,
    )
