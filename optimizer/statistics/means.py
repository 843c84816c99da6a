"""What the mean of so many judgements proves."""

from __future__ import annotations

import math


def bounded_mean_limits(mean: float, sd: float, n: int, deviate: float) -> tuple[float, float]:
    """Give limits of the true mean of values in [0, 1].

    A normal interval around the mean after two more values, one 0 and one 1, were added: so a few
    equal values never pass for certainty.

    Source: the added values, Agresti and Caffo, The American Statistician 54, 2000.

    Args:
        mean: Mean of the values.
        sd: Their standard deviation.
        n: How many there are, at least 1.
        deviate: Standard normal deviate of the interval, such as 1.96 for 95 % of both sides.

    Returns:
        Lower and upper limit, within [0, 1].
    """
    more = n + 2
    centre = (n * mean + 1) / more
    square = (max(n - 1, 0) * sd * sd + n * mean * mean + 1) / more
    half = deviate * math.sqrt(max(square - centre * centre, 0.0) / more)
    return max(centre - half, 0.0), min(centre + half, 1.0)
