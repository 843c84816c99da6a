import numpy as np
import pytest

from optimizer.act.minutes import empty_instant
from optimizer.act.share_check import ShareCheck
from optimizer.documents import Unit

ALL = np.ones(1, np.bool_)
SLOTS = np.array([50])


def after(ticks: int, share: float, *, slotted: bool, strays: float = 0.0) -> ShareCheck:
    """What is known after ticks of sixty calls each, at a share, a quarter commanded."""
    check = ShareCheck.empty(1)
    for _ in range(ticks):
        instant = empty_instant(1)
        instant.seen[0], instant.strays[0] = 60, strays
        instant.stamped[0] = 60 * share, 60 * (1 - share)
        instant.slotted[0] = 60 if slotted else 0
        check.add(instant, SLOTS, ALL, ALL)
    return check


@pytest.mark.parametrize(
    ("share", "slotted", "unit", "found"),
    [
        pytest.param(0.25, False, Unit.CALL, (False, False), id="right"),
        pytest.param(0.05, False, Unit.CALL, (True, False), id="too little, without slots"),
        pytest.param(0.5, False, Unit.CALL, (True, False), id="too much, without slots"),
        pytest.param(0.05, True, Unit.CALL, (False, True), id="right slots, calls do not end"),
        pytest.param(0.5, True, Unit.CALL, (False, False), id="right slots, others do not end"),
        pytest.param(0.05, False, Unit.USER, (False, False), id="sticky: a count proves nothing"),
        pytest.param(0.05, True, Unit.USER, (False, False), id="nor with slots"),
    ],
)
def test_a_share_proves_a_mismatch_or_missing_calls(share, slotted, unit, found):
    check = after(20, share, slotted=slotted)
    assert (bool(check.is_mismatched(unit)[0]), bool(check.is_lacking(unit)[0])) == found


@pytest.mark.parametrize(
    ("unit", "slotted", "verified"),
    [(Unit.USER, True, True), (Unit.USER, False, False), (Unit.CALL, False, True)],
)
def test_sticky_traffic_without_slots_stays_unverified(unit, slotted, verified):
    assert after(5, 0.25, slotted=slotted).is_verified(unit)[0] == verified
    assert not ShareCheck.empty(1).is_verified(unit)[0]


def test_replicas_that_fall_behind_later_stand_out_again():
    check = after(360, 0.25, slotted=True)
    for _ in range(3):
        instant = empty_instant(1)
        instant.seen[0], instant.strays[0] = 60, 3
        check.add(instant, SLOTS, ALL, ALL)
    assert check.is_mismatched(Unit.USER)[0]


def test_traffic_that_came_back_is_no_mismatch_any_more():
    check = after(50, 0.25, slotted=True, strays=60)
    for clean_ticks in range(1, 18):
        instant = empty_instant(1)
        instant.seen[0] = 60
        check.add(instant, SLOTS, ALL, ALL)
        assert check.is_mismatched(Unit.USER)[0] == (clean_ticks < 17)  # 1,020 calls


@pytest.mark.parametrize("share", [0.0125, 0.05])
def test_few_strays_among_many_calls_are_not_forgotten(share):
    chance, check = np.random.default_rng(5), ShareCheck.empty(400)
    everywhere = np.ones(400, np.bool_)
    mismatched = np.zeros(400)
    for _ in range(300):
        instant = empty_instant(400)
        instant.seen[:] = 60
        instant.strays[:] = chance.binomial(60, share, 400)
        check.add(instant, np.full(400, 10), everywhere, everywhere)
        mismatched += check.is_mismatched(Unit.USER)
    assert (mismatched > 0).all()
    assert mismatched.mean() > (270 if share > 0.02 else 150)


def test_one_stray_in_a_hundred_is_let_pass():
    assert not after(30, 0.25, slotted=True, strays=0.6).is_mismatched(Unit.USER)[0]
    assert after(30, 0.25, slotted=True, strays=0.7).is_mismatched(Unit.USER)[0]


def test_right_shares_are_seldom_doubted():
    chance, check = np.random.default_rng(4), ShareCheck.empty(800)
    wrong = np.zeros(800, np.bool_)
    everywhere = np.ones(800, np.bool_)
    for _ in range(400):
        instant = empty_instant(800)
        instant.stamped[:] = chance.poisson((2.5, 7.5), (800, 2))
        check.add(instant, np.full(800, 50), everywhere, everywhere)
        wrong |= check.is_mismatched(Unit.CALL)
    assert wrong.sum() <= 5  # at a risk of 1 in 1,000
