"""What is drawn has the moments that were planted."""

import numpy as np
import pytest

from optimizer.simulate.arrivals import DAY_NS, MINUTE_NS
from optimizer.simulate.load import Load
from optimizer.simulate.quantities import Judged, Lognormal, Recorded, RecordedScores

TASKS = np.zeros(200_000, np.int64)


def test_a_lognormal_has_its_median_and_its_log_sd():
    drawn = Lognormal(median=1500, sigma=0.6).draw(
        np.random.default_rng(0).standard_normal(len(TASKS)), TASKS
    )
    assert np.median(drawn) == pytest.approx(1500, rel=0.01)
    assert np.log(drawn).std() == pytest.approx(0.6, rel=0.01)


@pytest.mark.parametrize(("mean", "sd"), [(0.85, 0.18), (0.5, 0.4), (0.99, 0.05), (0.1, 0.29)])
def test_scores_have_their_mean_and_sd_and_stay_within_bounds(mean, sd):
    drawn = Judged(mean=mean, sd=sd).judge(np.random.default_rng(0), TASKS)
    assert drawn.mean() == pytest.approx(mean, abs=4 * sd / len(TASKS) ** 0.5)
    assert drawn.std() == pytest.approx(sd, rel=0.03)
    assert 0 <= drawn.min() <= drawn.max() <= 1


def test_recorded_values_come_as_they_were_recorded():
    tasks = np.array([2, 0, 0])
    values = np.array([10.0, 20.0, 30.0])
    assert Recorded(values=values).draw(np.zeros(3), tasks).tolist() == [30, 10, 10]
    scores = RecordedScores(values=values / 100)
    assert scores.judge(np.random.default_rng(0), tasks).tolist() == [0.3, 0.1, 0.1]


def test_load_is_one_on_average_with_its_sd_and_its_memory():
    walks = np.array(
        [Load(phi=0.9, sd=0.2).minutes(np.random.default_rng(seed), 500) for seed in range(400)]
    )
    logs = np.log(walks)
    assert walks.mean() == pytest.approx(1, abs=0.01)
    assert logs.std() == pytest.approx(0.2, rel=0.05)
    assert np.corrcoef(logs[:, 100], logs[:, 101])[0, 1] == pytest.approx(0.9, abs=0.05)
    assert np.corrcoef(logs[:, 100], logs[:, 105])[0, 1] == pytest.approx(0.9**5, abs=0.15)


def test_the_first_minute_is_as_uncertain_as_any():
    first = [
        np.log(Load(sd=0.2).minutes(np.random.default_rng(seed), 1)[0]) for seed in range(1000)
    ]
    assert np.std(first) == pytest.approx(0.2, rel=0.1)


def test_calls_of_a_minute_are_slowed_alike_and_most_at_the_peak():
    at_ns = np.array([0, MINUTE_NS - 1, MINUTE_NS, DAY_NS // 2])
    load = np.full(1441, 1.0)
    load[0] = 2.0
    slowdown = Load(rhythm=0.5, peak_ns=0).slowdown(load, at_ns)
    assert slowdown == pytest.approx([3.0, 3.0, 1.5, 0.5], rel=1e-4)
