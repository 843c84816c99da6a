"""How sure a ratio of two measured figures is."""

from __future__ import annotations

import math

TWO_SIDED_95 = 1.959963985
_P95 = 1.644853627  # standard normal deviate of the 95th percentile
_DENSITY = math.exp(-_P95 * _P95 / 2) / math.sqrt(2 * math.pi)
SKETCH_ERROR = 0.011  # relative; a quantile read from buckets is off by as much


def p95_log_error(log_sd: float, n: int) -> float:
    """Give the standard error of the log of a 95th percentile read from a sketch.

    Source: asymptotic variance p (1 - p) / (n f^2) of a sample quantile, van der Vaart,
    "Asymptotic Statistics", 1998, section 21.2, with the density of a lognormal.

    Args:
        log_sd: Standard deviation of the log values.
        n: How many values, at least 1.
    """
    sampling = log_sd / _DENSITY * math.sqrt(0.95 * 0.05 / n)
    return math.hypot(sampling, SKETCH_ERROR)


def change_interval_pct(ratio: float, *log_errors: float) -> tuple[float, float]:
    """Give the 95 % interval of a change in percent, from a ratio and the errors of its two logs.

    Args:
        ratio: New figure over old, above 0.
        log_errors: Standard errors of the logs of both, independent.
    """
    half = TWO_SIDED_95 * math.hypot(*log_errors)
    return 100 * (ratio * math.exp(-half) - 1), 100 * (ratio * math.exp(half) - 1)
