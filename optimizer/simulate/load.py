"""Load: what makes all of a route's calls slower or faster together, minute by minute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from optimizer.simulate.arrivals import MINUTE_NS, daily

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """A stationary AR(1) process on the logarithm, and a daily rhythm.

    Attributes:
        phi: Correlation of one minute with the next, 0 to below 1.
        sd: Stationary standard deviation of the log load.
        rhythm: Amplitude of the latency's daily rhythm relative to its mean, 0 to below 1.
        peak_ns: When that is highest, nanoseconds from the start of the world.
    """

    phi: float = 0.95
    sd: float = 0.0
    rhythm: float = 0.0
    peak_ns: int = 0

    def minutes(self, random: np.random.Generator, count: int) -> Floats:
        """Draw the relative load of `count` minutes; 1 on average.

        Source: Box, Jenkins and Reinsel, "Time series analysis", 1994, section 3.2.3: the
        innovations have `1 - phi^2` of the stationary variance.
        """
        noise = random.standard_normal(count).tolist()
        scale = (1 - self.phi**2) ** 0.5
        walk = noise[:1]
        for innovation in noise[1:]:
            walk.append(self.phi * walk[-1] + scale * innovation)
        return np.exp(self.sd * np.array(walk) - self.sd**2 / 2)

    def slowdown(self, load: Floats, at_ns: NDArray[np.int64]) -> Floats:
        """Give what latency is multiplied by at each instant."""
        return load[at_ns // MINUTE_NS] * daily(at_ns, self.rhythm, self.peak_ns)
