import math

import numpy as np
import pytest
from scipy import stats

from optimizer.statistics.share_mixture import FACTORS, log_ratios

CALLS = np.arange(31.0)


@pytest.mark.parametrize("share", [0.01, 0.05, 0.25, 0.5, 0.95])
def test_a_right_share_earns_nothing_on_average(share):
    ratios = np.exp(log_ratios(CALLS, 30 - CALLS, np.full(31, share)))
    assert stats.binom.pmf(CALLS, 30, share) @ ratios == pytest.approx(np.ones(len(FACTORS)))


@pytest.mark.parametrize(("commanded", "true", "calls"), [(0.05, 0.0, 220), (0.25, 0.05, 90)])
def test_a_wrong_share_is_found_within_so_many_calls(commanded, true, calls):
    came = np.random.default_rng(4).random((400, calls)) < true
    mine = came.cumsum(1).astype(float)
    ratios = log_ratios(mine, np.arange(1, calls + 1) - mine, np.full(mine.shape, commanded))
    found = np.logaddexp.reduce(ratios, axis=-1) - math.log(len(FACTORS)) >= math.log(1000)
    assert found.any(1).mean() > 0.5
