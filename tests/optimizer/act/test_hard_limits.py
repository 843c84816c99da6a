import numpy as np
import pytest

from optimizer.act.hard_limits import HardLimits
from optimizer.act.minutes import empty_instant
from tests.optimizer.act.a_rollout import terms

LIMIT = {"max_error_share": 0.05, "limit_bucket": 900}


def seen(*panes: tuple[int, int, int, int]) -> HardLimits:
    """Limits after panes, each the candidate's failed and all calls, and control's."""
    limits = HardLimits.empty(1)
    for failed, calls, control_failed, control_calls in panes:
        instant = empty_instant(1)
        instant.calls[0] = calls, control_calls
        instant.failed[0] = failed, control_failed
        instant.timed[0] = instant.calls[0] - instant.failed[0]
        limits.add(instant)
        limits.wait(limits.look(terms(**LIMIT)))
    return limits


@pytest.mark.parametrize(
    ("panes", "alone", "shared"),
    [
        pytest.param([(3, 5, 0, 95)], False, False, id="three of five prove nothing"),
        pytest.param([(4, 5, 2, 95)], True, False, id="four of five do"),
        pytest.param([(1, 1, 0, 19)] * 4 + [(0, 1, 1, 19)], True, False, id="pane by pane"),
        pytest.param([(4, 5, 0, 95), (0, 60, 0, 900)], False, False, id="until it is over"),
        pytest.param([(8, 10, 0, 0)], False, False, id="without control it is not known"),
        pytest.param([(4, 5, 1, 5)], False, True, id="control is above the limit too"),
        pytest.param([(10, 10, 2, 30)], True, False, id="but the candidate is far worse"),
        pytest.param([(20, 100, 20, 100)], False, True, id="an incident of both"),
        pytest.param([(1, 10, 20, 100)], False, True, id="control breaks it, and it is above"),
        pytest.param([(0, 10, 20, 100)], False, False, id="control alone is no business of ours"),
        pytest.param([(0, 0, 1, 50), (4, 5, 0, 95)], True, False, id="what was before is past"),
    ],
)
def test_a_breach_is_the_candidate_s_own_or_shared(panes, alone, shared):
    breaches = seen(*panes).look(terms(**LIMIT))
    assert (bool(breaches.alone[0]), bool(breaches.shared[0])) == (alone, shared)


def test_slow_calls_beyond_the_limit_are_a_breach_like_errors():
    instant, limits = empty_instant(1), HardLimits.empty(1)
    instant.calls[0], instant.timed[0], instant.beyond[0] = (20, 380), (20, 380), (7, 3)
    limits.add(instant)
    assert limits.look(terms(**LIMIT)).broken[0].tolist() == [[False, True], [False, False]]
    assert not limits.look(terms(**LIMIT | {"limit_bucket": None})).broken.any()


def test_a_candidate_that_nobody_can_be_compared_with_is_undone_after_five_minutes():
    panes = [(3, 9, 0, 0)] * 33
    assert not seen(*panes[:31]).is_patience_over()[0]
    assert seen(*panes).is_patience_over()[0]


def test_an_arm_without_calls_keeps_what_it_had():
    limits = seen((4, 5, 0, 95), (0, 0, 0, 0))
    assert limits.look(terms(**LIMIT)).alone[0]


def test_healthy_arms_hardly_ever_break_a_limit():
    chance, limits = np.random.default_rng(1), HardLimits.empty(500)
    found = np.zeros(500, np.bool_)
    for _ in range(120):
        instant = empty_instant(500)
        instant.calls[:] = chance.poisson(5, (500, 2))
        instant.failed[:] = chance.binomial(instant.calls.astype(int), 0.02)
        limits.add(instant)
        found |= limits.look(terms(**LIMIT)).broken[:, 0].any(-1)
    assert found.mean() <= 0.004
