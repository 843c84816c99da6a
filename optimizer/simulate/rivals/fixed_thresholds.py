"""Step-ups against fixed thresholds, as Flagger takes them.

Source: Flagger, "Deployment strategies", section "Canary release", and its controller: failed
checks are counted over the whole rollout, a figure without data fails its check, and one more check
passed at the greatest weight promotes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.simulate.rivals.standing import Minute, Standing, Usual

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.simulate.rivals.rules import FixedThresholdRules

    Floats = NDArray[np.float64]

_CANDIDATE = 0


class FixedThresholds:
    """Rollouts that grow by a step whenever no figure is beyond its limit.

    Args:
        rules: Its numbers.
        usual: What is usual for the incumbent; the limits follow from it.
        routes: How many rollouts, n.
    """

    def __init__(self, rules: FixedThresholdRules, usual: Usual, routes: int) -> None:
        self._rules = rules
        self._limits = np.array(
            [usual.errors + rules.errors, usual.latency * rules.latency, usual.cost * rules.cost]
        )
        self._minutes = 0
        self._failed = np.zeros(routes, np.int64)
        self._since = Minute(*np.zeros((4, routes, 2)))
        self.standing = np.zeros(routes, np.int64)
        self.share = np.full(routes, rules.step)

    def take(self, minute: Minute) -> None:
        """Look at the next minute of each route; check when the interval is full."""
        self._minutes += 1
        self._since = Minute(*(a + b for a, b in zip(self._since, minute, strict=True)))
        if self._minutes % self._rules.interval_mins == 0:
            self._check(self._since.values()[:, :, _CANDIDATE])
            self._since = Minute(*np.zeros_like(self._since))

    def _check(self, figures: Floats) -> None:
        running = self.standing == Standing.RUNNING
        passed = (figures <= self._limits).all(axis=1)  # NaN, no data, is not
        self._failed += running & ~passed
        full = self.share >= self._rules.most - 1e-9
        self.standing[running & passed & full] = Standing.PROMOTED
        self.standing[running & (self._failed >= self._rules.failed_checks)] = Standing.ROLLED_BACK
        grown = np.minimum(self.share + self._rules.step, self._rules.most)
        self.share = np.where(running & passed, grown, self.share)
        self.share[self.standing == Standing.PROMOTED] = 1.0
        self.share[self.standing == Standing.ROLLED_BACK] = 0.0
