from dataclasses import replace

import pytest

from optimizer.decide.impact import impact
from tests.builders import PriceList
from tests.optimizer.decide.a_case import CHEAP, FAST, OLD, a_case, served


def test_the_saving_is_that_of_listed_prices_for_the_incumbents_tokens():
    assert impact(a_case(), FAST).cost_reduction_pct == pytest.approx(94.0)
    assert impact(a_case(), CHEAP).cost_reduction_pct == pytest.approx(96.0)


def test_an_incumbent_without_a_listed_price_is_compared_by_what_it_cost():
    prices = PriceList(gpt_4o_mini=(0.15, 0.6)).history
    assert impact(a_case(prices=prices), FAST).cost_reduction_pct == pytest.approx(94.0)
    free = {OLD.id: served(cost_usd=None)}
    assert impact(a_case(prices=prices, served=free), FAST).cost_reduction_pct is None


def test_nothing_is_claimed_of_what_is_not_known():
    unknown = impact(a_case(prices=PriceList().history), CHEAP)
    assert unknown.cost_reduction_pct is None
    assert unknown.quality_delta_pct is None
    assert unknown.latency_delta_pct is None
    assert unknown.confidence < 0.8


def test_a_declared_latency_has_no_interval_and_a_recorded_one_has():
    declared = impact(a_case(), FAST)
    assert declared.latency_delta_pct == pytest.approx(-75.0)
    assert declared.latency_interval_pct is None
    arms = {OLD.id: served(), FAST.id: served(FAST, p95_latency_ms=1800.0)}
    recorded = impact(a_case(served=arms), FAST)
    assert recorded.latency_delta_pct == pytest.approx(-70.0)
    low, high = recorded.latency_interval_pct
    assert -75.0 < low < -70.0 < high < -65.0
    assert recorded.confidence == 0.8


def test_the_latency_now_is_that_of_the_newest_minutes():
    now = served(current_p95_ms=15_000.0, current_calls=100)
    assert impact(a_case(served={OLD.id: now}), FAST).latency_delta_pct == pytest.approx(-90.0)
    sure = {OLD.id: served(), FAST.id: served(FAST, p95_latency_ms=1800.0)}
    unsure = {OLD.id: replace(now, current_calls=20), FAST.id: sure[FAST.id]}

    def width(arms):
        low, high = impact(a_case(served=arms), FAST).latency_interval_pct
        return (high - low) / (high + 100)

    assert width(unsure) > 3 * width(sure)


def test_a_candidate_without_successful_calls_keeps_what_was_declared_of_it():
    mute = served(FAST, p95_latency_ms=None)
    told = impact(a_case(served={OLD.id: served(), FAST.id: mute}), FAST)
    assert told.latency_delta_pct == pytest.approx(-75.0)
    assert told.latency_interval_pct is None


def test_answers_that_are_all_bad_are_all_of_the_score_lost():
    poor = served(FAST, quality_score=0.0, score_sd=0.0)
    told = impact(a_case(served={OLD.id: served(), FAST.id: poor}), FAST)
    assert told.quality_delta_pct == -100.0
    assert told.quality_interval_pct == (-100.0, -100.0)


@pytest.mark.parametrize(("scores", "known"), [(29, False), (30, True)])
def test_quality_is_compared_where_both_were_scored(scores, known):
    better = served(FAST, quality_score=0.88, scores=scores, score_sd=0.05)
    told = impact(a_case(served={OLD.id: served(), FAST.id: better}), FAST)
    assert told.quality_delta_pct == (pytest.approx(10.0) if known else None)
    if known:
        low, high = told.quality_interval_pct
        assert 5.0 < low < 10.0 < high < 20.0
