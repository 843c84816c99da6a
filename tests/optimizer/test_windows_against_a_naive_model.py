"""Observe and windows together, held against a model that sums calls one by one."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest

from connectors.vaults.memory import MemoryVault
from optimizer.events import Call
from optimizer.observe import state
from optimizer.observe.columns import Record, RecordKind, from_calls
from optimizer.observe.partition import Partition
from optimizer.observe.rules import StreamRules
from optimizer.open_windows import Windows
from optimizer.panes import MINUTE_NS, Mark, shard_of, split
from optimizer.pieces import Pieces
from optimizer.summaries import summarize
from optimizer.windows import WindowKind

START = 1_800_000_000_000_000_000 // MINUTE_NS * MINUTE_NS
LENGTHS = {WindowKind.MINUTE: 1, WindowKind.SLIDING: 5, WindowKind.QUARTER: 15, WindowKind.HOUR: 60}
RULES = StreamRules()


def some_calls(rng: random.Random, count: int, minutes: int) -> list[Call]:
    calls = []
    for number in range(count):
        failed = rng.random() < 0.05
        calls.append(
            Call(
                route=f"t/s/{rng.randrange(3)}",
                arm=f"arm-{rng.randrange(2)}",
                revision=rng.randrange(2),
                cell=rng.choice(["", "short", "long"]),
                slot=rng.choice([-1, rng.randrange(200)]),
                call_id=number + 1,
                end_ns=START + rng.randrange(minutes * MINUTE_NS),
                latency_ns=int(rng.lognormvariate(20, 1)),
                ttft_ns=rng.choice([-1, rng.randrange(10**9)]),
                tokens_in=rng.randrange(2000),
                tokens_out=rng.randrange(500),
                cost_nusd=rng.choice([-1, 0, rng.randrange(1, 10**7)]),
                failed=failed,
                streamed=rng.random() < 0.5,
            )
        )
    return calls


def in_order_of_arrival(rng: random.Random, calls: list[Call]) -> list[Call]:
    """Any order in which no call comes more than the allowed disorder behind the latest."""
    return sorted(calls, key=lambda call: call.end_ns + rng.randrange(RULES.disorder_ns))


def in_records(rng: random.Random, calls: list[Call], partitions: int) -> list[tuple[int, list]]:
    """Cut each partition's calls into records of any size; any interleaving of partitions."""
    queues = [[] for _ in range(partitions)]
    for call in calls:
        queues[call.call_id % partitions].append(call)
    records = []
    for number, queue in enumerate(queues):
        while queue:
            size = rng.choice([1, 2, 7, 60, 500])
            records.append((number, [queue.pop(0) for _ in range(min(size, len(queue)))]))
    interleaved = sorted(range(len(records)), key=lambda at: (rng.random(), at))
    order = [records[at][0] for at in interleaved]
    per_partition = {n: iter([r for r in records if r[0] == n]) for n in range(partitions)}
    return [next(per_partition[number]) for number in order]


class Job:
    """Observe and windows joined by hand; `snapshot` throws everything away but the bytes."""

    def __init__(self, partitions: int, shards: int) -> None:
        self.partitions = {f"p{n}": Partition(f"p{n}", RULES) for n in range(partitions)}
        self.windows = [Windows(self.partitions) for _ in range(shards)]
        self.vault = MemoryVault()
        owners = [*self.partitions, *(f"shard-{number}" for number in range(shards))]
        self.pieces = {owner: Pieces(self.vault, owner) for owner in owners}
        self.out = []

    def take(self, number: int, offset: int, calls: list[Call]) -> None:
        partition = self.partitions[f"p{number}"]
        record = Record(partition.name, offset, 1 << 61, RecordKind.OTLP, b"")
        self._spread(partition.take(record, from_calls(calls, partition.table)))

    def finish(self) -> None:
        for partition in self.partitions.values():
            self._spread(partition.finish())

    def snapshot(self) -> None:
        for name, partition in self.partitions.items():
            written = state.dump(partition, self.pieces[name])
            self.partitions[name], self.pieces[name] = state.load(written, RULES, self.vault)
        for number, windows in enumerate(self.windows):
            pieces = self.pieces[f"shard-{number}"]
            self.windows[number] = Windows.load(windows.dump(pieces), self.partitions, pieces)

    def _spread(self, observed) -> None:
        for pane in observed.panes:
            groups = [shard_of(arm.route, len(self.windows)) for arm in pane.arms]
            for shard, part in split(pane, groups).items():
                self.windows[shard].add(part)
        if observed.mark:
            self._advance(observed.mark)

    def _advance(self, mark: Mark) -> None:
        for windows in self.windows:
            for closing in windows.advance(mark):
                for closed in closing.windows:
                    self.out += summarize(closed, lambda _: 1000.0)


