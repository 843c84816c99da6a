from dataclasses import replace
from datetime import timedelta

import pytest

from optimizer.decide import STRATEGIES
from optimizer.decide.coordinator import consider
from optimizer.decide.docket import Docket, expire, forget
from optimizer.decide.orders import InForce, obey
from optimizer.decisions import DecisionStatus
from optimizer.events import OrderAction
from optimizer.settings import Autonomy, AutonomySettings, DecisionSettings, Settings
from tests.builders import ROUTE, START, a_decision, an_order, minutes_later
from tests.optimizer.decide.a_case import CHEAP, FAST, OLD, a_case, a_finding_on, with_constraints

SETTINGS = DecisionSettings()
SLOW = a_finding_on(OLD)
FAILING = a_finding_on(OLD, "error_rate")
DEAR = a_finding_on(OLD, "cost_increase")


def decide(docket, *findings, minutes=0, **changes):
    at = minutes_later(minutes)
    docket = forget(docket, at, SETTINGS)
    return consider(docket, a_case(*findings, at=at, **changes), STRATEGIES)


def ordered(docket, order, minutes=0):
    return obey(docket, order, minutes_later(minutes), Settings(), InForce(ROUTE))[0]


def told(said):
    return [(one.rule, one.status.value) for one in said]


def test_a_finding_leads_to_one_recommendation_however_long_it_lasts():
    docket, said = decide(Docket(), SLOW)
    assert told(said) == [("latency_threshold", "pending")]
    assert docket.pending == said[0]
    for minutes in range(1, 300):
        docket, said = decide(docket, SLOW, minutes=minutes)
        assert said == ()


def test_a_rule_rests_after_it_was_refused_in_validation_too():
    limits = with_constraints(max_latency_p95_ms=1000.0)
    docket, said = decide(Docket(), SLOW, settings=limits)
    assert said[-1].status is DecisionStatus.VALIDATION_FAILED
    assert "max_latency_p95_ms" in said[-1].reason
    assert docket.pending is None
    spoke = []
    for minutes in range(1, 130):
        docket, said = decide(docket, SLOW, minutes=minutes, settings=limits)
        spoke += [minutes] * bool(said)
    assert spoke == [60, 120]


def test_a_new_decision_supersedes_the_one_that_waits():
    docket, _ = decide(Docket(), DEAR)
    assert docket.pending.candidate == CHEAP.id
    docket, said = decide(docket, SLOW, DEAR, minutes=45)
    assert told(said) == [("cost_increase", "cancelled"), ("latency_threshold", "pending")]
    assert said[0].reason == f"superseded by {said[1].id} (latency_threshold)"
    assert docket.pending.candidate == FAST.id


def test_money_does_not_displace_what_is_urgent_while_that_still_holds():
    docket, _ = decide(Docket(), SLOW)
    assert decide(docket, SLOW, DEAR, minutes=45)[1] == ()
    _, said = decide(docket, DEAR, minutes=45)
    assert told(said) == [("latency_threshold", "cancelled"), ("cost_increase", "pending")]


def test_the_same_change_is_not_recommended_twice_for_two_reasons():
    docket, _ = decide(Docket(), SLOW)
    docket, said = decide(docket, SLOW, FAILING, minutes=45)
    assert said == ()
    assert docket.pending.rule == "latency_threshold"


def test_one_that_fails_validation_leaves_the_one_that_waits():
    docket, _ = decide(Docket(), DEAR)
    after, said = decide(docket, SLOW, DEAR, minutes=5)
    assert said[-1].reason.startswith("min_minutes_between_changes")
    assert after.pending == docket.pending


@pytest.mark.parametrize(("seconds", "expired"), [(86_399, False), (86_400, True)])
def test_a_recommendation_nobody_answers_expires(seconds, expired):
    docket = Docket(pending=a_decision())
    docket, said = expire(docket, START + timedelta(seconds=seconds), SETTINGS)
    assert (said is not None) is expired
    if said:
        assert (said.status, docket.pending) == (DecisionStatus.CANCELLED, None)
        assert said.reason.startswith("expired")


def test_what_was_rejected_is_not_proposed_again_for_another_reason_within_the_hour():
    docket, said = decide(Docket(), SLOW)
    docket = ordered(docket, an_order(decision_id=said[0].id), minutes=3)
    assert decide(docket, SLOW, FAILING, minutes=45)[1] == ()
    assert told(decide(docket, SLOW, FAILING, minutes=64)[1]) == [("error_rate", "pending")]


@pytest.mark.parametrize(
    ("hold", "end"), [("pause", "resume"), ("pin", "unpin"), ("stop", "start")]
)
def test_nothing_is_decided_between_an_order_to_hold_and_its_end(hold, end):
    docket = ordered(Docket(), an_order(OrderAction(hold)))
    assert decide(docket, SLOW)[1] == ()
    docket = ordered(docket, an_order(OrderAction(end)))
    assert told(decide(docket, SLOW)[1]) == [("latency_threshold", "pending")]


def test_no_more_changes_are_recommended_in_a_day_than_allowed():
    docket, made = Docket(), 0
    for minutes in range(0, 23 * 60, 61):
        docket, said = decide(docket, SLOW, minutes=minutes)
        made += [one.status for one in said] == [DecisionStatus.PENDING]
        docket = replace(docket, pending=None)
    assert made == 5
    docket, said = decide(docket, SLOW, minutes=24 * 60 + 61)
    assert told(said) == [("latency_threshold", "pending")]


def test_what_no_longer_matters_is_forgotten():
    docket, _ = decide(Docket(), SLOW)
    docket = forget(replace(docket, pending=None), minutes_later(24 * 60), SETTINGS)
    assert docket == Docket(priority=docket.priority)


@pytest.mark.parametrize(
    ("by", "proposed"),
    [
        pytest.param({"model": Autonomy.OBSERVE}, False, id="watched"),
        pytest.param({"model": Autonomy.RECOMMEND}, True, id="proposed"),
        pytest.param({"parameters": Autonomy.OBSERVE}, True, id="another-kind"),
    ],
)
def test_what_may_only_be_watched_is_not_proposed(by, proposed):
    settings = replace(Settings(), autonomy_by=AutonomySettings(**by))
    _, said = decide(Docket(), SLOW, settings=settings)
    assert bool(said) is proposed
