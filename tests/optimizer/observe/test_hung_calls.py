"""A call that was told of when it started, and that nobody saw end, hangs: it fails, once."""

from __future__ import annotations

import random
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given, strategies as st

from connectors.vaults.memory import MemoryVault
from optimizer.events import Call
from optimizer.observe import assigned, state
from optimizer.observe.assigned import Assigned
from optimizer.observe.columns import Columns, Record, RecordKind, from_calls
from optimizer.observe.keys import KeyLimits
from optimizer.observe.observed import Observed
from optimizer.observe.partition import Partition
from optimizer.observe.rules import StreamRules
from optimizer.panes import AT, PANE_NS, SLOT_COLUMNS
from optimizer.pieces import Pieces
from tests.optimizer.observe.test_partition import RULES, SECOND, START, a_call

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.panes import Pane

PATIENCE_S = 8.0
FATES = ("closed", "late", "repeated", "forgotten", "open")


def begun(number: int, start_s: float, patience_s: float = PATIENCE_S, **other) -> Call:
    """A call that started, as it is if it hangs."""
    latency_ns = int(patience_s * SECOND)
    return a_call(
        number, start_s + patience_s, latency_ns=latency_ns, cost_nusd=0, failed=True, **other
    )


def take(
    partition: Partition,
    calls: Sequence[Call] = (),
    told: Sequence[Call] = (),
    stamp_s: float = 10_000,
) -> Observed:
    table = partition.table
    record = Record(partition.name, 0, START + int(stamp_s * SECOND), RecordKind.OTLP, b"")
    waited = from_calls(told, table) if told else None
    return partition.take(record, from_calls(calls, table), waited)


def beat(partition: Partition, at_s: float) -> list[Pane]:
    """Let the watermark reach an instant."""
    return partition.reach(START + int((at_s + 15) * SECOND)).panes


def total(panes: Sequence[Pane], name: str) -> int:
    return sum(int(pane.sums[:, AT[name]].sum()) for pane in panes)


def test_a_call_that_nobody_saw_end_fails_when_patience_ends() -> None:
    partition = Partition("p", RULES)
    take(partition, [a_call(1, 1)], [begun(2, 3.5, arm="b", revision=7, slot=4, cell="short")])
    assert total(beat(partition, 10), "errors") == 0
    (pane,) = beat(partition, 20)
    assert pane.start_ns == START + 10 * SECOND  # it began at 3.5 s and was waited for to 11.5 s
    assert pane.arms == (("t/s/r", "b", 7),)
    assert pane.cell_names == ("short",)
    assert [total([pane], name) for name in ("calls", "errors", "latency_ns")] == [1, 1, 0]
    assert pane.slots.tolist() == [[0, 4]]
    assert pane.slot_sums[0, SLOT_COLUMNS.index(AT["errors"])] == 1
    assert partition.counts["hung"] == 1
    assert partition.counts["counted"] == 1


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(([], [begun(2, 3)]), ([a_call(2, 5)], []), id="later"),
        pytest.param(([a_call(2, 5)], []), ([], [begun(2, 3)]), id="before it was told of"),
        pytest.param(([a_call(2, 5)], [begun(2, 3)]), ([], []), id="in the same record"),
        pytest.param(([], [begun(2, 3)]), ([a_call(2, 19)], []), id="after patience ended"),
    ],
)
def test_a_call_that_is_seen_in_time_does_not_hang(first, then) -> None:
    partition = Partition("p", RULES)
    panes = take(partition, *first).panes + take(partition, *then).panes
    panes += beat(partition, 60)
    assert [total(panes, name) for name in ("calls", "errors")] == [1, 0]
    assert partition.counts["assignments_closed"] == 1
    assert partition.counts["hung"] == 0


def test_a_call_that_comes_late_into_a_sealed_pane_is_waited_for_no_more() -> None:
    partition = Partition("p", RULES)
    take(partition, [], [begun(2, 3, patience_s=100)])
    beat(partition, 50)
    assert total(take(partition, [a_call(2, 30)]).panes, "calls") == 1  # a correction
    assert total(beat(partition, 200), "calls") == 0


def test_a_call_of_which_is_told_after_it_was_sealed_does_not_hang() -> None:
    partition = Partition("p", RULES)
    take(partition, [a_call(2, 5)])
    beat(partition, 30)
    take(partition, [], [begun(2, 3, patience_s=60)])
    assert beat(partition, 200) == []
    assert partition.counts["assignments_closed"] == 1


def test_the_ids_of_long_calls_are_not_needed_for_as_long_as_they_are_waited_for() -> None:
    partition = Partition("p", RULES)
    take(partition, [a_call(2, 5)], [begun(2, 3, patience_s=1000)])
    for at_s in range(10, 1200, 10):  # ids of sealed panes are remembered for two minutes
        assert total(beat(partition, at_s), "errors") == 0