def run(rng: random.Random, calls: list[Call], partitions: int, shards: int) -> list:
    job = Job(partitions, shards)
    offsets = defaultdict(int)
    for number, batch in in_records(rng, in_order_of_arrival(rng, calls), partitions):
        job.take(number, offsets[number], batch)
        offsets[number] += 1
        if rng.random() < 0.05:
            job.snapshot()
    job.finish()
    return sorted(job.out, key=lambda s: (s.kind, s.start, s.route, s.arm, s.revision))


def naive(calls: list[Call]) -> dict:
    """Each window's calls, by (kind, first minute, route, arm, revision)."""
    windows = defaultdict(list)
    last = max(call.end_ns for call in calls) // MINUTE_NS
    for call in calls:
        minute = call.end_ns // MINUTE_NS
        name = (call.route, call.arm, call.revision)
        for kind in (WindowKind.MINUTE, WindowKind.QUARTER, WindowKind.HOUR):
            windows[(kind, minute // LENGTHS[kind] * LENGTHS[kind], *name)].append(call)
        for first in range(minute - 4, minute + 1):
            if first + 4 <= last:
                windows[(WindowKind.SLIDING, first, *name)].append(call)
    return windows


@pytest.mark.parametrize("seed", range(12))
def test_any_order_batching_and_snapshot_give_the_same_summaries_to_the_bit(seed: int) -> None:
    rng = random.Random(seed)
    calls = some_calls(rng, 1500, rng.choice([3, 20, 75]))
    partitions, shards = rng.choice([1, 2, 3]), rng.choice([1, 3, 8])
    repeated = calls + rng.sample(calls, 30)
    first = run(random.Random(seed + 100), calls, partitions, shards)
    assert len(first) > 30
    assert run(random.Random(seed + 200), calls, partitions, shards) == first
    assert run(random.Random(seed + 300), calls, 4 - partitions, 1) == first
    assert run(random.Random(seed + 400), repeated, partitions, shards) == first


@pytest.mark.parametrize("seed", range(6))
def test_summaries_equal_those_of_summing_call_by_call(seed: int) -> None:
    rng = random.Random(seed)
    calls = some_calls(rng, 2000, rng.choice([4, 30, 90]))
    expected = naive(calls)
    summaries = run(rng, calls, 2, 3)
    assert len(summaries) == len(expected)
    for summary in summaries:
        first = int(summary.start.timestamp()) // 60
        mine = expected[(summary.kind, first, summary.route, summary.arm, summary.revision)]
        good = [call for call in mine if not call.failed]
        assert summary.calls == len(mine)
        assert summary.errors == len(mine) - len(good)
        assert summary.cost_usd == sum(max(call.cost_nusd, 0) for call in mine) / 1e9
        assert summary.priced == sum(call.cost_nusd >= 0 for call in mine)
        assert summary.tokens_in == sum(call.tokens_in for call in mine)
        assert (summary.end - summary.start).total_seconds() == 60 * LENGTHS[summary.kind]
        if good:
            ordered = sorted(call.latency_ns / 1e6 for call in good)
            median = ordered[(len(ordered) - 1) // 2]
            assert summary.latency_p50_ms == pytest.approx(median, rel=0.011)
            assert summary.latency_mean_ms == pytest.approx(sum(ordered) / len(ordered))
            assert summary.latency_slow <= sum(value > 1000 for value in ordered)
            assert summary.latency_slow >= sum(value > 1045 for value in ordered)
