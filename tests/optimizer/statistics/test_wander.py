import numpy as np
import pytest
from scipy import integrate

from optimizer.statistics.wander import share_left


@pytest.mark.parametrize("span", [0.5, 20.0, 300.0])
def test_the_share_left_is_the_mean_of_all_correlations(span):
    # Two instants that far apart meet with weight 2 (span - apart) / span^2.
    direct, _ = integrate.quad(lambda apart: 2 * (span - apart) * np.exp(-apart / 20), 0, span)
    assert share_left(np.array(span), 20) == pytest.approx(direct / span**2, rel=1e-6)


def test_no_span_leaves_all():
    assert share_left(np.zeros(2), 20) == pytest.approx(np.ones(2), abs=1e-5)


def test_it_is_how_much_the_mean_of_a_wandering_level_varies():
    chance, keeps = np.random.default_rng(8), np.exp(-1 / 20)
    level, total = chance.normal(0, 1, 4000), np.zeros(4000)
    for _ in range(120):
        level = keeps * level + chance.normal(0, np.sqrt(1 - keeps**2), 4000)
        total += level
    assert (total / 120).var() == pytest.approx(share_left(np.array(120.0), 20), rel=0.1)
