"""Whole stories of one route: something happens, is found, is acted on, is over."""

from dataclasses import replace
from datetime import timedelta

import pytest

from optimizer.controller import Controller, Observation
from optimizer.decisions import OptimizationDecision
from optimizer.findings import Finding
from optimizer.settings import RouteSettings, Settings
from tests.builders import PriceList, a_tick, an_arm, an_order
from tests.noisy_traffic import DAY, ROUTE, START, Incident, Noise, Traffic

HOUR = 60
OLD = an_arm("gpt-4o")
FAST, SMALL = an_arm("claude-haiku", latency_p95_ms=1200.0), an_arm("gpt-4o-mini")
PRICES = PriceList(gpt_4o=(2.5, 10.0), claude_haiku=(0.8, 4.0), gpt_4o_mini=(0.15, 0.6))


def settings(**sections):
    """Settings of the route, with changes to sections: `decisions={"cooldown_secs": 60}`."""
    base = Settings()
    changed = {name: replace(getattr(base, name), **to) for name, to in sections.items()}
    route = RouteSettings(route=ROUTE, incumbent=OLD, candidates=(FAST, SMALL))
    return replace(base, routes=(route,), **changed)


class Story:
    """A route that lives through noisy traffic, and what was said of it, by minute."""

    def __init__(self, given=None, **noise):
        self.noise = Noise(**({"minutes": 4 * DAY, "rate": 60, "seed": 3, "arm": OLD.id} | noise))
        self.traffic = Traffic(self.noise)
        self.controller = Controller(given or settings(), PRICES)
        self.state, self.minute, self.said = None, 0, []

    def until(self, minute):
        for seen in self.traffic.observations(self.minute, minute):
            self.take(seen)
        self.minute = minute
        return self

    def take(self, seen):
        self.state, said = self.controller.step(self.state, seen)
        minute = (seen.at - START) // timedelta(minutes=1)
        self.said += [(minute, one) for one in said]
        return said

    def findings(self, *rules):
        """Give (rule, status, severity) of what was found, with the minute."""
        return [
            (minute, one.rule, one.status.value, one.severity.value)
            for minute, one in self.said
            if isinstance(one, Finding) and (not rules or one.rule in rules)
        ]

    def decisions(self):
        return [(minute, one) for minute, one in self.said if isinstance(one, OptimizationDecision)]


def test_a_model_becomes_three_times_slower_and_recovers():
    at, over = 3 * DAY, 3 * DAY + 2 * HOUR
    story = Story(incident=Incident(start=at, stop=over, latency=3.0)).until(over + HOUR)
    opened = {rule: minute for minute, rule, status, _ in story.findings() if status == "open"}
    closed = {rule: minute for minute, rule, status, _ in story.findings() if status == "closed"}
    assert opened.keys() == closed.keys() == {"latency_increase", "latency_threshold"}
    assert at < opened["latency_increase"] <= at + 5
    assert all(over < minute <= over + 20 for minute in closed.values())
    minute, decision = story.decisions()[0]
    assert minute <= at + 6
    assert (decision.candidate, decision.status.value) == (FAST.id, "pending")
    assert decision.expected_impact.latency_delta_pct < -50
    assert decision.expected_impact.cost_reduction_pct == pytest.approx(64.0)
    assert story.state.docket.pending.id == story.decisions()[-1][1].id


def test_a_recommendation_nobody_answers_is_cancelled_after_a_day():
    at = 2 * DAY
    story = Story(incident=Incident(start=at, stop=at + HOUR, latency=3.0)).until(3 * DAY + HOUR)
    (made, first), *_, (ended, last) = story.decisions()
    assert first.id == last.id
    assert ended - made == DAY
    assert (last.status.value, last.reason[:7]) == ("cancelled", "expired")


def test_errors_lead_to_another_arm_and_an_operator_may_refuse():
    at = 2 * DAY
    story = Story(incident=Incident(start=at, errors=0.2)).until(at + 5)
    assert [one[1:] for one in story.findings()] == [("error_rate", "open", "critical")]
    ((_, decision),) = story.decisions()
    assert (decision.rule, decision.candidate) == ("error_rate", FAST.id)
    order = an_order(decision_id=decision.id, reason="we wait for the provider")
    story.state, (told, answer) = story.controller.tick(
        story.state, a_tick(START + timedelta(minutes=at + 5), order)
    )
    assert (told.rule, answer.id, answer.status.value) == ("order_obeyed", decision.id, "cancelled")
    story.until(at + 50)
    assert len(story.decisions()) == 1


def test_a_price_that_doubles_leads_to_the_cheapest_arm_at_the_main_loop():
    at = 3 * DAY + 7
    story = Story(incident=Incident(start=at, cost=2.0)).until(at + HOUR)
    ((found, rule, _, severity),) = story.findings()
    assert (rule, severity) == ("cost_increase", "error")
    assert found <= at + 25
    ((made, decision),) = story.decisions()
    assert (decision.rule, decision.candidate) == ("cost_increase", SMALL.id)
    assert made % 15 == 0
    assert decision.expected_impact.cost_reduction_pct == pytest.approx(94.0)
    assert [one.arm for one in decision.alternatives] == [FAST.id]


