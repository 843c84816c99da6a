import math

import numpy as np
import pytest

from optimizer.statistics.slot_ratio import log_holding_enough

SLOTS = 200


def evidence(kept: float, owned: int, calls: float, spread: float, rows: int = 1500):
    """Log e-values of slots of which the first lose calls one by one."""
    chance = np.random.default_rng(6)
    rates = calls * chance.lognormal(-(spread**2) / 2, spread, (rows, SLOTS))
    chosen = np.repeat((np.arange(SLOTS) < owned)[None], rows, axis=0)
    counts = chance.poisson(np.where(chosen, kept, 1.0) * rates).astype(float)
    return log_holding_enough(counts, chosen, np.full(rows, 0.5))


@pytest.mark.parametrize("owned", [10, 50, 100])
@pytest.mark.parametrize("spread", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("calls", [3, 30])
def test_slots_that_lose_half_are_seldom_taken_for_well(owned, spread, calls):
    assert (evidence(0.5, owned, calls, spread) >= math.log(20)).mean() <= 0.05


@pytest.mark.parametrize(("owned", "calls", "spread"), [(10, 6, 0.0), (50, 5, 0.7), (100, 4, 0.9)])
def test_slots_that_lose_nothing_are_soon_shown_to_be_well(owned, calls, spread):
    assert (evidence(1.0, owned, calls, spread) >= math.log(20)).mean() >= 0.8


def test_without_calls_nothing_is_shown():
    chosen = (np.arange(SLOTS) < 10)[None]
    assert log_holding_enough(np.zeros((1, SLOTS)), chosen, np.full(1, 0.5)) == 0
