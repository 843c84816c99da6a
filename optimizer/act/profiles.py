"""What each risk profile allows a candidate, and how fast it is let in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from optimizer.settings.policy import RiskProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How much worse a candidate may be for the route as a whole, and the ladder it climbs.

    Attributes:
        alpha: Chance, at most, of undoing a candidate that is no worse, and of promoting one that
            is worse by a margin.
        ratio: Most by which latency, time to first token, cost and tokens may rise, as a ratio
            less one.
        errors: Most by which the share of failed calls may rise.
        slow: Most by which the share of calls above the incumbent's p95 may rise.
        quality: Most by which the mean score may fall.
        ladder: Slots of 200 of the candidate at each step; the last leaves only the holdback.
        least_step_secs: Least time of each step but the last.
    """

    alpha: float
    ratio: float
    errors: float
    slow: float
    quality: float
    ladder: tuple[int, ...]
    least_step_secs: tuple[int, ...]


PROFILES: Mapping[RiskProfile, Profile] = {
    RiskProfile.CONSERVATIVE: Profile(
        alpha=0.01,
        ratio=0.10,
        errors=0.01,
        slow=0.03,
        quality=0.03,
        ladder=(2, 10, 50, 100, 200),
        least_step_secs=(600, 900, 1800, 3600),
    ),
    RiskProfile.BALANCED: Profile(
        alpha=0.05,
        ratio=0.20,
        errors=0.02,
        slow=0.05,
        quality=0.05,
        ladder=(10, 50, 100, 200),
        least_step_secs=(300, 600, 900),
    ),
    RiskProfile.AGGRESSIVE: Profile(
        alpha=0.10,
        ratio=0.50,
        errors=0.05,
        slow=0.10,
        quality=0.10,
        ladder=(20, 100, 200),
        least_step_secs=(180, 300),
    ),
}
