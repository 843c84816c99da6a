import numpy as np
import pytest

from optimizer.statistics.means import bounded_mean_limits


def test_equal_values_are_no_certainty():
    least, most = bounded_mean_limits(1.0, 0.0, 5, 1.96)
    assert least < 0.8
    assert most == 1.0


def test_limits_close_in_as_values_come():
    widths = []
    for n in (30, 300, 3000):
        least, most = bounded_mean_limits(0.7, 0.3, n, 1.96)
        widths.append(most - least)
    assert widths[0] > 3 * widths[1] > 9 * widths[2]


@pytest.mark.parametrize("shape", [(0.7, 0.3), (4.0, 1.0), (0.3, 0.3)], ids=str)
def test_the_true_mean_is_within_its_limits_as_often_as_claimed(shape):
    values = np.random.default_rng(5).beta(*shape, (20_000, 40))
    means, sds = values.mean(1), values.std(1, ddof=1)
    truth = shape[0] / sum(shape)
    held = 0
    for mean, sd in zip(means.tolist(), sds.tolist(), strict=True):
        least, most = bounded_mean_limits(mean, sd, 40, 1.959964)
        held += least <= truth <= most
    assert held / 20_000 >= 0.945  # 95 % less four standard errors of this count
