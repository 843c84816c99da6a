"""What orders and reports do to what is in force, to what is put back, and to what is promoted."""

from copy import deepcopy
from dataclasses import replace
from datetime import timedelta
from functools import cache

import pytest

from connectors.documents.rules import faults_of
from optimizer.act.reports import MOST_FOLLOWED, hear
from optimizer.controller import Controller
from optimizer.decide.docket import Docket
from optimizer.decisions import DecisionStatus, OptimizationDecision
from optimizer.documents import Document
from optimizer.events import OrderAction, Report, ReportOutcome
from optimizer.findings import Finding, Severity
from optimizer.models import Arm, ModelConfig
from optimizer.observe.words import MAX_REVISION
from optimizer.settings import Autonomy, validate
from optimizer.starting import _is_other_provider
from tests.builders import (
    ROUTE,
    START,
    PriceList,
    a_report,
    a_summary,
    an_observation,
    an_order,
)
from tests.rollout_life import GIVEN, NEW, OLD, PENDING, Life, given
from tests.rollout_traffic import Behaviour

S = DecisionStatus


@cache
def once_promoted():
    life = Life(given())
    life.minutes(60)
    return life


def promoted():
    """A route on which NEW was promoted; each test goes on with its own."""
    return deepcopy(once_promoted())


def test_what_is_undone_is_not_taken_for_seen_while_gateways_follow_what_was_there():
    life = Life(given(), rate=60.0)
    life.minutes(2)
    life.traffic.stale = 1.0
    life.minutes(60, an_order(OrderAction.ROLL_BACK))
    assert "rollback_seen" not in life.rules
    life.traffic.stale = 0.0
    life.minutes(3)
    assert life.rules.count("rollback_seen") == 1


def test_what_was_promoted_can_be_undone_by_order_while_the_route_is_stopped():
    life = promoted()
    life.minutes(5, an_order(OrderAction.STOP))
    life.minutes(5, an_order(OrderAction.ROLL_BACK, id="order-2"))
    assert life.of(Document)[-1].incumbent == OLD.id


def test_stopping_a_route_at_rest_undoes_nothing():
    life = promoted()
    life.minutes(5, an_order(OrderAction.STOP))
    assert life.of(Document)[-1].incumbent == NEW.id


def test_an_arm_whose_model_is_gone_is_not_tried_again():
    life = Life(given())
    life.minutes(2)
    life.minutes(5, a_report(outcome=ReportOutcome.MODEL_GONE, revision=2, arm=NEW.id))
    again = replace(PENDING, id="again")
    life.state = replace(life.state, docket=Docket(pending=again))
    life.minutes(10)
    assert life.shares == [0, 10, 0]
    assert life.rules[-1] == "rollout_waits"
    life.minutes(1, an_order(OrderAction.APPROVE, decision_id="again"))
    assert life.shares == [0, 10, 0, 10]


@pytest.mark.parametrize("revision", [0, 1])
def test_a_conflict_below_what_is_in_force_needs_no_higher_revision(revision):
    life = Life(given())
    life.minutes(1)
    in_force = life.of(Document)[-1].revision
    assert in_force > revision
    life.minutes(1 / 6, a_report(outcome=ReportOutcome.CONFLICT, revision=revision))
    assert life.of(Document)[-1].revision == in_force


@pytest.mark.parametrize("outcome", [ReportOutcome.SEEN, ReportOutcome.CONFLICT])
def test_a_revision_near_the_end_of_all_is_not_followed_so_that_the_next_can_be_read(outcome):
    life = Life(given())
    life.minutes(1)
    in_force = life.of(Document)[-1].revision
    life.minutes(1 / 6, a_report(outcome=outcome, revision=MAX_REVISION - 1))
    assert life.of(Document)[-1].revision == in_force
    life.minutes(1 / 6, a_report(id="report-2", outcome=outcome, revision=MOST_FOLLOWED))
    assert life.of(Document)[-1].revision == MOST_FOLLOWED + 1
    life.minutes(60)
    assert life.statuses[-1] is S.COMPLETED
    assert not any(map(faults_of, life.of(Document)))


def test_conflicts_without_end_do_not_keep_a_step_from_ending():
    life = Life(given(max_step_secs=1200), rate=6.0)
    for number in range(1, 6):
        life.minutes(5, a_report(outcome=ReportOutcome.CONFLICT, revision=100 * number))
    assert life.statuses[-1] is S.ROLLED_BACK


def test_a_pause_holds_a_rollout_however_long():
    life = Life(given(max_step_secs=1200))
    life.minutes(1)
    life.minutes(40, an_order(OrderAction.PAUSE))
    assert life.shares == [0, 10]
    life.minutes(60, an_order(OrderAction.RESUME, id="order-2"))
    assert life.statuses[-1] is S.COMPLETED


def test_what_passed_and_may_not_go_on_is_not_said_to_be_unshown():
    life = Life(given(max_step_secs=1200))
    life.minutes(1)
    life.controller = Controller(given("recommend", max_step_secs=1200), PriceList())
    life.minutes(40)
    assert life.statuses[-1] is S.ROLLED_BACK
    assert "less is allowed now" in life.of(OptimizationDecision)[-1].reason


def test_what_a_person_pinned_is_not_overridden_when_its_model_goes():
    life = promoted()
    life.minutes(1, an_order(OrderAction.PIN))
    life.minutes(3, a_report(outcome=ReportOutcome.MODEL_GONE, revision=6, arm=NEW.id))
    assert life.of(Document)[-1].incumbent == NEW.id