def test_answers_that_get_worse_are_found_and_left_to_people():
    at = 3 * DAY
    story = Story(incident=Incident(start=at, stop=at + 3 * HOUR, quality=-0.2))
    story.until(at + 6 * HOUR)
    told = story.findings("quality_drop")
    assert [one[2:] for one in told] == [("open", "error"), ("closed", "error")]
    assert told[0][0] <= at + 30
    assert at + 3 * HOUR < told[1][0] <= at + 5 * HOUR
    assert {one[1] for one in story.findings()} <= {"quality_drop", "quality_min"}
    assert story.decisions() == []


def test_a_route_that_stops_is_found_at_its_first_silent_minute_until_calls_return():
    at = 2 * DAY
    stop = Incident(start=at, stop=at + 45, rate=0.0)
    story = Story(rate=60, swing=0.5, incident=stop).until(at + 3 * HOUR)
    assert story.findings() == [
        (at + 1, "traffic_stop", "open", "critical"),
        (at + 48, "traffic_stop", "closed", "critical"),
    ]
    assert story.decisions() == []


def test_a_flood_is_one_warning():
    at = 2 * DAY
    story = Story(incident=Incident(start=at, stop=at + HOUR, rate=4.0)).until(at + 3 * HOUR)
    told = story.findings()
    assert [one[1:] for one in told] == [
        ("traffic_surge", "open", "warning"),
        ("traffic_surge", "closed", "warning"),
    ]
    assert told[0][0] <= at + 3
    assert told[1][0] <= at + HOUR + 15


def test_a_lasting_rise_is_one_finding_for_a_day_and_then_the_usual_level():
    at = 2 * DAY
    story = Story(minutes=5 * DAY, incident=Incident(start=at, latency=1.9)).until(5 * DAY)
    told = story.findings("latency_increase")
    opened, *_, closed = told
    assert [one[2] for one in told].count("closed") == 1
    assert closed[2] == "closed"
    assert opened[0] + DAY < closed[0] <= opened[0] + DAY + 4 * HOUR


def test_a_budget_is_warned_of_then_broken_and_a_new_day_begins_with_a_new_one():
    # 60 calls a minute at about .69 cents: 600 USD in a day of 86,400 calls.
    given = settings()
    route = replace(
        given.routes[0], thresholds=replace(given.routes[0].thresholds, daily_budget=300.0)
    )
    given = replace(given, routes=(route,))
    story = Story(given, minutes=2 * DAY).until(DAY + 10)
    told = [(one[2], one[3]) for one in story.findings("daily_budget")]
    assert told == [("open", "warning"), ("open", "error"), ("closed", "error")]
    ids = {one.id for _, one in story.said if isinstance(one, Finding)}
    assert len(ids) == 1
    closed = story.findings("daily_budget")[-1]
    assert closed[0] == DAY + 1
    first = story.decisions()[0][1]
    assert (first.rule, first.candidate) == ("daily_budget", SMALL.id)


def test_an_arm_that_would_break_a_safety_limit_is_refused_and_not_tried_each_minute():
    at = 2 * DAY
    given = settings(constraints={"max_latency_p95_ms": 1000.0})
    story = Story(given, incident=Incident(start=at, latency=3.0)).until(at + 90)
    told = [(one.rule, one.status.value) for _, one in story.decisions()]
    assert set(told) <= {
        (rule, status)
        for rule in ("latency_threshold", "latency_increase")
        for status in ("pending", "validating", "validation_failed")
    }
    failed = [one for _, one in story.decisions() if one.status.value == "validation_failed"]
    assert 2 <= len(failed) <= 4  # two rules, an hour's rest after each
    assert all("max_latency_p95_ms" in one.reason for one in failed)
    assert story.state.docket.pending is None


def nights(days, working=(8, 20), rate=60):
    """Traffic that sleeps from 20:00 to 08:00, minute by minute."""
    traffic = Traffic(Noise(minutes=days * DAY, rate=rate, seed=9))
    for seen in traffic.observations(0, days * DAY):
        hour = (seen.at - timedelta(minutes=1)).hour
        awake = working[0] <= hour < working[1]
        yield seen if awake else Observation(route=ROUTE, at=seen.at)


def test_a_route_that_sleeps_is_found_silent_in_its_first_night_only():
    controller, state, said = Controller(settings(), PRICES), None, []
    for seen in nights(5):
        state, outputs = controller.step(state, seen)
        said += outputs
    stops = [one for one in said if isinstance(one, Finding) and one.rule == "traffic_stop"]
    assert [(one.status.value, one.since.day) for one in stops] == [
        ("open", START.day),
        ("closed", START.day),
    ]


def test_a_stray_call_now_and_then_is_still_one_stop():
    story = Story(incident=Incident(start=2 * DAY, stop=2 * DAY + 60, rate=0.01))
    story.until(2 * DAY + 2 * HOUR)
    assert [one[2] for one in story.findings("traffic_stop")] == ["open", "closed"]


@pytest.mark.parametrize("seed", range(4))
def test_a_first_day_is_quiet(seed):
    story = Story(minutes=DAY, seed=100 + seed).until(DAY)
    assert story.findings() == []
