"""How much a mean difference proves, however often one looks: the half-normal mixture e-process."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_LN2 = math.log(2)


def normal_deviate(t: Floats, freedom: Floats) -> Floats:
    """Turn deviates of Student's t into normal ones of about the same tail.

    Source: Wallace, Annals of Mathematical Statistics 30, 1959, eq. 6.3.

    Args:
        t: (...) the deviates.
        freedom: (...) their degrees of freedom, above 0.
    """
    scale = (8 * freedom + 1) / (8 * freedom + 3)
    size: Floats = scale * np.sqrt(freedom * np.log1p(t * t / freedom))
    return np.copysign(size, t)


def log_half_normal_mixture(effect: Floats, variance: Floats, scale: Floats) -> Floats:
    """Give the log e-value against "the effect is at most 0" of a normal estimate.

    The likelihood ratio of an effect over 0, mixed over effects above 0 by a half normal
    distribution. Under the null it exceeds 1 / alpha, at any of all looks together, with chance
    alpha at most.

    Source: Robbins, Annals of Mathematical Statistics 41, 1970; with an estimated variance an
    asymptotic confidence sequence, Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas,
    arXiv 2103.06476, 2021.

    Args:
        effect: (...) the estimate.
        variance: (...) its variance, above 0.
        scale: (...) standard deviation of the mixing normal distribution, above 0.
    """
    from scipy.special import log_ndtr  # noqa: PLC0415 - heavy, and few commands need it

    square = scale * scale
    product = variance * (variance + square)
    shrunk = 0.5 * np.log(variance / (variance + square))
    grown = square * effect * effect / (2 * product)
    value: Floats = _LN2 + shrunk + grown + log_ndtr(effect * scale / np.sqrt(product))
    return value


def calls_to_prove(distance: float, unit_variance: float, scale: float, log_level: float) -> float:
    """Give the precision at which an effect equal to its estimate is proved.

    Args:
        distance: The estimate; nothing is ever proved at 0 or below.
        unit_variance: Variance of the estimate from one unit of evidence, above 0.
        scale: Standard deviation of the mixing distribution.
        log_level: Log of the e-value that is asked for.

    Returns:
        How many units of evidence; infinity when none suffice.
    """
    if distance <= 0:
        return math.inf
    low, high = 1e-6, 1e12

    def proves(units: float) -> bool:
        given: Any = (np.array(distance), np.array(unit_variance / units), np.array(scale))
        return bool(log_half_normal_mixture(*given) >= log_level)

    if not proves(high):
        return math.inf
    for _ in range(80):  # halves on a log scale until the bounds agree to a thousandth
        middle = math.sqrt(low * high)
        low, high = (low, middle) if proves(middle) else (middle, high)
        if high < low * 1.001:
            break
    return high
