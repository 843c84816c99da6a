"""Users: few make most of the calls, and an assignment sticks."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from optimizer.documents import SLOTS
from optimizer.simulate.arrivals import MINUTE_NS
from optimizer.simulate.users import Users, arms_by_slot, slots

CALLS = 100_000
UNTOLD = np.full(CALLS, -1)


def shares(users: Users, seed: int = 0) -> np.ndarray:
    chosen = users.choose(np.random.default_rng(seed), UNTOLD)
    return np.sort(np.bincount(chosen, minlength=users.count))[::-1] / CALLS


def test_the_top_zipf_users_have_the_shares_of_the_harmonic_series():
    found = shares(Users(count=100, activity="zipf", spread=1.0))
    harmonic = (1 / np.arange(1, 101)).sum()
    assert found[0] == pytest.approx(1 / harmonic, rel=0.03)
    assert found[:10].sum() == pytest.approx((1 / np.arange(1, 11)).sum() / harmonic, rel=0.02)


def test_lognormal_traffic_is_as_uneven_as_planted():
    weights = [
        Users(count=500, spread=1.5).weights(np.random.default_rng(seed)) for seed in range(200)
    ]
    logs = np.log(np.array(weights))
    assert logs.std(axis=1).mean() == pytest.approx(1.5, rel=0.02)
    assert np.sort(weights, axis=1)[:, -50:].sum(axis=1).mean() > 0.5  # a tenth makes most calls


@pytest.mark.parametrize("activity", ["zipf", "lognormal"])
def test_without_spread_all_users_are_alike(activity):
    found = shares(Users(count=50, activity=activity, spread=0.0))
    assert found[0] < 0.023
    assert found[-1] > 0.017


def test_users_that_the_arrivals_name_stay():
    told = np.array([7, -1, 7, -1])
    chosen = Users(count=3).choose(np.random.default_rng(0), told)
    assert chosen[[0, 2]].tolist() == [7, 7]
    assert np.all(chosen[[1, 3]] < 3)


def conversations(users: Users, minutes: np.ndarray, user: np.ndarray, seed: int = 0):
    return users.conversations(np.random.default_rng(seed), minutes * MINUTE_NS, user)


def test_a_conversation_has_as_many_turns_as_planted():
    user = np.random.default_rng(1).integers(0, 20, CALLS)
    conversation, opens = conversations(Users(turns=5), np.arange(CALLS) // 1000, user)
    assert opens.sum() == conversation.max() + 1
    assert CALLS / opens.sum() == pytest.approx(5, rel=0.03)


@given(
    st.lists(st.tuples(st.integers(0, 600), st.integers(0, 4)), min_size=1, max_size=60),
    st.integers(0, 2**32),
)
@settings(max_examples=200)
def test_a_conversation_is_of_one_user_and_without_a_long_pause(calls, seed):
    minutes, user = np.array(sorted(calls)).T
    conversation, opens = conversations(Users(turns=3), minutes, user, seed)
    for number in set(conversation.tolist()):
        rows = conversation == number
        assert len(set(user[rows].tolist())) == 1
        assert np.all(np.diff(minutes[rows]) <= 30)
        assert opens[rows].tolist() == [True] + [False] * (rows.sum() - 1)


def test_a_user_has_one_effect_and_they_spread_as_planted():
    user = np.tile(np.arange(5000), 2)
    effects = Users(count=5000, latency_sd=0.3).effects(np.random.default_rng(0), user)
    assert np.array_equal(effects[:5000], effects[5000:])
    assert np.log(effects).std() == pytest.approx(0.3, rel=0.05)


def test_units_fall_into_all_slots_alike():
    counts = np.bincount(slots(1, np.arange(200_000)), minlength=SLOTS)
    chi_squared = ((counts - 1000) ** 2 / 1000).sum()
    assert 100 < chi_squared < 300  # 199 degrees of freedom, sd 20: five sd either way


def test_routes_with_other_salts_deal_units_otherwise():
    same = slots(1, np.arange(20_000)) == slots(2, np.arange(20_000))
    assert same.mean() == pytest.approx(1 / SLOTS, abs=0.0025)


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.integers(0, 2**32))
def test_each_arm_owns_as_many_slots_as_its_share(cuts, seed):
    counts = [*cuts, SLOTS - sum(cuts)] if sum(cuts) <= SLOTS else [SLOTS]
    owner = arms_by_slot(np.random.default_rng(seed), [count / SLOTS for count in counts])
    assert np.bincount(owner, minlength=len(counts)).tolist() == counts
