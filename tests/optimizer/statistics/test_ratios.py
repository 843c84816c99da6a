import math

import numpy as np
import pytest

from optimizer.statistics.ratios import SKETCH_ERROR, change_interval_pct, p95_log_error


def test_the_error_of_a_p95_is_what_repeated_sampling_shows():
    logs = np.random.default_rng(2).normal(0, 0.6, (4000, 400))
    observed = np.quantile(logs, 0.95, axis=1).std()
    claimed = math.sqrt(p95_log_error(0.6, 400) ** 2 - SKETCH_ERROR**2)
    assert claimed == pytest.approx(observed, rel=0.05)


def test_a_change_interval_holds_the_change():
    low, high = change_interval_pct(0.5, 0.1, 0.05)
    assert low < -50.0 < high
    assert math.log(1 + high / 100) - math.log(0.5) == pytest.approx(
        1.96 * math.hypot(0.1, 0.05), rel=1e-3
    )
