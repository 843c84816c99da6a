import numpy as np
import pytest
from scipy import stats

from optimizer.statistics.slot_ranks import (
    chance_of_so_few,
    chance_of_so_little,
    chance_of_such_ranks,
)

SLOTS = 200


def chosen(owned, rows=1):
    return np.repeat((np.arange(SLOTS) < owned)[None], rows, axis=0)


@pytest.mark.parametrize("marked", [0, 3, 60, 199])
@pytest.mark.parametrize("owned", [2, 10, 100, 190])
def test_so_few_marked_slots_have_the_chance_of_a_hypergeometric_draw(marked, owned):
    marks = np.random.default_rng(marked + owned).permutation(SLOTS)[None] < marked
    exact = stats.hypergeom.cdf(marks[0, :owned].sum(), SLOTS, marked, owned)
    assert chance_of_so_few(marks, chosen(owned)) == pytest.approx(exact)


@pytest.mark.parametrize("owned", [10, 60, 150])
def test_the_bound_on_ranks_is_above_the_chance_and_not_far(owned):
    values = np.random.default_rng(2).integers(0, 9, (1, SLOTS)).astype(float)
    values[:, :owned] *= 1 - 3 / owned  # a little lower
    bound = chance_of_such_ranks(values, chosen(owned))[0]
    draws = np.random.default_rng(3)
    ranks = stats.rankdata(values[0])
    sums = [draws.permutation(ranks)[:owned].sum() for _ in range(20_000)]
    chance = (np.array(sums) <= ranks[:owned].sum()).mean()
    assert chance <= bound <= max(25 * chance, 0.01)


def test_two_slots_that_stay_empty_are_enough():
    values = np.ones((1, SLOTS))
    values[0, :2] = 0
    assert chance_of_so_little(values, chosen(2)) < 1e-4


@pytest.mark.parametrize(("owned", "calls"), [(10, 12), (50, 4)])
def test_slots_half_as_full_are_found(owned, calls):
    values = np.random.default_rng(1).poisson(calls, (200, SLOTS)).astype(float)
    values[:, :owned] = np.random.default_rng(2).poisson(calls / 2, (200, owned))
    assert (chance_of_so_little(values, chosen(owned, 200)) < 1e-4).mean() > 0.8


@pytest.mark.parametrize("owned", [2, 10, 100, 190])
@pytest.mark.parametrize("spread", [0.0, 1.0, 3.0])
def test_however_heavy_traffic_is_it_errs_no_more_often_than_stated(owned, spread):
    chance = np.random.default_rng(5)
    rates = chance.lognormal(0, spread, (1200, SLOTS))
    values = chance.poisson(3 * rates).astype(float)
    found = chance_of_so_little(values, chosen(owned, 1200))
    for risk in (0.01, 0.05):
        assert (found < risk).mean() <= risk + 3 * np.sqrt(risk / 1200)


def test_nothing_held_is_no_sign():
    assert chance_of_so_little(np.zeros((1, SLOTS)), chosen(10)) == 1
