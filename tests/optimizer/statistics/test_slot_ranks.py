import numpy as np
import pytest
from scipy import stats

from optimizer.statistics.slot_ranks import chance_of_so_little

SLOTS = 200


def chosen(owned, rows=1):
    return np.repeat((np.arange(SLOTS) < owned)[None], rows, axis=0)


def test_empty_slots_have_the_chance_of_a_hypergeometric_draw():
    values = np.zeros((1, SLOTS))
    values[0, 30:150] = 1  # of 200 slots 120 have a call, of the first 10 none
    exact = stats.hypergeom.cdf(0, SLOTS, 120, 10)
    assert chance_of_so_little(values, chosen(10)) == pytest.approx(exact / 0.6)


def test_two_slots_that_stay_empty_are_enough():
    values = np.ones((1, SLOTS))
    values[0, :2] = 0
    assert chance_of_so_little(values, chosen(2)) < 1e-4


def test_slots_half_as_full_are_found():
    values = np.random.default_rng(1).poisson(20, (200, SLOTS)).astype(float)
    values[:, :10] = np.random.default_rng(2).poisson(10, (200, 10))
    assert (chance_of_so_little(values, chosen(10, 200)) < 1e-4).mean() > 0.95


@pytest.mark.parametrize("owned", [2, 10, 100, 190])
@pytest.mark.parametrize("spread", [0.0, 1.0, 3.0])
def test_however_heavy_traffic_is_it_errs_no_more_often_than_stated(owned, spread):
    chance = np.random.default_rng(5)
    rates = chance.lognormal(0, spread, (6000, SLOTS))
    values = chance.poisson(3 * rates).astype(float)
    found = chance_of_so_little(values, chosen(owned, 6000))
    for risk in (0.01, 0.05):
        assert (found < risk).mean() <= risk + 3 * np.sqrt(risk / 6000)


def test_nothing_held_is_no_sign():
    assert chance_of_so_little(np.zeros((1, SLOTS)), chosen(10)) == 1
