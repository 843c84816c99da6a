"""Bill: what calls cost on average, outliers capped; told beside the verdict, never judged by.

The gate compares logs of costs, in which one call fifty times as dear hardly shows. The bill shows
it. A plain mean would be ruled by a handful of calls, so each counts for the incumbent's 99.9th
percentile at most.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.panes import COST, METRIC_SHIFT, ROW_SHIFT
from optimizer.statistics.normal_mixture import log_half_normal_mixture
from optimizer.statistics.sketch import BUCKETS, value_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.act.folding import Sight
    from optimizer.rollouts import Rows

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

_FIRST_CALLS = 1000  # of control, that the cap is learnt from
_CAP_SHARE = 0.999
_LEAST_CALLS = 50  # of each arm


class Change(NamedTuple):
    """By how much a candidate's mean call is dearer.

    Attributes:
        ratio: Less one.
        log_proof: Log e-value against "it is no dearer".
    """

    ratio: float
    log_proof: float


@dataclass
class Bill:
    """Costs of the calls of one rollout, counted in the buckets of sketches.

    Attributes:
        first: (buckets,) of control's first calls.
        cap: (1,) the bucket that all above count as; 0 until there were enough calls.
        step: (2, buckets) of the step's calls of each arm.
    """

    first: Floats
    cap: Ints
    step: Floats

    @classmethod
    def empty(cls) -> Bill:
        """Begin with nothing seen."""
        return cls(np.zeros(BUCKETS), np.zeros(1, np.int64), np.zeros((2, BUCKETS)))

    def begin_step(self) -> None:
        """Forget the calls of the former step."""
        self.step[:] = 0

    def add(self, rows: Rows | None, sight: Sight) -> None:
        """Add the calls of a tick."""
        if rows is None:
            return
        metric = (rows.codes >> METRIC_SHIFT) & 3
        for arm, name in enumerate(sight.arms):
            if (name, sight.revision) in rows.names:
                row = rows.names.index((name, sight.revision))
                mine = (metric == COST) & (rows.codes >> ROW_SHIFT == row)
                self.step[arm, rows.codes[mine] & (BUCKETS - 1)] += rows.counts[mine]
                if arm == 1 and not self.cap[0]:
                    self._learn(rows.codes[mine] & (BUCKETS - 1), rows.counts[mine])

    def _learn(self, buckets: Ints, counts: Ints) -> None:
        self.first[buckets] += counts
        running = np.cumsum(self.first)
        if running[-1] >= _FIRST_CALLS:
            self.cap[0] = np.searchsorted(running, _CAP_SHARE * running[-1])

    def change(self, design: float, scale: float) -> Change | None:
        """Compare the arms; None until the cap is known and both have calls enough.

        Source: variance of a ratio of means by linearisation, Cochran, "Sampling Techniques",
        1977, eq. 6.13.

        Args:
            design: Design effect of costs.
            scale: Scale of the mixture, a ratio less one.
        """
        calls = self.step.sum(-1)
        if not self.cap[0] or calls.min() < _LEAST_CALLS:
            return None
        values = value_of(np.minimum(np.arange(BUCKETS), self.cap[0]))
        mean = self.step @ values / calls
        spread = self.step @ values**2 / calls / mean**2 - 1
        ratio = float(mean[0] / mean[1])
        variance = max(design * float((spread / calls).sum()) * ratio**2, 1e-9)
        given = (np.array(ratio - 1), np.array(variance), np.array(scale))
        return Change(ratio - 1, float(log_half_normal_mixture(*given)))
