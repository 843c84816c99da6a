"""Sampled sources: what is seen stays evidence, what it stands for is an estimate."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, strategies as st

from connectors.api.rendering import as_line
from optimizer.observe.columns import Record, RecordKind, from_calls
from optimizer.observe.partition import Partition
from optimizer.open_windows import Windows
from optimizer.orient import ANALYZERS
from optimizer.orient.cost import Cost
from optimizer.orient.records import profile, record
from optimizer.orient.signs import Memory
from optimizer.panes import AT, Weight
from optimizer.summaries import summarize
from optimizer.windows import WindowKind, WindowSummary
from tests.builders import a_scene, a_summary, minutes_later
from tests.old_state import RULES, calls

ENDED = minutes_later(60)


def seen_by(weights: dict[str, Weight]) -> list[WindowSummary]:
    """Deal the calls to sources that sample so; give all windows."""
    windows, out = Windows(weights), []
    for number, (name, weight) in enumerate(weights.items()):
        partition = Partition(name, RULES, weight)
        mine = calls()[number :: len(weights)]
        taken = Record(name, 0, mine[-1].end_ns, RecordKind.OTLP, b"")
        sealed = partition.take(taken, from_calls(mine, partition.table)).panes
        final = partition.finish()
        for pane in (*sealed, *final.panes):
            windows.add(pane)
        for closing in windows.advance(final.mark):
            for closed in closing.windows:
                out += summarize(closed, lambda _: 5000.0)
    return out


def test_a_sampled_call_is_one_as_evidence_and_many_in_estimates() -> None:
    alone, sampled = seen_by({"p": Weight()}), seen_by({"p": Weight(milli=10_000)})
    for plain, tenth in zip(alone, sampled, strict=True):
        assert (tenth.calls, tenth.errors, tenth.priced) == (
            plain.calls,
            plain.errors,
            plain.priced,
        )
        assert tenth.calls_estimated == 10 * plain.calls
        assert tenth.spend_usd == pytest.approx(10 * plain.cost_usd)
        assert (tenth.cost_usd, tenth.cost_log) == (plain.cost_usd, plain.cost_log)
        assert (tenth.latency_p95_ms, tenth.latency_log_sd) == (
            plain.latency_p95_ms,
            plain.latency_log_sd,
        )
        assert not plain.estimated
        assert plain.spend_usd == plain.cost_usd
        assert plain.calls_estimated == plain.calls
        assert tenth.estimated == bool(tenth.calls)


def test_sources_that_sample_differently_add_up() -> None:
    mixed = seen_by({"all": Weight(), "third": Weight(milli=3_500, biased=True)})
    whole = sum(each.calls_estimated for each in mixed if each.kind is WindowKind.MINUTE)
    assert whole == pytest.approx(200 + 3.5 * 200)
    assert sum(each.biased for each in mixed if each.kind is WindowKind.MINUTE) == 200


@given(
    milli=st.integers(1000, 10_000_000),
    costs=st.lists(st.integers(0, 10**13), min_size=1, max_size=5),
)
def test_an_estimate_of_spend_is_off_by_half_a_nano_dollar_at_most(
    milli: int, costs: list[int]
) -> None:
    partition = Partition("p", RULES, Weight(milli))
    first = calls()[: len(costs)]
    for call, cost_nusd in zip(first, costs, strict=True):
        object.__setattr__(call, "cost_nusd", cost_nusd)
        object.__setattr__(call, "end_ns", first[0].end_ns)
    taken = Record("p", 0, first[0].end_ns, RecordKind.OTLP, b"")
    partition.take(taken, from_calls(first, partition.table))
    (pane,) = partition.finish().panes
    spend = int(pane.sums[:, AT["spend_nusd"]].sum())
    assert abs(1000 * spend - milli * sum(costs)) <= 500 * len(pane.arms)


def test_a_budget_is_spent_by_the_calls_that_were_sampled_away_too() -> None:
    minute = a_summary(kind=WindowKind.MINUTE, end=ENDED, cost_each_usd=0.01, calls=60)
    tenth = a_summary(
        kind=WindowKind.MINUTE, end=ENDED, cost_each_usd=0.01, calls=60, estimated=True
    )
    object.__setattr__(tenth, "spend_usd", 6.0)
    for summary, found in ((minute, []), (tenth, ["daily_budget"])):
        _, signs = Cost().step(Memory(), a_scene(ENDED, summary, daily_budget=5.0))
        assert [sign.rule for sign in signs] == found


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        pytest.param({"errors": 150}, "error_rate", id="errors"),
        pytest.param({"latency_slow": 150}, "latency_threshold", id="slow calls"),
        pytest.param(
            {"kind": WindowKind.QUARTER, "cost_each_usd": 5.0}, "cost_per_request", id="dear calls"
        ),
    ],
)
def test_calls_chosen_for_how_they_went_are_not_judged(changes: dict, rule: str) -> None:
    for biased, found in ((0, [rule]), (1, [])):
        scene = a_scene(ENDED, a_summary(end=ENDED, biased=biased, **changes))
        signs = [sign for one in ANALYZERS for sign in one.step(Memory(), scene)[1]]
        assert [sign.rule for sign in signs] == found


def test_calls_chosen_for_how_they_went_teach_no_usual_level() -> None:
    rng = random.Random(1)
    for analyzer in ANALYZERS:
        memory = Memory()
        for minute in range(1, 61):
            end = minutes_later(minute)
            summaries = [
                a_summary(kind=kind, end=end, biased=20, median_ms=rng.uniform(500, 900), scores=0)
                for kind in WindowKind
            ]
            memory, _ = analyzer.step(memory, a_scene(end, *summaries))
        assert memory.baselines == {}, analyzer.name
        assert memory.flow is None


def test_the_record_of_an_arm_counts_what_calls_stand_for_and_tells_no_biased_figure() -> None:
    hour = a_summary(kind=WindowKind.HOUR, end=ENDED, calls=3600, biased=3600)
    object.__setattr__(hour, "calls_estimated", 36_000.0)
    windows = {WindowKind.SLIDING: {hour.arm: hour}, WindowKind.HOUR: {hour.arm: hour}}
    (kept,) = record({}, windows, int(ENDED.timestamp()) // 60).values()
    told = profile(hour.arm, kept, ENDED)
    assert told.throughput_qps == 10
    assert (told.p95_latency_ms, told.avg_latency_ms, told.cost_per_1k_tokens) == (None,) * 3


def test_a_person_is_told_what_is_an_estimate_and_what_is_not_judged() -> None:
    line = as_line(a_summary(calls=300, calls_estimated=3000.0, estimated=True, biased=7))
    assert "300 calls of about 3,000" in line
    assert "about $" in line
    assert "(7 of tail-sampled sources: not judged)" in line
    assert "about" not in as_line(a_summary())
