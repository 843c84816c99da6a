import numpy as np
import pytest

from optimizer.statistics.slot_clusters import (
    calls_per_slot,
    clustered_over_plain,
    design_effect,
    effective_slots,
)


def summed(calls, likeness, seed, slots=150):
    """Slots of calls whose values share a part; returns what their sums say."""
    chance = np.random.default_rng(seed)
    counts = chance.poisson(calls, slots).astype(float)
    slot = np.repeat(np.arange(slots), counts.astype(int))
    own = chance.normal(0, np.sqrt(1 - likeness), len(slot))
    values = chance.normal(0, np.sqrt(likeness), slots)[slot] + own
    deviations = values - values.mean()
    return counts, np.bincount(slot, deviations, slots), (deviations**2).sum(), values.mean()


def test_equal_slots_count_whole():
    assert effective_slots(np.full((3, 200), 7.0)) == pytest.approx(np.full(3, 200))


def test_one_heavy_slot_counts_as_little_more_than_one():
    assert effective_slots(np.array([[97.0, 1, 1, 1]])) == pytest.approx(10_000 / 9_412)


def test_without_calls_nothing_is_divided_by_nothing():
    none = np.zeros((1, 200))
    assert effective_slots(none) == 0
    assert calls_per_slot(none) == 1
    assert clustered_over_plain(none, none, np.zeros(1)) == 1


@pytest.mark.parametrize("likeness", [0.0, 0.2, 0.6])
def test_the_design_effect_is_how_much_the_mean_really_varies(likeness):
    drawn = [summed(8, likeness, seed) for seed in range(600)]
    counts, residuals, squares, means = (np.array(part) for part in zip(*drawn, strict=True))
    per = calls_per_slot(counts)
    estimated = design_effect(clustered_over_plain(counts, residuals, squares), per, per).mean()
    # Variance of the means over what it would be if calls were independent.
    true = means.var(ddof=1) * counts.sum(1).mean()
    assert estimated == pytest.approx(true, rel=0.2)
    assert true == pytest.approx(1 + likeness * 8, rel=0.2)


def test_an_arm_with_more_calls_a_slot_is_divided_by_more():
    effect = design_effect(np.array(3.0), np.array(11.0), np.array(41.0))
    assert effect == pytest.approx(1 + 0.2 * 40)


def test_calls_of_slots_that_differ_from_one_another_gain_nothing():
    assert design_effect(np.array(0.4), np.array(11.0), np.array(5.0)) == 1
