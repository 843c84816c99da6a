"""Rivals do what their documentation says, on n routes at once."""

import numpy as np
import pytest
from scipy.stats import mannwhitneyu, norm

from connectors.worlds.rivals import read_rivals
from optimizer.errors import WorldInvalid
from optimizer.simulate.rivals import FixedThresholds, MannWhitney, Minute, Standing, Usual
from optimizer.simulate.rivals.mann_whitney import is_higher, rank_deviate

RULES = read_rivals()
USUAL = Usual(errors=0.02, latency=1.0, cost=1.0)


def a_minute(*, calls=(3.0, 57.0), errors=(0.0, 1.0), latency=(1.0, 1.0), cost=(1.0, 1.0)):
    """One minute of one route; latency and cost are means."""
    calls, errors = np.array([calls], float), np.array([errors], float)
    good = calls - errors
    return Minute(calls, errors, good * latency, good * cost)


GOOD = a_minute()
SLOW = a_minute(latency=(1.21, 1.0))
DEAR = a_minute(cost=(1.21, 1.0))
FAILING = a_minute(errors=(1.0, 0.0))
SILENT = a_minute(calls=(0.0, 60.0))


@pytest.mark.parametrize(
    ("minutes", "standing", "share"),
    [
        pytest.param([GOOD], Standing.RUNNING, 0.10, id="a check passed adds a step"),
        pytest.param([SLOW], Standing.RUNNING, 0.05, id="a check failed halts"),
        pytest.param([GOOD] * 9, Standing.RUNNING, 0.5, id="up to the greatest weight"),
        pytest.param([GOOD] * 10, Standing.PROMOTED, 1.0, id="one more check passed promotes"),
        pytest.param([GOOD] * 12, Standing.PROMOTED, 1.0, id="promoted is promoted"),
        pytest.param([SLOW] * 5, Standing.ROLLED_BACK, 0.0, id="five failed checks undo it"),
        pytest.param(
            [SLOW, GOOD, DEAR, GOOD, FAILING, GOOD, SILENT, GOOD, SLOW, GOOD],
            Standing.ROLLED_BACK,
            0.0,
            id="failed checks count over the whole rollout, and no data is one",
        ),
        pytest.param([SLOW] * 4 + [GOOD] * 10, Standing.PROMOTED, 1.0, id="four are forgiven"),
    ],
)
def test_step_ups_follow_the_published_rules(minutes, standing, share):
    rival = FixedThresholds(RULES.fixed_thresholds, USUAL, 1)
    for minute in minutes:
        rival.take(minute)
    assert (rival.standing[0], rival.share[0]) == (standing, pytest.approx(share))


def series(seed, shift=0.0, length=60, routes=40):
    random = np.random.default_rng(seed)
    return random.lognormal(shift, 0.3, (routes, length)), random.lognormal(0, 0.3, (routes, 60))


def test_the_rank_statistic_is_that_of_scipy_with_ties_and_missing_minutes():
    ours, theirs = (np.round(each, 1) for each in series(1, 0.1))
    ours[::2, 50:] = np.nan
    found = rank_deviate(ours, theirs)
    for row, deviate in enumerate(found):
        mine = ours[row][np.isfinite(ours[row])]
        expected = mannwhitneyu(mine, theirs[row], method="asymptotic", alternative="two-sided")
        off = expected.statistic - len(mine) * 60 / 2
        assert np.sign(deviate) == np.sign(off)
        p_value = 2 * norm.sf(abs(deviate))
        assert p_value == pytest.approx(expected.pvalue, abs=1e-9)


@pytest.mark.parametrize(
    ("shift", "low", "high"), [(0.0, 0.0, 0.1), (0.3, 0.95, 1.0), (-0.5, 0.0, 0.0)]
)
def test_a_series_is_high_when_it_surely_lies_above(shift, low, high):
    found = is_higher(*series(2, shift, routes=400), RULES.mann_whitney).mean()
    assert low <= found <= high


def test_a_series_without_data_or_all_alike_is_not_high():
    nothing, ones = np.full((1, 60), np.nan), np.ones((1, 60))
    assert not is_higher(nothing, ones, RULES.mann_whitney).any()
    assert not is_higher(ones, ones, RULES.mann_whitney).any()


def play(rival, minutes, latency):
    """Play minutes of random calls; `latency` is the candidate's factor."""
    random = np.random.default_rng(3)
    routes = len(rival.share)
    for _ in range(minutes):
        means = random.lognormal(0, 0.1, (routes, 3, 2))
        calls = np.full((routes, 2), 30.0)
        rival.take(
            Minute(calls, 0.6 * means[:, 0], 29 * means[:, 1] * [latency, 1.0], 29 * means[:, 2])
        )


def test_the_rank_judge_promotes_an_equal_arm_after_its_last_run_and_undoes_a_slow_one_early():
    rival = MannWhitney(RULES.mann_whitney, 200)
    play(rival, 179, 1.0)
    assert set(rival.share[rival.standing == Standing.RUNNING]) == {0.5}
    play(rival, 1, 1.0)
    assert (rival.standing == Standing.PROMOTED).mean() > 0.8
    slow = MannWhitney(RULES.mann_whitney, 200)
    play(slow, 60, 1.5)
    assert (slow.standing == Standing.ROLLED_BACK).all()
    assert not slow.share.any()


def test_faults_of_a_file_of_numbers_are_all_named(tmp_path):
    path = tmp_path / "rivals.yaml"
    path.write_text("fixed_thresholds: {interval_mins: soon}\n")
    with pytest.raises(WorldInvalid) as raised:
        read_rivals(path)
    assert "fixed_thresholds.interval_mins is 'soon'" in str(raised.value)
    assert "mann_whitney is not given" in str(raised.value)
    with pytest.raises(WorldInvalid, match="cannot be read"):
        read_rivals(tmp_path / "none.yaml")
    path.write_text("a: [")
    with pytest.raises(WorldInvalid, match="is not YAML"):
        read_rivals(path)
