"""What closed windows say: sums and sketches of many arms at once turned into `WindowSummary`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from optimizer.panes import AT, LATENCY, METRIC_SHIFT, TTFT
from optimizer.statistics.sketch import bucket_of, log2_fixed, rank_of, value_of
from optimizer.windows import WindowSummary

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from optimizer.open_windows import Closed

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

_LN2 = np.log(2.0)
MOST_BLURRED_PERCENT = 1  # of latencies; with more, the 99th percentile may be anywhere
_UNIT = 1 << 16  # logs are summed in units of 2^-16
_LN_NS_PER_MS = float(np.log(1e6))
_LN_NUSD_PER_MICRO_USD = float(np.log(1e3))


def summarize(closed: Closed, limit_ms: Callable[[str], float]) -> list[WindowSummary]:
    """Summarize each route, arm and revision of a closed window, sorted by name.

    Args:
        closed: The window.
        limit_ms: Gives a route's latency limit, to count the calls above it.
    """
    tally = closed.tally
    if not tally.names:
        return []
    sketches = _Sketches(*tally.sketches(), len(tally.names))
    limits = [limit_ms(name.route) for name in tally.names]
    fields = _fields({name: tally.sums[:, at] for name, at in AT.items()}, sketches, limits)
    columns = [
        column if isinstance(column, list) else column.tolist() for column in fields.values()
    ]
    start, end = instant(closed.start_ns), instant(closed.end_ns)
    return [
        WindowSummary(
            route=name.route,
            arm=name.arm,
            revision=name.revision,
            kind=closed.kind,
            start=start,
            end=end,
            partial=closed.partial,
            **dict(zip(fields, row, strict=True)),
        )
        for name, row in zip(tally.names, zip(*columns, strict=True), strict=True)
    ]


def _fields(of: dict[str, Ints], sketches: _Sketches, limits_ms: list[float]) -> dict[str, Any]:
    """Work out each field of the summaries, a column of all rows."""
    good = of["calls"] - of["errors"]
    latency = _logs(of, "latency", of["timed"], _LN_NS_PER_MS)
    cost = _logs(of, "cost", of["billed"], _LN_NUSD_PER_MICRO_USD)
    score = _scores(of)
    told = np.where(of["blurred"] * 100 > good * MOST_BLURRED_PERCENT, 0, good)
    quantiles = {
        f"latency_p{share}_ms": _maybe(sketches.quantile(LATENCY, share / 100) / 1e6, told)
        for share in (50, 95, 99)
    }
    plain = (
        "calls",
        "errors",
        "ttft_calls",
        "priced",
        "billed",
        "tokens_in",
        "tokens_out",
        "tokens_cached",
    )
    return {
        **{name: of[name] for name in (*plain, "scores")},
        **quantiles,
        "latency_mean_ms": _maybe(of["latency_ns"] / np.maximum(good, 1) / 1e6, good),
        "latency_slow": sketches.above(LATENCY, limits_ms),
        "latency_log": _maybe(latency.mean, of["timed"]),
        "latency_log_sd": latency.sd,
        "ttft_p95_ms": _maybe(sketches.quantile(TTFT, 0.95) / 1e6, of["ttft_calls"]),
        "cost_usd": of["cost_nusd"] / 1e9,
        "calls_estimated": of["calls_milli"] / 1000,
        "spend_usd": of["spend_nusd"] / 1e9,
        "estimated": of["calls_milli"] != 1000 * of["calls"],
        "biased": of["biased"],
        "metered": of["metered"],
        "metered_shadowed": of["shadowed"],
        "latency_unknown": _unknown(of["blurred"], good - told, good),
        "cost_log": _maybe(cost.mean, of["billed"]),
        "cost_log_sd": cost.sd,
        "score_mean": _maybe(score.mean, of["scores"]),
        "score_sd": score.sd,
    }


def instant(nanoseconds: int) -> datetime:
    """Give an instant as an aware UTC datetime, to the microsecond."""
    return datetime.fromtimestamp(nanoseconds // 10**9, UTC).replace(
        microsecond=nanoseconds % 10**9 // 1000
    )


def _unknown(blurred: Ints, untold: Ints, good: Ints) -> list[str]:
    """Say of each row why its quantiles are not told; `""` where they are, or there are none."""
    return [
        f"{hidden:,} of {calls:,} stand in histogram buckets wider than a factor of two"
        if silent
        else ""
        for hidden, silent, calls in zip(
            blurred.tolist(), untold.tolist(), good.tolist(), strict=True
        )
    ]


class _Moments(NamedTuple):
    mean: Floats
    sd: Floats


def _logs(of: dict[str, Ints], metric: str, count: Ints, shift: float) -> _Moments:
    """Mean and standard deviation of natural logs, from exact sums of log2."""
    n = np.maximum(count, 1)
    mean = of[f"{metric}_log"] / n / _UNIT
    square = of[f"{metric}_log_square"] / n / _UNIT
    variance = np.maximum(square - mean * mean, 0) * n / np.maximum(n - 1, 1)
    return _Moments(mean * _LN2 - shift, np.sqrt(variance) * _LN2)


def _scores(of: dict[str, Ints]) -> _Moments:
    """Mean and standard deviation of scores.

    A score that was corrected in a later window is in that one as what it changed, so a window of
    few scores may add up to less than none or more than all: what no scores can have is cut off.
    """
    n = np.maximum(of["scores"], 1)
    mean = np.clip(of["score"] / n / 1e6, 0, 1)
    variance = np.clip(of["score_square"] / n / 1e12 - mean * mean, 0, mean * (1 - mean))
    return _Moments(mean, np.sqrt(variance * n / np.maximum(n - 1, 1)))


def _maybe(values: Floats, count: Ints) -> list[float | None]:
    """Values where there is something to speak of, None elsewhere."""
    told = (count > 0).tolist()
    return [value if n else None for value, n in zip(values.tolist(), told, strict=True)]


class _Sketches:
    """The sketches of all rows, laid end to end."""

    def __init__(self, codes: Ints, counts: Ints, rows: int) -> None:
        self._codes = codes
        self._counts = counts
        self._row = np.arange(rows, dtype=np.int64) << (METRIC_SHIFT + 2)

    def quantile(self, metric: int, share: float) -> Floats:
        """Quantile of a metric for each row; meaningless where it has no calls."""
        if not len(self._codes):
            return np.zeros(len(self._row))
        start, stop = self._bounds(metric)
        place = rank_of(self._counts, start, stop, share)
        values: Floats = value_of(self._codes[place] & ((1 << METRIC_SHIFT) - 1))
        return values

    def above(self, metric: int, limits_ms: list[float]) -> Ints:
        """How many calls of each row are surely above its limit: in a bucket above the limit's."""
        limits = np.maximum(np.array(limits_ms) * 1e6, 1).astype(np.int64)
        _, stop = self._bounds(metric)
        floor = self._row + (metric << METRIC_SHIFT) + bucket_of(log2_fixed(limits))
        start = np.searchsorted(self._codes, floor, side="right")
        running = np.concatenate((np.zeros(1, np.int64), np.cumsum(self._counts)))
        slow: Ints = np.maximum(running[stop] - running[start], 0)
        return slow

    def _bounds(self, metric: int) -> tuple[Ints, Ints]:
        first = self._row + (metric << METRIC_SHIFT)
        start = np.searchsorted(self._codes, first, side="left")
        return start, np.searchsorted(self._codes, first + (1 << METRIC_SHIFT), side="left")
