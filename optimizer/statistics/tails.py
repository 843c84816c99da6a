"""How unlikely a deviate or a count is."""

from __future__ import annotations

import math

_SQRT_HALF = math.sqrt(0.5)
MOST_SURE = 0.999999  # of a confidence: beyond six nines no model of traffic is to be believed


def normal_tail(deviate: float) -> float:
    """Give the chance that a standard normal deviate exceeds this one."""
    return 0.5 * math.erfc(deviate * _SQRT_HALF)


def confidence(chance_of_error: float) -> float:
    """Give how sure a conclusion is, in [0, 1): one less the chance that it is wrong, capped."""
    return min(max(1.0 - chance_of_error, 0.0), MOST_SURE)


def log_chance_of_silence(expected: float, spread: float) -> float:
    """Give the log of the chance that a count is zero.

    The count is negative binomial: Poisson with a rate that itself varies.

    Source: Hilbe, "Negative Binomial Regression", 2011, eq. 8.7 at zero.

    Args:
        expected: Its mean, above 0.
        spread: Squared coefficient of variation of its rate, above 0; the inverse of its shape.
    """
    return -math.log1p(expected * spread) / spread


def chance_of_at_least(count: int, expected: float, spread: float) -> float:
    """Give the chance that a negative binomial count reaches a value.

    Source: as a regularised incomplete beta function, Johnson, Kemp and Kotz, "Univariate
    Discrete Distributions", 2005, eq. 5.31.

    Args:
        count: The value, at least 1.
        expected: Mean of the count, above 0.
        spread: Squared coefficient of variation of its rate, above 0.
    """
    from scipy.special import betainc  # noqa: PLC0415 - heavy, and most minutes never need it

    return float(betainc(count, 1 / spread, expected * spread / (1 + expected * spread)))
