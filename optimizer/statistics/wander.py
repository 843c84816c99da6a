"""How much of a mean is a level's own slow wandering, which no number of calls averages away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


def share_left(span: Floats, memory: float) -> Floats:
    """Give the variance of the mean over a span of a level that wanders, as a share of its own.

    The level is a first-order autoregression, or in continuous time an Ornstein-Uhlenbeck process.

    Source: integral of exp(-|t - s| / memory) over the square of the span, Priestley, "Spectral
    Analysis and Time Series", 1981, eq. 5.3.5.

    Args:
        span: (...) length of the span, at least 0.
        memory: Time in which correlation falls to 1/e, above 0, in the same unit.

    Returns:
        (...) 1 for no span, falling to 0.
    """
    parts = np.maximum(span / memory, 1e-6)
    share: Floats = 2 / parts * (1 + np.expm1(-parts) / parts)
    return np.minimum(share, 1.0)
