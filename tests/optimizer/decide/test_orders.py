"""Orders: each is carried out or refused, and either is told with who gave it and why."""

from dataclasses import replace

import pytest

from optimizer.decide.docket import Docket
from optimizer.decide.orders import InForce, obey
from optimizer.decisions import ChangeType, ConfigurationChange, DecisionStatus
from optimizer.events import OrderAction, Score
from optimizer.findings import Finding, FindingStatus, Severity
from optimizer.settings import validate
from tests.builders import ROUTE, START, a_decision, an_order, minutes_later

WAITING = a_decision()
APPROVING = validate({"autonomy": "approve", "stamps": {"unsigned_autonomy": "auto"}})
NOTHING = InForce(ROUTE)
ROLLING = InForce(ROUTE, revision=7, rollout="on its way", newest="before")
AT_REST = InForce(ROUTE, revision=7, newest="before")


def ordered(action, docket=None, *, settings=APPROVING, in_force=NOTHING, **order):
    """Give an order; tell the docket after it, and what was said beside the answer."""
    docket = docket or Docket()
    after, (answer, *said) = obey(
        docket, an_order(OrderAction(action), **order), minutes_later(3), settings, in_force
    )
    assert isinstance(answer, Finding)
    return after, answer, said


def was_obeyed(action, docket=None, **given):
    after, answer, _ = ordered(action, docket, **given)
    assert (answer.rule == "order_refused") is (after == (docket or Docket()))
    return answer.rule == "order_obeyed"


def why_refused(action, docket=None, **given):
    after, answer, said = ordered(action, docket, **given)
    assert answer.rule == "order_refused"
    assert (after, said) == (docket or Docket(), [])
    return answer.detail


def test_an_answer_tells_who_gave_the_order_and_why_and_is_over_at_once():
    _, answer, _ = ordered("pause", reason="a holiday", route="acme/shop/*")
    assert (answer.rule, answer.severity) == ("order_obeyed", Severity.INFO)
    assert answer.title == "An order to pause was carried out"
    assert answer.detail == "Given by ada: a holiday"
    assert (answer.route, answer.status) == (ROUTE, FindingStatus.CLOSED)
    assert answer.until == answer.since == minutes_later(3)
    _, other, _ = ordered("pause", id="order-2")
    assert other.id != answer.id


def test_an_order_is_carried_out_however_long_its_words_and_they_are_told_in_part():
    rolled_back, answer, _ = ordered(
        "roll_back", in_force=ROLLING, reason="x" * 10**6, author="a" * 10**6
    )
    assert answer.rule == "order_obeyed"
    assert len(answer.detail) < 1200
    assert len(rolled_back.undo) < 1200


def test_what_waits_may_be_rejected():
    docket = Docket(pending=WAITING, priority=3, approved=WAITING.id)
    after, _, (cancelled,) = ordered("reject", docket, decision_id=WAITING.id, reason="not now")
    assert (cancelled.id, cancelled.status) == (WAITING.id, DecisionStatus.CANCELLED)
    assert cancelled.reason == "rejected by ada: not now"
    assert after == Docket(refused=WAITING.candidate, refused_at=minutes_later(3))


def test_what_waits_may_be_approved():
    docket = Docket(pending=WAITING)
    after, _, said = ordered("approve", docket, decision_id=WAITING.id, reason="go on")
    assert (after.approved, said) == (WAITING.id, [])
    assert after.pending == replace(WAITING, metadata={"approved_by": "ada: go on"})


@pytest.mark.parametrize("action", ["approve", "reject"])
@pytest.mark.parametrize("pending", [None, WAITING], ids=["nothing waits", "another waits"])
def test_an_answer_to_a_decision_that_does_not_wait_is_refused(action, pending):
    detail = why_refused(action, Docket(pending=pending), decision_id="unknown")
    waiting = f"{WAITING.id} is" if pending else "none is"
    assert detail.startswith(f"No decision unknown of this route is pending: {waiting}.")
    assert detail.endswith("Given by ada")


def test_a_score_is_no_order():
    score = replace(an_order(), data=Score(route=ROUTE, arm="a", value=0.5))
    docket = Docket(pending=WAITING)
    assert obey(docket, score, START, APPROVING, NOTHING) == (docket, ())


@pytest.mark.parametrize("action", OrderAction)
@pytest.mark.parametrize(("seen", "now"), [(6, 7), (8, 7), (0, 7), (7, 0)])
def test_an_order_that_saw_another_revision_is_refused_and_told_both(action, seen, now):
    docket, in_force = Docket(pending=WAITING), ROLLING._replace(revision=now)
    given = {"decision_id": WAITING.id, "revision": seen, "in_force": in_force}
    detail = why_refused(action, docket, **given)
    words = {0: "no document"}
    saw, is_now = (words.get(one, f"revision {one}") for one in (seen, now))
    assert detail.startswith(f"It saw {saw}, but {is_now} is in force: ")


