import numpy as np
import pytest

from optimizer.act.bill import Bill
from optimizer.act.folding import Sight
from tests.optimizer.act.a_rollout import ARMS, Made, rows_of

SIGHT = Sight(
    arms=ARMS, first_revision=7, revision=7, owned=100, slow_bucket=1000, limit_bucket=None
)


def billed(seed: int, *, rare: float = 0.0, times: float = 50.0, revision: int = 7) -> Bill:
    """1,500 calls of each arm; a rare call of the candidate costs many times as much."""
    chance, bill = np.random.default_rng(seed), Bill.empty()
    for _ in range(15):
        calls = []
        for arm in ARMS:
            costs = 0.001 * np.exp(chance.normal(0, 0.5, 100))
            if arm == ARMS[0]:
                costs[chance.random(100) < rare] *= times
            calls += [Made(arm, revision, 0, cost_usd=float(cost)) for cost in costs]
        bill.add(rows_of(calls), SIGHT)
    return bill


def test_a_rare_dear_call_shows_on_the_bill():
    change = billed(1, rare=0.05).change(1.0, 0.2)
    assert change.ratio > 0.1
    assert change.log_proof > np.log(20)


def test_an_outlier_counts_for_the_cap_only():
    dear, dearest = (billed(2, rare=0.01, times=times).change(1.0, 0.2) for times in (50, 5000))
    assert dearest.ratio == pytest.approx(dear.ratio, abs=1e-12)


def test_equal_arms_are_seldom_said_to_differ():
    proofs = [billed(seed).change(1.0, 0.2).log_proof for seed in range(8)]
    assert sum(proof >= np.log(20) for proof in proofs) <= 1


def test_the_mean_is_that_of_the_capped_costs():
    bill = Bill.empty()
    bill.cap[0] = 2000
    costs = {ARMS[0]: [0.002, 0.004] * 30, ARMS[1]: [0.001, 0.003] * 30}
    calls = [Made(arm, 7, 0, cost_usd=cost) for arm, each in costs.items() for cost in each]
    bill.add(rows_of(calls), SIGHT)
    assert bill.change(1.0, 0.2).ratio == pytest.approx(0.5, abs=0.02)  # buckets are 2 % wide


def test_without_enough_calls_nothing_is_said():
    assert Bill.empty().change(1.0, 0.2) is None
    assert billed(3, revision=6).change(1.0, 0.2) is None