def after_a_promotion_and_an_undone_rollout():
    """NEW was promoted; then OLD was tried once more, and an order took that back."""
    life = promoted()
    second = replace(PENDING, id="second", incumbent=NEW.id, candidate=OLD.id)
    tried = dict(life.state.records, **{NEW.id: life.state.records[OLD.id]})
    life.state = replace(life.state, records=tried, docket=Docket(pending=second))
    life.minutes(3)
    assert life.state.acting.rollout is not None
    life.minutes(5, an_order(OrderAction.ROLL_BACK, id="first", decision_id="second"))
    assert life.state.acting.is_at_rest
    assert life.of(Document)[-1].incumbent == NEW.id
    return life


def test_to_roll_back_twice_does_not_undo_an_older_promotion():
    life = after_a_promotion_and_an_undone_rollout()
    life.minutes(5, an_order(OrderAction.ROLL_BACK, id="again", decision_id="second"))
    assert life.rules[-1] == "order_refused"
    assert life.of(Document)[-1].incumbent == NEW.id


def test_the_newest_change_that_was_kept_can_be_undone_by_its_name():
    life = after_a_promotion_and_an_undone_rollout()
    life.minutes(5, an_order(OrderAction.ROLL_BACK, id="kept", decision_id=PENDING.id))
    assert life.of(Document)[-1].incumbent == OLD.id


def test_an_undone_rollout_does_not_put_what_was_promoted_long_ago_on_probation():
    life = after_a_promotion_and_an_undone_rollout()
    acting, at = life.state.acting, START + timedelta(days=8)
    restored = replace(acting.document, created_at=at - timedelta(hours=1))
    life.state = replace(life.state, acting=replace(acting, document=restored))
    broken = a_summary(arm=NEW.id, end=at, calls=3000, errors=900)
    _, outputs = life.controller.step(life.state, an_observation(at, broken))
    assert [one.rule for one in outputs if isinstance(one, Finding)] == ["error_rate"]
    assert [one for one in outputs if isinstance(one, Document)] == []


def test_what_is_put_back_and_gone_gives_way_and_no_decision_is_left_open():
    life = after_a_promotion_and_an_undone_rollout()
    life.minutes(1 / 6, an_order(OrderAction.ROLL_BACK, id="kept", decision_id=PENDING.id))
    other = replace(life.state.acting.known_good[0], incumbent=NEW.id)
    acting = life.state.acting
    assert acting.undoing is not None
    acting = replace(acting, known_good=(other, replace(acting.known_good[-1], decision_id="x")))
    gone = Report(
        route=ROUTE, outcome=ReportOutcome.MODEL_GONE, revision=acting.revision, arm=OLD.id
    )
    _, said = hear(acting, gone, life.traffic.at_ns)
    ended = [one for one in said if getattr(one, "id", "") == acting.undoing.decision.id]
    assert [one.status for one in ended] == [S.ROLLED_BACK]


@pytest.mark.parametrize(
    ("old", "new", "other"),
    [
        ({}, {}, False),
        ({"provider": "azure"}, {"provider": "azure"}, False),
        ({"provider": "azure"}, {"provider": "openai"}, True),
        ({"provider": "azure"}, {}, True),
    ],
)
def test_one_model_of_two_providers_may_wander_apart(old, new, other):
    arms = [Arm(config=ModelConfig(model="gpt-4o", extra_params=each)) for each in (old, new)]
    assert _is_other_provider(*arms) is other


def test_a_rollout_whose_control_is_gone_gives_way_to_what_was_good_before_it():
    life = promoted()
    third = Arm(config=ModelConfig(model="gpt-4o", temperature=0.2))
    routes = [{**GIVEN["routes"][0], "candidates": [{"model": "gpt-4o", "temperature": 0.2}]}]
    life.controller = Controller(validate(GIVEN | {"routes": routes}), PriceList())
    life.traffic.arms[third.id] = Behaviour()
    records = dict(life.state.records, **{NEW.id: life.state.records[OLD.id]})
    pending = replace(PENDING, id="third", incumbent=NEW.id, candidate=third.id)
    life.state = replace(life.state, records=records, docket=Docket(pending=pending))
    life.minutes(2)
    assert life.of(Document)[-1].leased
    life.minutes(1, a_report(outcome=ReportOutcome.MODEL_GONE, revision=7, arm=NEW.id))
    assert life.of(Document)[-1].incumbent == OLD.id


def test_a_rollout_goes_on_where_its_control_is_gone_and_nothing_else_was_good():
    life = Life(given())
    life.minutes(2)
    life.minutes(1 / 6, a_report(outcome=ReportOutcome.MODEL_GONE, revision=2, arm=OLD.id))
    assert life.shares[:2] == [0, 10]
    assert 0 not in life.shares[1:]


def test_a_step_is_not_given_up_before_its_least_time():
    life = Life(given(least_step_secs=1200, max_step_secs=600))
    life.minutes(22)
    assert life.shares == [0, 10, 50]


def test_a_document_at_rest_that_a_gateway_refuses_is_told():
    life = Life(given())
    told = {"outcome": ReportOutcome.FAILED, "revision": 1, "detail": "no such model"}
    refused = a_report(**told), a_report(id="report-2", gateway="gpt-4o", **told)
    said = [one for one in life.minutes(1 / 6, *refused) if isinstance(one, Finding)]
    critical = ("document_refused", Severity.CRITICAL)
    assert [(one.rule, one.severity) for one in said] == [critical] * 2
    assert [one.detail for one in said] == [
        "The gateway refused it: no such model.",
        "The gateway gpt-4o refused it: no such model.",
    ]


def test_an_arm_in_force_whose_model_goes_with_nothing_before_it_is_told():
    life = Life(given(Autonomy.APPROVE))
    gone = a_report(outcome=ReportOutcome.MODEL_GONE, revision=1, arm=OLD.id)
    life.minutes(1 / 6, gone)
    assert life.rules == ["model_gone"]
    assert life.shares == [0]