@pytest.mark.parametrize("revision", [7, None])
def test_an_order_that_saw_what_is_in_force_or_nothing_is_carried_out(revision):
    assert was_obeyed("pause", revision=revision, in_force=ROLLING)
    assert was_obeyed("pause", revision=0)


@pytest.mark.parametrize(
    ("hold", "end", "name"),
    [("pause", "resume", "paused"), ("pin", "unpin", "pinned"), ("stop", "start", "stopped")],
)
def test_a_hold_lasts_until_its_own_end(hold, end, name):
    held, _, _ = ordered(hold, timestamp=minutes_later(1))
    assert getattr(held, name)
    assert not held.is_open
    others = {"resume", "unpin", "start"} - {end}
    for other in others:
        assert ordered(other, held, timestamp=minutes_later(2))[0] == held
    again, _, _ = ordered(hold, held, timestamp=minutes_later(1))
    assert again == held
    assert ordered(end, held, timestamp=minutes_later(2))[0] == Docket()


@pytest.mark.parametrize(
    ("hold", "end"), [("pause", "resume"), ("pin", "unpin"), ("stop", "start")]
)
def test_a_hold_is_not_ended_by_what_was_ordered_before_it(hold, end):
    held, _, _ = ordered(hold, timestamp=minutes_later(2))
    assert "later" in why_refused(end, held, timestamp=minutes_later(1))
    assert was_obeyed(end, held, timestamp=minutes_later(2))


def test_a_hold_from_a_clock_that_is_far_ahead_can_be_ended_soon():
    held, _, _ = ordered("stop", timestamp=minutes_later(10**6))
    assert not was_obeyed("start", held, timestamp=minutes_later(12.9))
    assert was_obeyed("start", held, timestamp=minutes_later(13))


@pytest.mark.parametrize(
    ("hold", "name"), [("pause", "paused"), ("pin", "pinned"), ("stop", "stopped")]
)
def test_nothing_is_approved_while_the_route_is_held_and_it_may_be_rejected(hold, name):
    held, _, _ = ordered(hold, Docket(pending=WAITING))
    assert f"The route is {name}" in why_refused("approve", held, decision_id=WAITING.id)
    assert ordered("reject", held, decision_id=WAITING.id)[0].pending is None


@pytest.mark.parametrize(
    ("in_force", "decision", "undone"),
    [
        pytest.param(ROLLING, "", True, id="the-rollout"),
        pytest.param(ROLLING, "on its way", True, id="the-rollout-by-name"),
        pytest.param(ROLLING, "before", False, id="what-the-rollout-rests-on"),
        pytest.param(AT_REST, "", True, id="the-newest-change"),
        pytest.param(AT_REST, "before", True, id="the-newest-change-by-name"),
        pytest.param(AT_REST, "on its way", False, id="what-is-over"),
        pytest.param(NOTHING, "", False, id="nothing"),
        pytest.param(NOTHING, "before", False, id="something-unknown"),
    ],
)
def test_what_is_newest_may_be_rolled_back(in_force, decision, undone):
    given = {"in_force": in_force, "decision_id": decision, "reason": "complaints"}
    assert was_obeyed("roll_back", **given) is undone
    if undone:
        assert ordered("roll_back", **given)[0] == Docket(undo="rolled back by ada: complaints")


def test_a_stop_undoes_what_is_on_its_way_and_nothing_else():
    rolling, _, _ = ordered("stop", in_force=ROLLING, reason="fire")
    assert (rolling.stopped, rolling.undo) == (True, "stopped by ada: fire")
    at_rest, _, _ = ordered("stop", in_force=AT_REST)
    assert (at_rest.stopped, at_rest.undo) == (True, "")


def test_what_is_on_its_way_cannot_be_pinned():
    assert "on its way is being rolled out" in why_refused("pin", in_force=ROLLING)
    assert was_obeyed("pin", in_force=AT_REST)


PROMPT = ConfigurationChange(parameter="prompt_version", new_value="2", change_type=ChangeType.ADD)


@pytest.mark.parametrize(
    ("settings", "refused_by"),
    [
        ({"autonomy": "auto", "stamps": {"unsigned_autonomy": "auto"}}, ""),
        ({"autonomy": "approve", "stamps": {"unsigned_autonomy": "approve"}}, ""),
        ({"autonomy": "approve"}, "stamps.unsigned_autonomy is guard"),
        (
            {"autonomy": "guard", "stamps": {"unsigned_autonomy": "auto"}},
            "autonomy is guard",
        ),
        (
            {
                "autonomy": "auto",
                "autonomy_by": {"prompt": "recommend"},
                "stamps": {"unsigned_autonomy": "auto"},
            },
            "autonomy_by.prompt is recommend",
        ),
    ],
)
def test_an_approval_of_what_may_not_be_carried_out_names_the_setting(settings, refused_by):
    decision = a_decision(changes=(*WAITING.changes, PROMPT))
    docket = Docket(pending=decision)
    given = {"settings": validate(settings), "decision_id": decision.id}
    if not refused_by:
        assert was_obeyed("approve", docket, **given)
    else:
        assert why_refused("approve", docket, **given).startswith(f"{refused_by}: ")
