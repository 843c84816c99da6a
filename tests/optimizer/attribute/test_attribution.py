"""Scores find the calls they judge: late, early, twice, corrected, ambiguous, of another tenant."""

from __future__ import annotations

from dataclasses import replace

import pytest

from optimizer.attribute.attribution import Attribution
from optimizer.attribute.coverage import Scored
from optimizer.attribute.findable import Room
from optimizer.attribute.waiting import MOST_WAITING
from optimizer.judgements import Judge
from optimizer.panes import AT, FINAL_NS
from tests.optimizer.attribute.a_stream import (
    RULES,
    SECOND,
    START,
    attributed,
    beat,
    call,
    end,
    items_of,
    score,
    told,
)

KEY = ("t/s/r", "b", 3, "short")


@pytest.mark.parametrize("link", ["trace", "span", "response"])
def test_a_score_finds_its_call_by_each_link_and_counts_when_it_was_given(link: str) -> None:
    links = {"trace": 7, "span": 8, "response": 9}
    said = told(call(5, 7, 8, response=9), score(31, 0.75, **{link: links[link]}), beat(50))
    assert said.sums() == [(30, "a", 1, 0.75)]
    assert said.dead == []


def test_a_score_that_echoes_its_call_needs_none_to_be_seen() -> None:
    said = told(score(12, 0.5, key=KEY, slot=17), beat(50))
    (pane,) = said.panes
    assert pane.arms == (("t/s/r", "b", 3),)
    assert (pane.cell_names, pane.slots.tolist()) == (("short",), [[0, 17]])
    assert pane.sums[0, AT["score_square"]] == 250_000_000_000
    assert pane.sums[0, AT["calls"]] == 0


def test_a_score_takes_slot_and_cell_of_the_call_it_finds() -> None:
    said = told(call(5, slot=4, cell="long"), score(6, trace=1), beat(50))
    (pane,) = said.panes
    assert (pane.cell_names, pane.slots.tolist()) == (("long",), [[0, 4]])


def test_a_score_that_comes_before_its_call_waits_for_it() -> None:
    said = told(score(1, 0.5, trace=1), beat(20), call(45), beat(60))
    assert said.sums() == [(40, "a", 1, 0.5)]


def test_a_score_whose_call_comes_too_late_is_set_aside_with_its_bytes() -> None:
    said = told(score(1, trace=1), beat(20), beat(100), call(110), beat(200))
    assert said.panes == []
    (letter,) = said.dead
    assert (letter.reason, letter.body, letter.offset) == ("unresolved_score", b"score", 7)
    assert "attribution.wait_secs" in letter.detail
    assert "attribution.index: responses" in letter.detail


def test_a_score_told_hours_late_counts_at_the_watermark_and_opens_no_window() -> None:
    said = told(call(5), beat(300), score(6, 0.25, trace=1), beat(400))
    assert said.sums() == [(300, "a", 1, 0.25)]
    assert [mark.watermark_ns for mark in said.marks][-1] == START + 400 * SECOND


@pytest.mark.parametrize("between", [[], [beat(50)]], ids=["in one pane", "panes apart"])
def test_a_repeated_score_counts_once(between: list) -> None:
    twice = score(31, 0.75, trace=1, identity=5), score(31, 0.75, trace=1, identity=5)
    said = told(call(5), twice[0], *between, twice[1], beat(100))
    assert [sums[2:] for sums in said.sums()] == [(1, 0.75)]
    assert said.counts["repeated_scores"] == 1


@pytest.mark.parametrize("between", [[], [beat(50)]], ids=["in one pane", "panes apart"])
def test_a_corrected_score_counts_by_what_changed(between: list) -> None:
    said = told(
        call(5),
        score(31, 0.25, trace=1, identity=5),
        *between,
        score(32, 1, trace=1, identity=5),
        beat(100),
    )
    assert sum(sums[2] for sums in said.sums()) == 1
    assert sum(sums[3] for sums in said.sums()) == 1.0
    assert sum(int(pane.sums[0, AT["score_square"]]) for pane in said.panes) == 10**12
    assert (said.counts["scores"], said.counts["corrected_scores"]) == (1, 1)


def test_a_score_of_a_trace_whose_calls_disagree_is_ambiguous_but_one_of_a_span_is_not() -> None:
    calls = call(5, 1, 1, "a"), call(6, 1, 2, "b")
    said = told(*calls, score(31, trace=1), score(32, 0.5, trace=1, span=2), beat(50))
    assert said.reasons() == ["ambiguous_score"]
    assert said.sums() == [(30, "b", 1, 0.5)]


def test_a_score_of_a_trace_whose_calls_agree_counts_for_the_last_of_them() -> None:
    calls = call(5, 1, 1, slot=3), call(6, 1, 2, slot=4)
    (pane,) = told(*calls, score(31, trace=1), beat(50)).panes
    assert pane.slots.tolist() == [[0, 4]]