def test_the_span_of_a_hung_call_repeats_it_whenever_it_comes() -> None:
    partition = Partition("p", RULES)
    take(partition, [], [begun(2, 3)])
    assert total(beat(partition, 60), "calls") == 1
    for end_s in (62, 600, 6000):
        assert take(partition, [a_call(2, end_s)]).panes == []
        assert total(beat(partition, end_s + 60), "calls") == 0
    assert partition.counts["duplicate"] == 3


def test_repeats_of_what_was_told_hang_once() -> None:
    partition = Partition("p", RULES)
    take(partition, [], [begun(2, 3), begun(2, 3)])
    take(partition, [], [begun(2, 3), begun(3, 4)])
    assert total(beat(partition, 60), "calls") == 2
    take(partition, [], [begun(2, 3)])
    assert beat(partition, 200) == []
    assert partition.counts["assignments_repeated"] == 2
    assert partition.counts["assignments_late"] == 1


def test_what_begins_in_the_future_is_set_aside_and_moves_nothing() -> None:
    partition = Partition("p", RULES)
    observed = take(partition, [a_call(1, 10)], [begun(2, 10), begun(3, 1000)], stamp_s=12)
    assert [(one.reason, one.detail[:13]) for one in observed.dead] == [
        ("future_timestamp", "begins 988 s ")
    ]
    assert partition.watermark_ns == START - 5 * SECOND


def test_what_is_told_moves_the_watermark_as_the_end_of_a_call_does() -> None:
    partition = Partition("p", RULES)
    take(partition, [], [begun(2, 40)])
    assert partition.watermark_ns == START + 25 * SECOND


def test_the_end_of_a_recording_hangs_nobody() -> None:
    partition = Partition("p", RULES)
    take(partition, [a_call(1, 10)], [begun(1, 5), begun(2, 9)])
    final = partition.finish()
    assert [total(final.panes, name) for name in ("calls", "errors")] == [1, 0]
    assert (partition.counts["assignments_open"], partition.counts["assignments_closed"]) == (1, 1)


def test_of_more_than_there_is_room_for_the_older_half_is_forgotten() -> None:
    partition = Partition("p", RULES)
    partition.assigned = Assigned(most=10)
    take(partition, [a_call(1, 10)], [begun(number, 5) for number in range(1, 11)])
    assert partition.counts["assignments_forgotten"] == 0
    take(partition, [], [begun(number, 6) for number in range(11, 14)])
    assert partition.counts["assignments_closed"] == 1
    assert partition.counts["assignments_forgotten"] == 7
    assert total(beat(partition, 60), "errors") == 5
    assert partition.counts["hung"] == 5


def test_a_day_that_ends_lets_go_of_no_name_that_is_waited_for() -> None:
    partition = Partition("p", StreamRules(keys=KeyLimits(routes=2)))
    take(partition, [], [begun(1, 80_000, 86_400, route="t/s/late", arm="b")], stamp_s=1e6)
    errors = []
    for day in range(1, 4):
        calls = [a_call(9 + day, day * 86_400, route=f"t/s/{day}")]
        panes = take(partition, calls, stamp_s=1e6).panes + beat(partition, day * 86_400 + 60)
        errors += [pane.arms[0] for pane in panes if total([pane], "errors")]
    assert errors == [("t/s/late", "b", 0)]


class Told(NamedTuple):
    """One record's calls, and those it tells the start of."""

    calls: list[Call]
    begun: list[Call]


def some_records(seed: int) -> list[Told]:
    """Calls and starts in some order, late and repeated ones among them."""
    rng = random.Random(seed)
    records = []
    for number in range(1, rng.randint(2, 60)):
        start_s = number * rng.choice((0.5, 2.0, 6.0)) + rng.uniform(-40, 10)
        patience_s = rng.choice((0.001, 2.0, 9.0, 70.0))
        latency_s = rng.choice((0.5, 4.0, 30.0, 100.0))
        one = begun(number, start_s, patience_s, slot=number % 200, arm=rng.choice("ab"))
        span = a_call(number, start_s + latency_s, arm=one.arm, latency_ns=int(latency_s * SECOND))
        records += [Told([span], [])] * rng.choice((0, 1, 1, 2))
        records += [Told([], [one])] * rng.choice((0, 1, 1, 2))
    order = sorted(range(len(records)), key=lambda place: place + rng.uniform(-9, 9))
    return [records[place] for place in order]


