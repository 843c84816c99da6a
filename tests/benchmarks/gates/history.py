"""What is known of the incumbent before a rollout: its usual figures over a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.act.terms import Incumbent
from optimizer.simulate.randomness import stream
from optimizer.simulate.rivals import Usual
from tests.benchmarks.gates.outcomes import INCUMBENT, served_by
from tests.benchmarks.gates.traffic import Traffic
from tests.benchmarks.gates.worlds import EQUAL

if TYPE_CHECKING:
    from tests.benchmarks.gates.worlds import Arms, World

_ROUTES, _TICKS = 400, 60


class History(NamedTuple):
    """What is usual for the incumbent.

    Attributes:
        usual: Its means.
        p95_ms: 95th percentile of its latency.
        p99_ms: 99th.
    """

    usual: Usual
    p95_ms: float
    p99_ms: float

    def incumbent(self, world: World) -> Incumbent:
        """Say it in the words of the gates."""
        return Incumbent(
            latency_p95_ms=self.p95_ms,
            latency_p99_ms=self.p99_ms,
            error_rate=self.usual.errors,
            is_streamed=world.streamed,
            is_scored=world.scored > 0,
        )


def history_of(world: World, arms: Arms = EQUAL) -> History:
    """Measure an incumbent at many times of day, on traffic of its own."""
    traffic = Traffic(world, _ROUTES, stream(0, "history"))
    served = [
        served_by(drawn, np.full_like(drawn.row, INCUMBENT), arms, world, np.zeros(_ROUTES))
        for drawn in (traffic.next() for _ in range(_TICKS))
    ]
    failed = np.concatenate([each.failed for each in served])
    latency = np.exp(np.concatenate([each.latency for each in served]))[~failed]
    cost = np.exp(np.concatenate([each.cost for each in served]))[~failed]
    usual = Usual(float(failed.mean()), float(latency.mean()), float(cost.mean()))
    p95_ms, p99_ms = np.quantile(latency, (0.95, 0.99)).tolist()
    return History(usual, p95_ms, p99_ms)