@pytest.mark.parametrize("link", ["span", "response"])
def test_a_score_of_a_span_never_seen_counts_as_its_trace_says_when_it_has_waited_for_it(
    link: str,
) -> None:
    steps = call(5, 1, 1), score(31, 0.5, trace=1, **{link: 99})
    assert told(*steps, beat(60)).sums() == []
    assert told(*steps, beat(70)).sums() == [(60, "a", 1, 0.5)]


@pytest.mark.parametrize(("span_wait_s", "counted_s"), [(0, 30), (60, 90), (1000, 90)])
def test_a_score_waits_for_its_span_as_long_as_rules_say_but_no_longer_than_for_its_call(
    span_wait_s: int, counted_s: int
) -> None:
    rules = replace(RULES, span_wait_ns=span_wait_s * SECOND)
    steps = call(5, 1, 1), score(31, 0.5, trace=1, span=99)
    assert told(*steps, beat(counted_s), rules=rules).sums() == []
    assert told(*steps, beat(counted_s + 10), rules=rules).sums() == [(counted_s, "a", 1, 0.5)]


def test_a_score_whose_span_comes_in_time_counts_for_it_and_not_for_its_trace() -> None:
    said = told(call(5, 1, 1), score(31, trace=1, span=2), beat(50), call(55, 1, 2, "b"), beat(120))
    assert said.sums() == [(50, "b", 1, 1.0)]


def test_a_score_whose_trace_disagrees_waits_on_for_its_span() -> None:
    steps = call(5, 1, 1, "a"), call(6, 1, 2, "b"), score(31, trace=1, span=3), beat(75)
    assert told(*steps, call(81, 1, 3, "b"), beat(120)).sums() == [(80, "b", 1, 1.0)]
    assert (told(*steps).dead, told(*steps, beat(120)).reasons()) == ([], ["ambiguous_score"])


def test_a_score_whose_trace_has_no_call_yet_waits_on_for_its_span() -> None:
    steps = score(31, trace=1, span=3), beat(75), call(76, 1, 1), beat(90)
    assert told(*steps).sums() == []
    assert told(*steps, beat(120)).sums() == [(90, "a", 1, 1.0)]
    assert told(*steps, call(91, 1, 3, "b"), beat(120)).sums() == [(90, "b", 1, 1.0)]


def test_a_score_finds_no_call_of_another_tenant() -> None:
    theirs = call(5, 1, 1, tenant="other", response=1)
    asked = [score(31, tenant="t", **{link: 1}) for link in ("trace", "span", "response")]
    said = told(theirs, *asked, beat(500))
    assert said.panes == []
    assert said.reasons() == ["unresolved_score"] * 3


def test_a_span_of_another_trace_is_another_call() -> None:
    said = told(call(5, 1, 8), score(31, trace=2, span=8), beat(500))
    assert said.reasons() == ["unresolved_score"]


def test_calls_are_found_as_long_as_they_are_kept() -> None:
    steps = call(5), beat(100), call(590, 2, 2), beat(600)
    assert told(*steps, score(601, trace=1), beat(700)).sums() == [(600, "a", 1, 1.0)]
    assert told(*steps, score(611, trace=1), beat(800)).reasons() == ["unresolved_score"]


def test_of_more_calls_than_there_is_room_for_whole_traces_are_kept() -> None:
    rules = replace(RULES, room=Room(recent=5, lasting=5))
    calls = [call(5, trace, span) for trace in range(1, 31) for span in (2 * trace, 2 * trace + 1)]
    scores = [score(31, identity=trace, trace=trace) for trace in range(1, 31)]
    said = told(*calls, *scores, beat(500), rules=rules)
    assert said.counts["findable"] == 5
    assert said.counts["unfindable"] == 55
    assert said.counts["scores"] == 3
    assert said.reasons() == ["unresolved_score"] * 27


@pytest.mark.parametrize(
    ("at_s", "found"),
    [(31, 12), (905, 12), (910, 4), (3000, 4)],
    ids=["soon", "recent", "over", "long"],
)
def test_of_calls_that_are_not_recent_as_many_are_found_as_may_last(at_s: int, found: int) -> None:
    rules = replace(RULES, keep_ns=3600 * SECOND, room=Room(recent=12, lasting=4))
    calls = [call(5, trace, trace) for trace in range(1, 31)]
    scores = [score(at_s, identity=trace, trace=trace) for trace in range(1, 31)]
    said = told(*calls, beat(at_s), *scores, beat(at_s + 500), rules=rules)
    assert said.counts["findable"] == 12
    assert said.counts["scores"] == found
    assert said.reasons() == ["unresolved_score"] * (30 - found)


