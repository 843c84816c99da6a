import statistics
from dataclasses import replace

import pytest

from optimizer.act.judge import Judge
from optimizer.act.terms import terms_of
from optimizer.rollouts import VerdictKind
from optimizer.settings import Settings
from tests.optimizer.act.a_rollout import ARMS, INCUMBENT, World, judged, terms

HOURS = 360  # ticks in one


def a_judge(slots: int = 10, next_slots: int = 50, **changed: object) -> Judge:
    judge = Judge.begin(terms(**changed))
    judge.begin_step(slots=slots, next_slots=next_slots, revision=7, at_ns=0)
    return judge


def test_an_equal_candidate_passes():
    verdict = judged(a_judge(), World(1), 2 * HOURS, 10, 7)
    assert (verdict.kind, verdict.reason) == (VerdictKind.PASS, "passed")


@pytest.mark.parametrize(
    ("candidate", "metric"),
    [({"slower": 0.7}, "latency"), ({"dearer": 0.7}, "cost"), ({"failing": 0.1}, "errors")],
    ids=["slower", "dearer", "failing"],
)
def test_a_worse_candidate_fails_by_what_is_worse(candidate, metric):
    verdict = judged(a_judge(), World(2, **candidate), 2 * HOURS, 10, 7)
    assert (verdict.kind, verdict.reason, verdict.metric) == (VerdictKind.FAIL, "harm", metric)


def test_a_broken_candidate_fails_at_once():
    world = World(3, failing=0.9)
    verdict = judged(a_judge(slots=50, next_slots=100), world, HOURS, 50, 7)
    assert (verdict.kind, verdict.reason, verdict.metric) == (
        VerdictKind.FAIL,
        "hard_limit",
        "errors",
    )
    assert world.end_ns <= 60e9


def test_traffic_on_an_older_document_is_invalid():
    verdict = judged(a_judge(), World(4), HOURS, 10, 7, stale=1.0)
    assert (verdict.kind, verdict.reason) == (VerdictKind.INVALID, "share_mismatch")


def test_calls_without_a_revision_are_told_from_those_of_another_document():
    without = judged(a_judge(), World(4), HOURS, 10, 0, stale=1.0)
    older = judged(a_judge(), World(4), HOURS, 10, 6, stale=1.0)
    assert without == replace(older, detail=without.detail)
    assert without.detail.startswith(older.detail)
    assert without.detail.endswith("calls carry no revision (lease over, or no unit)")
    assert "no revision" not in older.detail


def test_a_step_whose_document_came_late_is_judged_from_then_on():
    judge, world = a_judge(), World(13, calls=100)
    for _ in range(30):  # five minutes in which nobody brought the document to the traffic
        verdict = judge.take(world.tick(10, 6, stale=1.0))
    assert verdict.reason == "share_mismatch"
    reasons = [judge.take(world.tick(10, 7)).reason for _ in range(60)]
    assert "share_mismatch" not in reasons[11:]
    assert "passed" in reasons


def test_a_candidate_that_hangs_fails():
    verdict = judged(a_judge(), World(5, hanging=1.0), HOURS, 10, 7)
    assert (verdict.kind, verdict.reason) == (VerdictKind.FAIL, "hang")


def test_too_few_calls_are_no_verdict():
    verdict = judged(a_judge(), World(6), 12, 10, 7)
    assert (verdict.kind, verdict.reason) == (VerdictKind.NEED_DATA, "too_early")


def test_a_judge_goes_on_from_its_bytes_as_if_nothing_had_been():
    one, world = a_judge(), World(7)
    other = a_judge()
    for _ in range(200):
        tick = world.tick(10, 7)
        other = Judge.load(other.dump())
        assert one.take(tick) == other.take(tick)
    assert one.dump() == other.dump()


def test_calls_are_those_of_the_step():
    judge, world = a_judge(), World(8)
    judged(judge, world, 60, 10, 7)
    judge.begin_step(slots=50, next_slots=100, revision=8, at_ns=world.end_ns)
    assert judge.calls == (0, 0)
    judge.take(world.tick(50, 8))
    assert sum(judge.calls) > 0


@pytest.mark.parametrize(
    ("slower", "reason"), [(0.0, "watched"), (0.1, "watched"), (0.7, "harm")], ids=str
)
def test_a_holdback_is_watched_for_harm_beyond_the_margin(slower, reason):
    judge = Judge.begin(terms(is_holdback=True))
    judge.begin_step(slots=190, next_slots=190, revision=9, at_ns=0)
    assert judged(judge, World(9, slower=slower), HOURS, 190, 9).reason == reason


def test_a_candidate_whose_calls_end_half_of_the_time_is_never_let_in():
    world = World(10, hanging=0.5)
    verdict = judged(a_judge(slots=50, next_slots=100), world, HOURS, 50, 7)
    assert (verdict.kind, verdict.reason) == (VerdictKind.FAIL, "hang")


def test_what_is_still_needed_is_told_and_about_right():
    told = []
    for seed in range(11, 18):
        judge, world = a_judge(), World(seed)
        needed = judged(judge, world, 48, 10, 7).calls_needed
        seen = sum(judge.calls)
        assert judged(judge, world, 3 * HOURS, 10, 7).kind is VerdictKind.PASS
        told.append(needed / (sum(judge.calls) - seen))
    assert 0.5 <= statistics.median(told) <= 2


@pytest.mark.parametrize(
    ("first_look_secs", "reason"), [(90.0, "too_early"), (4.0, "share_mismatch")], ids=str
)
def test_slow_calls_of_the_former_step_are_not_taken_for_stale(first_look_secs, reason):
    judge, world = a_judge(first_look_secs=first_look_secs), World(12)
    judged(judge, world, 60, 10, 7)
    judge.begin_step(slots=50, next_slots=100, revision=8, at_ns=world.end_ns)
    for _ in range(12):  # for two minutes calls that began before still end
        verdict = judge.take(world.tick(10, 7))
    assert verdict.reason == reason


def test_a_metric_that_no_call_tells_is_said_to_stay_open_once_there_are_calls():
    asked = terms_of(Settings(), ARMS, INCUMBENT, changes_answers=True, other_provider=False)
    judge, world = a_judge(gates=asked.gates), World(13)
    early = judged(judge, world, 12, 10, 7)
    assert "never" not in early.detail
    assert early.calls_needed is not None
    soon = judged(judge, world, 60, 10, 7)
    assert (soon.metric, soon.calls_needed) == ("quality", None)
    assert soon.detail.endswith("no scores to compare have come yet")
    late = judged(judge, world, 60, 10, 7)
    assert (late.metric, late.calls_needed) == ("quality", None)
    assert late.detail.endswith("as things are it never will be")
