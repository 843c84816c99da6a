from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from optimizer.decisions import (
    TERMINAL,
    TRANSITIONS,
    ActualImpact,
    DecisionStatus,
    complete,
    decision_id,
    transition,
)
from optimizer.errors import IllegalTransition
from tests.builders import ROUTE, START, a_decision, minutes_later

LEGAL = {
    "pending": {"validating", "cancelled"},
    "validating": {"deploying", "validation_failed", "cancelled"},
    "deploying": {"deployed", "deployment_failed", "rolled_back", "cancelled"},
    "deployed": {"monitoring", "rolled_back"},
    "monitoring": {"completed", "rolled_back"},
    "deployment_failed": {"rolled_back"},
    "validation_failed": set(),
    "rolled_back": set(),
    "completed": set(),
    "cancelled": set(),
}


def test_there_are_ten_statuses_and_the_table_knows_each():
    assert len(DecisionStatus) == 10
    assert {status.value: set(map(str, to)) for status, to in TRANSITIONS.items()} == LEGAL


@pytest.mark.parametrize("before", DecisionStatus)
@pytest.mark.parametrize("after", DecisionStatus)
def test_a_status_becomes_what_the_table_allows_and_nothing_else(before, after):
    decision = a_decision(status=before)
    if after.value in LEGAL[before.value]:
        moved = transition(decision, after, minutes_later(3), "why")
        assert (moved.status, moved.reason, moved.updated_at) == (after, "why", minutes_later(3))
    else:
        with pytest.raises(IllegalTransition, match=rf"is {before}.*become {after}"):
            transition(decision, after, minutes_later(3), "why")


@given(st.lists(st.integers(0, 3), max_size=8))
def test_every_path_of_legal_moves_works_and_ends_where_nothing_may_follow(choices):
    decision = a_decision()
    for number, choice in enumerate(choices):
        following = sorted(TRANSITIONS[decision.status])
        if not following:
            assert decision.status in TERMINAL
            for status in DecisionStatus:
                with pytest.raises(IllegalTransition):
                    transition(decision, status, START, "again")
            return
        status = following[choice % len(following)]
        decision = transition(decision, status, minutes_later(number), f"step {number}")
        assert decision.status is status
    assert decision.id == a_decision().id


def test_deploying_and_rolling_back_leave_their_time():
    deploying = a_decision(status=DecisionStatus.DEPLOYING)
    deployed = transition(deploying, DecisionStatus.DEPLOYED, minutes_later(5), "in force")
    undone = transition(deployed, DecisionStatus.ROLLED_BACK, minutes_later(9), "worse")
    assert (deployed.deployed_at, deployed.rolled_back_at) == (minutes_later(5), None)
    assert (undone.deployed_at, undone.rolled_back_at) == (minutes_later(5), minutes_later(9))


def test_what_it_brought_completes_a_decision_that_was_monitored():
    impact = ActualImpact(
        cost_reduction_pct=31.0,
        requests_affected=1200,
        measured_from=START,
        measured_until=START + timedelta(hours=2),
    )
    done = complete(a_decision(status=DecisionStatus.MONITORING), impact, minutes_later(1), "ok")
    assert (done.status, done.actual_impact) == (DecisionStatus.COMPLETED, impact)
    with pytest.raises(IllegalTransition):
        complete(a_decision(), impact, minutes_later(1), "never deployed")


def test_an_id_depends_on_route_tick_and_rule():
    names = {
        (ROUTE, START, "a"),
        (ROUTE, START, "b"),
        (ROUTE, minutes_later(1), "a"),
        ("x", START, "a"),
    }
    assert len({decision_id(*name) for name in names}) == 4