def test_scores_beyond_those_remembered_are_forgotten_the_oldest_first() -> None:
    rules = replace(RULES, scores=2)
    steps = [
        step
        for number in range(4)
        for step in (score(10 * number, identity=number + 1, key=KEY), beat(10 * number + 10))
    ]
    newest, oldest = score(45, identity=4, key=KEY), score(45, identity=1, key=KEY)
    said = told(*steps, newest, oldest, beat(60), rules=rules)
    assert said.counts["repeated_scores"] == 1
    assert said.counts["scores"] == 5


def test_a_partition_that_lags_holds_back_all_and_changes_nothing() -> None:
    calls = items_of("calls", [call(5), beat(100)])
    feed = items_of("feed", [score(7, 0.5, trace=1), beat(100)])
    waiting = attributed([*feed, *calls[:-1]], ["calls", "feed"])
    assert (waiting.panes, [mark.watermark_ns for mark in waiting.marks]) == ([], [START])
    assert attributed([*feed, *calls], ["calls", "feed"]).sums() == [(0, "a", 1, 0.5)]


def test_at_the_end_of_a_replay_nothing_waits() -> None:
    said = told(call(5, 1, 1), score(31, trace=1, span=9), score(32, trace=2), end())
    assert said.reasons() == ["unresolved_score"]
    assert said.sums() == [(30, "a", 1, 1.0)]
    assert said.marks[-1].watermark_ns == FINAL_NS


def test_coverage_tells_calls_and_scores_of_the_arms_of_scored_routes() -> None:
    calls = [call(5, trace, trace, "a" if trace < 9 else "b") for trace in range(1, 11)]
    scores = [score(31, trace=1), score(32, trace=2), score(33, trace=3, judge=Judge.LLM)]
    unscored = call(6, 50, 50, tenant="quiet")
    said = told(*calls, unscored, *scores, score(34, trace=4, name="brief"), beat(50))
    first, second = said.coverage
    assert (first.arm, first.calls, second.arm, second.calls) == ("a", 8, "b", 2)
    assert first.scored == (
        Scored("brief", "human", 1),
        Scored("helpful", "human", 2),
        Scored("helpful", "llm", 1),
    )
    assert (first.share, second.share) == (0.25, 0.0)


def test_a_partition_that_is_days_ahead_makes_no_coverage_forgotten() -> None:
    day_s = 86_400
    steps = (call(5), score(7, trace=1), beat(100), score(110, key=("t/s/r", "a", 0, "")))
    slow = items_of("slow", [*steps, beat(200)])
    fast = items_of("fast", [beat(300), beat(3 * day_s)])
    attribution = Attribution(RULES, ["slow", "fast"])
    told = []
    for item in [*fast, *slow]:
        list(attribution.take(item))
        told += attribution.told()
    assert [(one.calls, one.most.scores) for one in told][-1] == (1, 2)


def test_every_judgement_is_accounted_for() -> None:
    said = told(
        call(5, 1, 1),
        call(6, 2, 2, "a"),
        call(6, 2, 3, "b"),
        score(31, 0.5, identity=1, trace=1),
        score(32, 0.5, identity=1, trace=1),
        score(33, 0.7, identity=1, trace=1),
        score(34, trace=2),
        score(35, trace=77),
        score(36, key=KEY),
        end(),
    )
    parts = ("scores", "repeated_scores", "corrected_scores", "dead:ambiguous_score")
    counts = [said.counts[name] for name in (*parts, "dead:unresolved_score")]
    assert counts == [2, 1, 1, 1, 1]
    assert sum(counts) == said.counts["judged"] == 6


def test_scores_that_are_found_push_none_out_that_wait() -> None:
    found = [score(2, identity=number, key=KEY) for number in range(2, MOST_WAITING + 2)]
    said = told(score(1, 0.5, trace=1, identity=1), *found, beat(20), call(45), beat(60))
    assert said.dead == []
    assert said.counts["scores"] == MOST_WAITING + 1


def test_scores_that_count_as_their_trace_says_push_none_out_that_wait() -> None:
    rules = replace(RULES, span_wait_ns=0)
    found = [score(12, identity=n, trace=1, span=9) for n in range(2, MOST_WAITING + 2)]
    said = told(call(1), score(2, trace=5, identity=1), *found, beat(30), rules=rules)
    assert said.dead == []
    assert said.counts["scores"] == MOST_WAITING


def test_of_more_scores_than_may_wait_the_oldest_are_set_aside() -> None:
    many = [score(2, trace=5, identity=number) for number in range(2, MOST_WAITING + 2)]
    said = told(score(1, 0.5, trace=5, identity=1), *many, beat(20))
    assert said.reasons() == ["unresolved_score"]


def test_a_tenant_that_only_telemetry_names_is_not_crowded_out_by_another() -> None:
    flood = [score(2, trace=5, identity=n, tenant="loud") for n in range(2, MOST_WAITING + 3)]
    said = told(score(1, 0.5, trace=1, identity=1), *flood, beat(20), call(25, 1), beat(50))
    assert said.sums() == [(20, "a", 1, 0.5)]
    assert set(said.reasons()) == {"unresolved_score"}
