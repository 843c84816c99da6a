"""Calls and scores of some partitions on their way through observe's partitions to attribution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from connectors.vaults.memory import MemoryVault
from optimizer.attribute import state
from optimizer.attribute.attribution import Attribution, AttributionRules, Unattributed
from optimizer.attribute.findable import Room
from optimizer.events import Call
from optimizer.judgements import ATTRIBUTION, Judge, Judged, Judgement, Key
from optimizer.observe import state as partition_state
from optimizer.observe.columns import Record, RecordKind, from_calls
from optimizer.observe.partition import Partition
from optimizer.observe.rules import StreamRules
from optimizer.panes import AT, Mark, Pane
from optimizer.pieces import Pieces

SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND
FINDABLE = 100
RULES = AttributionRules(
    wait_ns=60 * SECOND,
    span_wait_ns=30 * SECOND,
    keep_ns=600 * SECOND,
    room=Room(recent=FINDABLE, lasting=2),
    scores=1000,
)
FEED = "feed"
NAMES = ("calls", FEED, "more")  # partitions

Step = Callable[[Partition], Any]


def call(
    at_s: float,
    trace: int = 1,
    span: int = 1,
    arm: str = "a",
    *,
    arrives_s: float | None = None,
    response: int = 0,
    tenant: str = "t",
    slot: int = -1,
    cell: str = "",
) -> Step:
    """A call that ended at a second and arrives then or later."""
    stamp_ns = START + int((at_s if arrives_s is None else max(arrives_s, at_s)) * SECOND)
    made = Call(
        route=f"{tenant}/s/r",
        arm=arm,
        cell=cell,
        slot=slot,
        call_id=(trace << 32) + span,
        end_ns=START + int(at_s * SECOND),
        latency_ns=SECOND,
    )

    def step(partition: Partition) -> Any:
        links = np.array([[trace, span, response]], np.uint64)
        columns = replace(from_calls([made], partition.table), links=links)
        return partition.take(Record(partition.name, 0, stamp_ns, RecordKind.OTLP, b""), columns)

    return step


def score(
    at_s: float,
    value: float = 1.0,
    *,
    identity: int = 0,
    trace: int = 0,
    span: int = 0,
    response: int = 0,
    key: Key | None = None,
    tenant: str = "t",
    name: str = "helpful",
    judge: Judge = Judge.HUMAN,
    slot: int = -1,
) -> Step:
    """A score that was given, and arrives, at a second; its id follows from all of it."""
    told = Judgement(
        identity=identity or hash((at_s, value, trace, span, response, key)) % (1 << 63),
        time_ns=START + int(at_s * SECOND),
        value=round(value * 1e6),
        name=name,
        judge=judge,
        tenant=tenant,
        trace=trace,
        span=span,
        response=response,
        key=key,
        slot=slot,
        body=b"score",
        kind=RecordKind.EVENT,
    )
    record = Record(FEED, 7, told.time_ns, RecordKind.EVENT, b"")
    return lambda partition: partition.judge(record, [told])


def beat(at_s: float) -> Step:
    """A heartbeat."""
    return lambda partition: partition.reach(START + int(at_s * SECOND))


def end() -> Step:
    """The end of a replay."""
    return lambda partition: partition.finish()


@dataclass
class Said:
    """What attribution has said."""

    panes: list[Pane] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    dead: list[Unattributed] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    coverage: list[Any] = field(default_factory=list)

    def sums(self) -> list[tuple[int, str, int, float]]:
        """For each pane its second, and each arm's scores and their sum."""
        return [
            (
                (pane.start_ns - START) // SECOND,
                arm.arm,
                int(pane.sums[row, AT["scores"]]),
                int(pane.sums[row, AT["score"]]) / 1e6,
            )
            for pane in self.panes
            for row, arm in enumerate(pane.arms)
        ]

    def reasons(self) -> list[str]:
        """Why scores were set aside."""
        return [each.reason for each in self.dead]

    def plain(self) -> Any:
        """All of it that must not depend on how it came, as plain values."""
        panes = []
        for pane in self.panes:
            tables = (pane.sums, pane.cell_sums, pane.slots, pane.slot_sums)
            names = (pane.start_ns, pane.arms, pane.cell_names)
            panes.append((*names, *(table.tolist() for table in tables)))
        return panes, sorted(self.dead), {k: v for k, v in self.counts.items() if v}


def items_of(
    name: str, steps: Sequence[Step], resume_at: Sequence[int] = (), disorder_s: int = 0
) -> list[Any]:
    """What a partition has for attribution; it is written and read again at some steps."""
    rules = StreamRules(disorder_ns=disorder_s * SECOND, findable=FINDABLE)
    partition, vault = Partition(name, rules), MemoryVault()
    pieces = Pieces(vault, name)
    items: list[Any] = []
    for number, step in enumerate(steps):
        if number in resume_at:
            dumped = partition_state.dump(partition, pieces)
            partition, pieces = partition_state.load(dumped, rules, vault)
        observed = step(partition)
        items += [*observed.scoring, *([observed.mark] if observed.mark else [])]
    return items


def merged(streams: dict[str, list[Any]], order: Sequence[int]) -> list[Any]:
    """Merge the items of partitions, each in its order, as `order` says."""
    left = {name: list(items) for name, items in streams.items()}
    out: list[Any] = []
    for pick in order:
        some = [name for name in NAMES if left[name]]
        if some:
            out.append(left[some[pick % len(some)]].pop(0))
    return [*out, *(item for name in NAMES for item in left[name])]


def split_up(items: list[Any], sizes: int) -> list[Any]:
    """Hand judgements over a few at a time."""
    out: list[Any] = []
    for item in items:
        if isinstance(item, Judged):
            rows = range(0, len(item.rows), sizes)
            out += [item.take(slice(at, at + sizes)) for at in rows]
        else:
            out.append(item)
    return out


def attributed(
    items: Iterator[Any] | Sequence[Any],
    partitions: Sequence[str],
    rules: AttributionRules = RULES,
    resume_at: Sequence[int] = (),
) -> Said:
    """Let attribution take items; it is written and read again before some of them."""
    said, vault = Said(), MemoryVault()
    attribution, pieces = Attribution(rules, partitions), Pieces(vault, ATTRIBUTION)
    for number, item in enumerate(items):
        if number in resume_at:
            dumped = state.dump(attribution, pieces)
            attribution, pieces = Attribution(rules, partitions), Pieces(vault, ATTRIBUTION)
            state.load(attribution, dumped, pieces)
        for output in attribution.take(item):
            match output:
                case Pane():
                    said.panes.append(output)
                case Mark():
                    said.marks.append(output)
                case Unattributed():
                    said.dead.append(output)
    said.counts = dict(attribution.counts)
    said.coverage = list(attribution.told())
    return said


def told(*steps: Step, rules: AttributionRules = RULES) -> Said:
    """Let attribution take what one partition says of some steps."""
    return attributed(items_of("p", steps), ["p"], rules)