def outcome(partition: Partition, panes: list[Pane]) -> tuple[object, ...]:
    partition.settle()
    told = [
        (pane.start_ns, pane.late_at_ns, pane.arms, pane.sums.tolist(), pane.slots.tolist())
        for pane in panes
    ]
    return told, partition.watermark_ns, dict(partition.counts)


def one_by_one(records: Sequence[Told], stops: set[int] = frozenset()) -> tuple[object, ...]:
    partition, vault = Partition("p", RULES), MemoryVault()
    pieces, panes = Pieces(vault, "p"), []
    for number, record in enumerate(records):
        if number in stops:
            partition, pieces = state.load(state.dump(partition, pieces), RULES, vault)
        panes += take(partition, *record).panes
    return outcome(partition, panes + beat(partition, 1000))


def together(records: Sequence[Told], cuts: set[int]) -> tuple[object, ...]:
    partition, panes = Partition("p", RULES), []
    bounds = sorted({0, *cuts, len(records)})
    for first, last in pairwise(bounds):
        some = records[first:last]
        calls = from_calls([call for one in some for call in one.calls], partition.table)
        waited = [call for one in some for call in one.begun]
        columns = from_calls(waited, partition.table) if waited else None
        if not partition.takes_quietly(START + 10_000 * SECOND, calls, columns):
            for record in some:
                panes += take(partition, *record).panes
    return outcome(partition, panes + beat(partition, 1000))


@given(st.integers(0, 2**32), st.sets(st.integers(1, 200), max_size=30))
def test_neither_batches_nor_restarts_change_what_hangs(seed: int, cuts: set[int]) -> None:
    records = some_records(seed)
    wanted = one_by_one(records)
    assert one_by_one(records, stops=cuts) == wanted
    assert together(records, cuts) == wanted


@given(st.integers(0, 2**32))
def test_everything_that_was_told_is_accounted_for(seed: int) -> None:
    records = some_records(seed)
    panes, _, counts = one_by_one(records)
    fates = Counter(counts)
    told = sum(len(record.begun) for record in records)
    assert told == fates["hung"] + sum(fates[f"assignments_{fate}"] for fate in FATES)
    spans = sum(len(record.calls) for record in records)
    seen = fates["counted"] + fates["corrected"]
    assert spans == seen + fates["duplicate"] + fates["late"]
    assert sum(sum(row[AT["calls"]] for row in sums) for *_, sums, _ in panes) == (
        seen + fates["hung"]
    )


def hung_in(records: Sequence[Told]) -> set[int]:
    """Tell which calls hang, in the slow and obvious way."""
    watermark_ns, memory = -1, RULES.dedupe_ns // PANE_NS
    seen, hung = set[int](), set[int]()
    waiting = dict[int, int]()
    for record in [*records, Told([a_call(10**6, 1015)], [])]:
        sealed = max(watermark_ns, 0) // PANE_NS
        seen |= {call.call_id for call in record.calls}
        for call in record.begun:
            first, last = (call.end_ns - call.latency_ns) // PANE_NS, call.end_ns // PANE_NS
            is_late = last < sealed or (first < sealed and sealed - first >= memory)
            if not is_late and call.call_id not in hung:
                waiting.setdefault(call.call_id, last)
        times = [call.end_ns for call in record.calls]
        times += [call.end_ns - call.latency_ns for call in record.begun]
        watermark_ns = max(watermark_ns, max(times) - RULES.disorder_ns)
        over = {one for one, pane in waiting.items() if pane < watermark_ns // PANE_NS}
        hung |= over - seen
        waiting = {one: pane for one, pane in waiting.items() if one not in over | seen}
    return hung


@given(st.integers(0, 2**32))
def test_those_hang_that_were_not_seen_while_they_were_waited_for(seed: int) -> None:
    records = some_records(seed)
    partition = Partition("p", RULES)
    panes = [pane for record in records for pane in take(partition, *record).panes]
    panes += beat(partition, 1000)
    assert set(partition.assigned.hung.ids.tolist()) == hung_in(records)
    assert total(panes, "errors") == partition.counts["hung"] == len(hung_in(records))


def test_what_is_waited_for_is_written_and_read_as_it_is() -> None:
    partition = Partition("p", RULES)
    take(partition, [], [begun(2, 3, slot=7), begun(3, 100)])
    beat(partition, 60)
    partition.settle()
    again = assigned.load(assigned.dump(partition.assigned, partition.counts))
    (one, other) = (each.settle(partition.counts) for each in (partition.assigned, again))
    assert isinstance(one, Columns)
    assert isinstance(other, Columns)
    for name in ("key", "call_id", "end_ns", "latency_ns", "slot", "flags", "cost_nusd"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist()
    assert again.hung.ids.tolist() == partition.assigned.hung.ids.tolist() == [2]
    assert START % PANE_NS == 0
