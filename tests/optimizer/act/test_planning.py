import math

import pytest

from optimizer.act.judge import Judge
from optimizer.act.needs import Course, MeanNeed, ShareNeed
from optimizer.act.planning import Spread, Traffic, plan
from tests.optimizer.act.a_rollout import World, judged, terms

LEAST = (5.0, 10.0, 15.0)
TRAFFIC = Traffic(
    calls_per_minute=60,
    spreads={"latency": Spread(sd=0.6), "cost": Spread(sd=0.8), "tokens": Spread(sd=0.8)},
    error_rate=0.02,
)
COURSE = Course(calls_per_minute=60, share=0.25)


def test_a_plan_is_about_what_an_equal_candidate_takes():
    planned = plan(terms(), TRAFFIC, (1.0,) * 3)[0].calls
    taken = []
    for seed in range(7):
        judge = Judge.begin(terms())
        judge.begin_step(slots=10, next_slots=50, revision=7, at_ns=0)
        judged(judge, World(seed), 1000, 10, 7)
        taken.append(sum(judge.calls))
    assert sorted(taken)[3] == pytest.approx(planned, rel=0.35)


def test_least_times_are_kept():
    steps = plan(terms(), TRAFFIC, (1e4, 10.0, 15.0))
    assert steps[0].minutes == 1e4
    assert steps[0].calls == 600_000


def test_less_traffic_takes_longer_and_as_many_calls():
    slow = plan(
        terms(), Traffic(calls_per_minute=6, spreads=TRAFFIC.spreads, error_rate=0.02), LEAST
    )
    fast = plan(terms(), TRAFFIC, LEAST)
    assert slow[0].minutes == pytest.approx(10 * fast[0].minutes, rel=0.01)
    assert slow[0].calls == pytest.approx(fast[0].calls, rel=0.01)


def test_what_nobody_tells_never_ends_and_ends_the_plan():
    (step,) = plan(terms(), Traffic(calls_per_minute=60, spreads={}, error_rate=0.02), LEAST)
    assert (step.minutes, step.calls, step.candidate_calls) == (None, None, None)
    assert {metric.metric for metric in step.metrics if metric.minutes is None} == {
        "latency",
        "cost",
    }


def test_stricter_profiles_take_longer():
    total = [
        sum(step.calls for step in plan(terms(profile), TRAFFIC, (0.1,) * 4))
        for profile in ("aggressive", "balanced", "conservative")
    ]
    assert total == sorted(total)


def test_a_provider_that_wanders_takes_time_whatever_the_traffic():
    need = MeanNeed(
        level=math.log(20), distance=0.18, scale=0.18, variances=(0.4, 0.4), wander_sd=0.1
    )
    flood = Course(calls_per_minute=1e6, share=0.5)
    assert need.minutes_left(flood) > 5
    assert need.after(need.minutes_left(flood), flood).minutes_left(flood) == 0


@pytest.mark.parametrize(
    "need",
    [
        MeanNeed(level=3.0, distance=0.0, scale=0.2, variances=(1.0, 1.0)),
        MeanNeed(level=3.0, distance=0.2, scale=0.2, variances=(1.0, 1.0), told=0.0),
        ShareNeed(level=3.0, margin=0.02, rates=(0.2, 0.02)),
    ],
    ids=["no distance", "nobody tells", "worse than the margin"],
)
def test_what_cannot_be_shown_takes_for_ever(need):
    assert need.minutes_left(COURSE) == math.inf


def test_calls_that_are_all_alike_show_a_mean_at_once():
    need = MeanNeed(level=3.0, distance=0.2, scale=0.2, variances=(0.0, 0.0))
    assert need.minutes_left(COURSE) <= 0.01


def test_what_is_shown_takes_no_time():
    need = ShareNeed(level=3.0, margin=0.02, rates=(0.02, 0.02), known=4.0)
    assert need.minutes_left(COURSE) == 0


def test_what_would_take_longer_than_a_year_is_said_to_take_for_ever():
    course, year = Course(calls_per_minute=1.0, share=0.05), 60 * 24 * 365.0
    slow, fast = 0.04, 0.02  # the gain passes through 0 between them
    for _ in range(60):
        rate = (slow + fast) / 2
        needed = ShareNeed(level=3.0, margin=0.02, rates=(rate, 0.02)).minutes_left(course)
        slow, fast = (rate, fast) if math.isinf(needed) else (slow, rate)
        assert math.isinf(needed) or needed <= year
    assert 0.02 < fast < 0.04
