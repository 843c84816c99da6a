import numpy as np
import pytest

from optimizer.act.contrast import Contrast
from optimizer.act.minutes import Minute, empty_minute

ALL = np.ones(1, np.bool_)
LATENCY = 0


def a_minute(mine: np.ndarray, others: np.ndarray) -> Minute:
    """A minute of log latencies of each arm."""
    minute = empty_minute(1)
    for arm, values in enumerate((mine, others)):
        minute.known[0, LATENCY, arm] = len(values)
        minute.total[0, LATENCY, arm] = values.sum()
        minute.square[0, LATENCY, arm] = (values**2).sum()
    return minute


def drawn(seed: int, minutes: int = 30, effect: float = 0.0) -> list[tuple[np.ndarray, np.ndarray]]:
    """Minutes whose level drifts and whose shares change."""
    chance = np.random.default_rng(seed)
    made = []
    for place in range(minutes):
        mine, others = chance.poisson(2 + place / 3), chance.poisson(20)
        values = chance.normal(place / 5, 0.6, mine + others)
        made.append((values[:mine] + effect, values[mine:]))
    return made


def test_the_effect_is_the_weighted_mean_of_differences_within_minutes():
    contrast, gaps, weights = Contrast.empty(1, 1), [], []
    for mine, others in drawn(1):
        contrast.add(a_minute(mine, others))
        if len(mine) and len(others):
            gaps.append(mine.mean() - others.mean())
            weights.append(len(mine) * len(others) / (len(mine) + len(others)))
    direct = np.average(gaps, weights=weights)
    assert contrast.effects().value[0, 0, LATENCY] == pytest.approx(direct)


def test_its_variance_is_how_much_it_varies_whatever_drifts():
    found = []
    for seed in range(400):
        contrast = Contrast.empty(1, 1)
        for mine, others in drawn(seed, minutes=12, effect=0.3):
            contrast.add(a_minute(mine, others))
        effects = contrast.effects()
        found.append((effects.value[0, 0, LATENCY], effects.variance[0, 0, LATENCY]))
    values, variances = np.array(found).T
    assert values.mean() == pytest.approx(0.3, abs=0.02)
    assert variances.mean() == pytest.approx(values.var(), rel=0.25)


def test_a_minute_without_one_arm_tells_nothing_of_the_difference():
    contrast = Contrast.empty(1, 1)
    contrast.add(a_minute(np.array([9.0, 8.0]), np.array([])))
    assert contrast.effects().value[0, 0, LATENCY] == 0
    assert contrast.effects().variance[0, 0, LATENCY] > 1e9


def test_a_new_step_keeps_what_is_carried_and_forgets_the_rest():
    contrast = Contrast.empty(1, 1)
    for mine, others in drawn(2):
        contrast.add(a_minute(mine, others))
    before = contrast.effects().value[0, 0, LATENCY]
    contrast.begin_step(ALL)
    assert contrast.effects().value[0, :, LATENCY].tolist() == [before, 0.0]


@pytest.mark.parametrize("larger", [0, 1])
def test_few_calls_of_the_smaller_arm_take_the_larger_one_s_variance(larger):
    contrast, chance = Contrast.empty(1, larger), np.random.default_rng(3)
    many, few = chance.normal(0, 0.6, 500), np.array([1.0, 1.0, 1.001])
    contrast.add(a_minute(*((many, few) if larger == 0 else (few, many))))
    own, control = contrast.variances()[0, LATENCY]
    assert min(own, control) > 0.2


def test_values_that_do_not_vary_are_not_taken_for_certainty():
    contrast = Contrast.empty(1, 1)
    contrast.add(a_minute(np.full(30, 2.0), np.full(300, 2.0)))
    assert contrast.effects().variance[0, 0, LATENCY] >= 1e-4 / 30
