"""One partition: what is late, repeated, from the future, and what moves its watermark."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, strategies as st

from connectors.vaults.memory import MemoryVault
from optimizer.events import Call
from optimizer.observe import state
from optimizer.observe.columns import Record, RecordKind, from_calls
from optimizer.observe.observed import Observed
from optimizer.observe.partition import Partition
from optimizer.observe.rules import StreamRules
from optimizer.panes import AT, FINAL_NS, PANE_NS
from optimizer.pieces import Pieces

SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND
RULES = StreamRules()


def a_call(number: int, at_s: float, **other) -> Call:
    fields = {"route": "t/s/r", "arm": "a", "latency_ns": SECOND, **other}
    return Call(call_id=number, end_ns=START + int(at_s * SECOND), **fields)


def take(partition: Partition, *calls: Call, stamp_s: float | None = None) -> Observed:
    stamp = max(c.end_ns for c in calls) if stamp_s is None else START + int(stamp_s * SECOND)
    record = Record(partition.name, 0, stamp, RecordKind.OTLP, b"")
    return partition.take(record, from_calls(calls, partition.table))


def calls_in(observed: Observed) -> int:
    return sum(int(pane.sums[:, AT["calls"]].sum()) for pane in observed.panes)


def test_a_pane_is_sealed_once_when_the_watermark_passes_its_end() -> None:
    partition = Partition("p", RULES)
    assert take(partition, a_call(1, 3), a_call(2, 9)).panes == []
    assert take(partition, a_call(3, 24.9)).panes == []
    sealed = take(partition, a_call(4, 25))
    assert [pane.start_ns for pane in sealed.panes] == [START]
    assert calls_in(sealed) == 2
    assert sealed.mark.watermark_ns == START + 10 * SECOND
    assert take(partition, a_call(5, 26)).mark is None


def test_a_repeat_counts_once_before_and_after_its_pane_is_sealed() -> None:
    partition = Partition("p", RULES)
    take(partition, a_call(1, 3), a_call(1, 3))
    take(partition, a_call(1, 3))
    sealed = take(partition, a_call(2, 40))
    assert calls_in(sealed) == 1
    assert take(partition, a_call(1, 3), stamp_s=41).panes == []
    assert partition.counts["duplicate"] == 3


def test_a_late_call_becomes_a_correction_that_carries_the_watermark_it_met() -> None:
    partition = Partition("p", RULES)
    take(partition, a_call(1, 100))
    late = take(partition, a_call(2, 60), stamp_s=101)
    assert [(pane.start_ns, pane.late_at_ns) for pane in late.panes] == [
        (START + 60 * SECOND, START + 85 * SECOND)
    ]
    assert partition.counts["corrected"] == 1


def test_a_call_older_than_the_memory_of_ids_is_counted_late() -> None:
    partition = Partition("p", RULES)
    take(partition, a_call(1, 1000))
    assert take(partition, a_call(2, 500), stamp_s=1001).panes == []
    assert partition.counts["late"] == 1


def test_a_call_from_the_year_2099_is_set_aside_and_moves_nothing() -> None:
    partition = Partition("p", RULES)
    take(partition, a_call(1, 10))
    observed = take(partition, a_call(2, 11), a_call(3, 2.3e9), stamp_s=12)
    assert [letter.reason for letter in observed.dead] == ["future_timestamp"]
    assert partition.watermark_ns == START - 4 * SECOND
    partition.settle()
    assert partition.counts["counted"] == 2


@pytest.mark.parametrize("off_s", [600, -600])
def test_a_producer_ten_minutes_off_costs_the_others_no_call(off_s: int) -> None:
    partition = Partition("p", RULES)
    panes = []
    for second in range(1200):
        good = a_call(2 * second + 1, second)
        bad = a_call(2 * second + 2, second + off_s, arm="off")
        panes += take(partition, good, bad, stamp_s=second + 1).panes
    panes += partition.finish().panes
    good_calls = sum(
        int(pane.sums[row, AT["calls"]])
        for pane in panes
        for row, key in enumerate(pane.arms)
        if key.arm == "a"
    )
    assert good_calls == 1200
    assert partition.counts["future_timestamp"] + partition.counts["late"] > 1000


def test_a_heartbeat_moves_the_watermark_and_never_back() -> None:
    partition = Partition("p", RULES)
    take(partition, a_call(1, 3))
    sealed = partition.reach(START + 60 * SECOND)
    assert calls_in(sealed) == 1
    assert partition.reach(START + 30 * SECOND).mark is None
    assert partition.watermark_ns == START + 45 * SECOND


def test_the_final_watermark_seals_everything() -> None:
    partition = Partition("p", RULES)
    take(partition, a_call(1, 3), a_call(2, 14))
    final = partition.finish()
    assert calls_in(final) == 2
    assert final.mark.watermark_ns == FINAL_NS
    assert final.mark.latest_ns == START + 14 * SECOND


@given(st.lists(st.lists(st.tuples(st.integers(1, 60), st.integers(0, 400)), max_size=8)))
def test_every_call_is_counted_repeated_or_late_and_none_is_lost(batches: list) -> None:
    partition, vault = Partition("p", RULES), MemoryVault()
    pieces = Pieces(vault, "p")
    total = 0
    sealed: Counter[str] = Counter()
    for batch in batches:
        if not batch:
            partition, pieces = state.load(state.dump(partition, pieces), RULES, vault)
            continue
        # a repeat has the same id and the same end
        calls = [a_call(identity * 1000 + at, at) for identity, at in batch]
        observed = take(partition, *calls, stamp_s=500)
        sealed["calls"] += calls_in(observed)
        total += len(calls)
    sealed["calls"] += calls_in(partition.finish())
    counts = partition.counts
    assert sealed["calls"] == counts["counted"] + counts["corrected"]
    assert counts["counted"] + counts["corrected"] + counts["duplicate"] + counts["late"] == total


def test_panes_of_a_partition_are_ten_seconds() -> None:
    assert PANE_NS == 10 * SECOND
