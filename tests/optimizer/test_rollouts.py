"""A decision becomes traffic, step by step, and the telemetry that follows keeps or undoes it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from optimizer.controller import Controller
from optimizer.decisions import DecisionStatus, OptimizationDecision
from optimizer.documents import SLOTS, Document
from optimizer.events import OrderAction, ReportOutcome
from optimizer.findings import Finding
from optimizer.panes import PANE_NS
from optimizer.rollouts import Phase, RolloutProgress, VerdictKind
from optimizer.route_state import RouteState
from optimizer.settings import (
    Autonomy,
)
from tests.builders import (
    START,
    PriceList,
    a_decision,
    a_report,
    a_summary,
    an_observation,
    an_order,
)
from tests.rollout_life import NEW, OLD, PENDING, Life, given
from tests.rollout_traffic import Behaviour

S = DecisionStatus
KEPT = [S.VALIDATING, S.DEPLOYING, S.DEPLOYED, S.MONITORING, S.COMPLETED]
UNDONE = [S.VALIDATING, S.DEPLOYING, S.ROLLED_BACK]
FAILED = [S.VALIDATING, S.DEPLOYING, S.DEPLOYMENT_FAILED, S.ROLLED_BACK]


def test_an_arm_that_is_no_worse_is_promoted_step_by_step():
    life = Life(given())
    life.minutes(60)
    assert life.statuses == KEPT
    assert life.shares == [0, 10, 50, 100, 190, SLOTS]
    first, *steps, last = life.of(Document)
    assert [one.revision for one in life.of(Document)] == [1, 2, 3, 4, 5, 6]
    assert (first.incumbent, last.incumbent) == (OLD.id, NEW.id)
    assert [one.leased for one in life.of(Document)] == [False, True, True, True, True, False]
    assert {one.salt for one in (*steps, last)} == {PENDING.id}
    twice_p99_ms = 4060
    assert [one.patience_ms for one in life.of(Document)] == [0, *[twice_p99_ms] * 4, 0]
    impact = life.of(OptimizationDecision)[-1].actual_impact
    assert abs(impact.latency_delta_pct) < 10
    assert abs(impact.cost_reduction_pct) < 10
    assert 3000 < impact.requests_affected < life.traffic.served[NEW.id]
    assert life.state.acting.is_at_rest


def test_nobody_leaves_the_cohort_while_it_grows():
    life = Life(given())
    life.minutes(60)
    for before, after in zip(life.of(Document)[1:], life.of(Document)[2:], strict=False):
        mine = [slot for slot in range(SLOTS) if before.arm_of(slot) == NEW.id]
        assert all(after.arm_of(slot) == NEW.id for slot in mine)


@pytest.mark.parametrize(
    "worse",
    [
        pytest.param(Behaviour(latency_ms=1600.0), id="slower"),
        pytest.param(Behaviour(errors=0.3), id="failing"),
        pytest.param(Behaviour(cost_usd=0.02), id="dearer"),
    ],
)
def test_an_arm_that_is_worse_is_undone_and_telemetry_shows_it(worse):
    life = Life(given(), worse)
    life.minutes(40)
    assert life.statuses == UNDONE
    assert max(life.shares) <= 50
    before, *_, after = life.of(Document)
    same = ("arms", "allotments", "incumbent", "salt", "unit", "leased")
    assert all(getattr(before, name) == getattr(after, name) for name in same)
    assert life.rules == ["rollback_seen"]
    assert life.of(RolloutProgress)[-1].phase is Phase.ENDED


def test_a_document_that_no_gateway_follows_is_a_failed_deployment():
    life = Life(given(max_step_secs=1200), stale=1.0)
    life.minutes(30)
    assert life.statuses == FAILED
    assert life.shares == [0, 10, 0]
    (verdict,) = {one.verdict.kind for one in life.of(RolloutProgress)[5:]}
    assert verdict is VerdictKind.INVALID


def test_a_step_that_proves_nothing_in_its_time_is_undone_and_that_is_no_harm():
    life = Life(given(max_step_secs=1200), rate=6.0)
    life.minutes(30)
    assert life.statuses == UNDONE
    assert "cannot be shown at this traffic" in life.of(OptimizationDecision)[-1].reason


def test_a_pause_holds_a_rollout_where_it_is_but_does_not_disarm_it():
    life = Life(given())
    life.minutes(2)
    life.minutes(20, an_order(OrderAction.PAUSE))
    assert life.shares == [0, 10]
    life.traffic.arms[NEW.id] = Behaviour(errors=0.5)
    life.minutes(20)
    assert life.statuses == UNDONE


def test_a_resumed_rollout_goes_on():
    life = Life(given())
    life.minutes(20, an_order(OrderAction.PAUSE))
    life.minutes(60, an_order(OrderAction.RESUME))
    assert life.statuses[-1] is S.COMPLETED


@pytest.mark.parametrize("level", [Autonomy.OBSERVE, Autonomy.RECOMMEND, Autonomy.GUARD])
def test_below_approve_nothing_is_ever_started(level):
    life = Life(given(level))
    life.minutes(10, an_order(OrderAction.APPROVE, decision_id=PENDING.id))
    assert life.of(Document) == []
    assert life.statuses == []


@pytest.mark.parametrize("level", [Autonomy.OBSERVE, Autonomy.RECOMMEND, Autonomy.GUARD])
def test_what_was_begun_may_only_be_undone_when_less_is_allowed(level):
    life = Life(given())
    life.minutes(1)
    life.controller = Controller(given(level.value), PriceList())
    life.minutes(20)
    assert life.shares == [0, 10]
    life.minutes(5, an_order(OrderAction.ROLL_BACK))
    assert life.statuses == UNDONE


def test_under_approve_a_rollout_starts_when_a_person_says_so():
    life = Life(given(Autonomy.APPROVE))
    life.minutes(10)
    assert life.shares == [0]
    life.minutes(60, an_order(OrderAction.APPROVE, decision_id=PENDING.id, revision=1))
    assert life.statuses == KEPT


def test_an_approval_that_saw_another_revision_starts_nothing():
    life = Life(given(Autonomy.APPROVE))
    life.minutes(10, an_order(OrderAction.APPROVE, decision_id=PENDING.id, revision=7))
    assert (life.shares, life.rules) == ([0], ["order_refused"])


def approved() -> Life:
    """A route whose pending decision is approved, and waits for scores."""
    life = Life(given(Autonomy.APPROVE, require_quality=True))
    life.minutes(10, an_order(OrderAction.APPROVE, decision_id=PENDING.id, revision=1))
    assert life.shares == [0]
    return life


def test_an_approval_stands_until_there_is_something_to_compare_with():
    life = approved()
    assert life.rules == ["order_obeyed", "rollout_waits"]  # told once
    assert life.of(Finding)[-1].detail.endswith("it starts as soon as that has changed.")
    life.scores = 100
    life.minutes(2)
    assert life.shares == [0, 10]
    assert life.rules == ["order_obeyed", "rollout_waits"]


def test_an_approval_that_stands_starts_nothing_on_a_route_that_is_paused():
    life = approved()
    life.scores = 100
    life.minutes(5, an_order(OrderAction.PAUSE, id="order-2"))
    assert life.shares == [0]
    life.minutes(2, an_order(OrderAction.RESUME, id="order-3"))
    assert life.shares == [0, 10]


def test_an_approval_ends_when_the_model_is_reported_gone():
    life = approved()
    life.scores = 100
    life.minutes(5, a_report(outcome=ReportOutcome.MODEL_GONE, revision=1, arm=NEW.id))
    assert life.shares == [0]
    life.minutes(2, an_order(OrderAction.APPROVE, id="order-2", decision_id=PENDING.id))
    assert life.shares == [0, 10]


def test_an_approval_ends_with_its_decision():
    life = approved()
    life.minutes(1, an_order(OrderAction.REJECT, id="order-2", decision_id=PENDING.id))
    life.scores = 100
    life.minutes(10)
    assert life.shares == [0]


@pytest.mark.parametrize("action", [OrderAction.ROLL_BACK, OrderAction.STOP])
def test_an_order_undoes_the_rollout_at_its_tick(action):
    life = Life(given())
    life.minutes(3)
    life.minutes(1 / 6, an_order(action))
    assert life.statuses == UNDONE
    life.minutes(20)
    assert life.shares[:2] == [0, 10]
    assert life.shares[-1] == 0
    assert life.rules == ["order_obeyed", "rollback_seen"]


def test_what_was_promoted_can_be_undone_by_order():
    life = Life(given())
    life.minutes(60)
    life.minutes(5, an_order(OrderAction.ROLL_BACK))
    assert life.shares[-1] == 0
    assert life.statuses[len(KEPT) :] == [S.PENDING, *KEPT]
    assert life.of(OptimizationDecision)[-1].candidate == OLD.id


def test_a_gateway_that_refuses_a_document_is_a_failed_deployment():
    life = Life(given())
    life.minutes(2)
    refused = a_report(outcome=ReportOutcome.FAILED, revision=2, detail="no such model")
    life.minutes(3, refused)
    assert life.statuses == FAILED
    assert "no such model" in life.of(OptimizationDecision)[-1].reason


def test_a_foreign_revision_is_risen_above_and_the_step_begins_anew():
    life = Life(given())
    life.minutes(2)
    life.minutes(1 / 6, a_report(outcome=ReportOutcome.CONFLICT, revision=70))
    assert (life.of(Document)[-1].revision, life.shares) == (71, [0, 10, 10])
    life.minutes(60)
    assert life.statuses == KEPT


def test_a_controller_that_starts_without_state_begins_above_what_gateways_hold():
    life = Life(given())
    life.state, life.said = RouteState(), []
    life.minutes(1, a_report(outcome=ReportOutcome.SEEN, revision=40))
    assert [one.revision for one in life.of(Document)] == [41]


def test_a_candidate_whose_model_is_gone_is_undone():
    life = Life(given())
    life.minutes(2)
    life.minutes(1, a_report(outcome=ReportOutcome.MODEL_GONE, revision=2, arm=NEW.id))
    assert life.statuses == UNDONE


def test_a_promoted_arm_whose_model_goes_gives_way_to_the_last_known_good():
    life = Life(given())
    life.minutes(60)
    life.minutes(3, a_report(outcome=ReportOutcome.MODEL_GONE, revision=6, arm=NEW.id))
    assert life.of(Document)[-1].incumbent == OLD.id


def test_an_arm_that_answers_else_is_not_tried_where_nobody_scores():
    life = Life(given(require_quality=True))
    life.minutes(10)
    assert life.shares == [0]
    assert life.rules == ["rollout_waits"]
    assert life.state.docket.pending == PENDING


@pytest.mark.parametrize(
    ("candidate", "records", "told"),
    [
        ("gpt-9-1f", True, "Candidate gpt-9-1f is not declared any more"),
        (NEW.id, False, f"Incumbent {OLD.id} has not served"),
    ],
)
def test_what_a_start_waits_for_names_arms_as_they_are(candidate, records, told):
    life = Life(given(), pending=replace(PENDING, candidate=candidate))
    life.state = replace(life.state, records=life.state.records if records else {})
    life.minutes(1 / 6)
    assert life.of(Finding)[-1].detail.startswith(told)


def test_being_stored_at_every_tick_changes_nothing():
    lives = []
    for stored in (False, True):
        life = Life(given(), Behaviour(latency_ms=820.0))
        life.minutes(40, stored=stored)
        lives.append(life.said)
    assert lives[0] == lives[1]


def test_what_is_promoted_and_breaks_a_limit_later_is_undone_without_asking():
    life = Life(given())
    life.minutes(60)
    at = START + timedelta(minutes=90)
    broken = a_summary(arm=NEW.id, end=at, calls=3000, errors=900)
    _, outputs = life.controller.step(life.state, an_observation(at, broken))
    decisions = [one for one in outputs if isinstance(one, OptimizationDecision)]
    assert [one.status for one in decisions] == [S.PENDING, *KEPT[:-1]]
    (document,) = (one for one in outputs if isinstance(one, Document))
    assert document.incumbent == OLD.id


def test_who_holds_a_rollout_is_told():
    life = Life(given())
    life.minutes(1)
    assert not life.of(RolloutProgress)[-1].paused
    life.minutes(2, an_order(OrderAction.PAUSE))
    assert life.of(RolloutProgress)[-1].paused


def test_an_order_to_undo_comes_before_a_step():
    usual, ordered = Life(given()), Life(given())
    while usual.shares[-1] < 50:
        usual.minutes(1 / 6)
    while ordered.traffic.at_ns < usual.traffic.at_ns - PANE_NS:
        ordered.minutes(1 / 6)
    ordered.minutes(1 / 6, an_order(OrderAction.ROLL_BACK))
    assert (usual.shares, ordered.shares) == ([0, 10, 50], [0, 10, 0])


def test_a_limit_that_the_old_arm_broke_too_undoes_nothing():
    life = Life(given(), pending=a_decision(rule="error_rate", incumbent=OLD.id, candidate=NEW.id))
    life.minutes(60)
    at = START + timedelta(minutes=90)
    broken = a_summary(arm=NEW.id, end=at, calls=3000, errors=900)
    _, outputs = life.controller.step(life.state, an_observation(at, broken))
    assert all(one.leased for one in outputs if isinstance(one, Document))  # at most a new try


def test_a_step_whose_revision_nobody_stamps_says_where_to_look():
    life = Life(given())
    life.traffic.rate = 0.0  # wrongly signed stamps are not taken: their calls are another route's
    life.minutes(3)
    assert "stamps.key" in life.of(RolloutProgress)[-1].verdict.detail
