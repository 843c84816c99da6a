"""What a partition makes of hostile payloads, with sound records between them."""

from __future__ import annotations

import re
import traceback
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from connectors.decoding import RecordDecoder
from connectors.prices.table import TablePrices, per_million
from connectors.vaults.memory import MemoryVault
from dataflows.attribute import rules_of
from optimizer.attribute import state as attribute_state
from optimizer.attribute.attribution import Attribution
from optimizer.controller import Controller
from optimizer.judgements import ATTRIBUTION
from optimizer.observe import state as observe_state
from optimizer.observe.columns import DeadLetter, Record, RecordKind
from optimizer.observe.observer import EDGE, Observer
from optimizer.observe.partition import Partition
from optimizer.observe.rules import StreamRules
from optimizer.panes import Dealing, Mark, Pane
from optimizer.pieces import Pieces
from optimizer.settings import validate
from optimizer.shard import Shard
from tests.benchmarks.otlp_load import SECOND_NS, START_NS, Load, messages
from tests.hostile import Payload

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


SETTINGS = validate(
    {
        "input": {"tenant": "acme"},
        "attribution": {"index": "responses"},
        "scores": [{"name": "faithfulness", "min": 0, "max": 10, "labels": {"bad": 0}}],
    }
)
PRICES = TablePrices({"gpt-4o": [per_million("2.5", 10)]})
GOOD = "/route-"  # in the routes of sound records alone
SHARDS = 4
WRITTEN_EVERY = 100  # records
MOST_LETTERS = 10_000  # kept, that is
SOUND = Load(per_second=8, repeated=0, disorder_s=2)


class Crash(NamedTuple):
    """What no payload may do."""

    payload: Payload
    told: str


class Outcome(NamedTuple):
    """What came of a run.

    Attributes:
        good: Sums of the sound calls, by route and arm.
        letters: The dead letters, the first of them.
        reasons: How many dead letters there are, by reason.
        crashes: Payloads that raised something.
        partition: The partition afterwards.
    """

    good: dict[tuple[str, str], list[int]]
    letters: list[DeadLetter]
    reasons: Counter[str]
    crashes: list[Crash]
    partition: Partition


def sound_records(count: int) -> list[Record]:
    """Make sound records, a second of event time each."""
    bodies = messages(count, spans_per_message=8, seed=3, load=SOUND)
    return [
        Record("p", 0, START_NS + number * SECOND_NS, RecordKind.OTLP, body)
        for number, body in enumerate(bodies, 1)
    ]


def run(payloads: Iterable[Payload], sound: Sequence[Record], a_sound_one: int = 10) -> Outcome:
    """Let a partition take payloads, a sound record after so many, then all that are left.

    Args:
        payloads: What is sent.
        sound: Records that must count whatever stands between them.
        a_sound_one: After how many payloads each of them comes.
    """
    job = a_job()
    outcome = Outcome({}, [], Counter(), [], job.observer.partition)
    waiting, stamp_ns = list(reversed(sound)), START_NS
    for number, payload in enumerate(payloads):
        record = Record("p", number, stamp_ns, payload.kind, payload.body)
        _take(job, record, payload, outcome)
        if waiting and number % a_sound_one == 0:
            stamp_ns = waiting[-1].stamp_ns
            _take(job, waiting.pop(), None, outcome)
    while waiting:
        _take(job, waiting.pop(), None, outcome)
    _take(job, Record("p", 0, stamp_ns, RecordKind.END, b""), None, outcome)
    return outcome


class Job(NamedTuple):
    """Everything that takes part, as the dataflow joins it."""

    observer: Observer
    attribution: Attribution
    shards: dict[str, Shard]
    vault: MemoryVault

    def take(self, record: Record) -> list[tuple[str, object]]:
        """Take a record, and let what comes of it be taken further."""
        targets = list(self.observer.take(record))
        dealing = Dealing(SHARDS)
        for target, item in list(targets):
            for judged in self.attribution.take(item) if target == ATTRIBUTION else ():
                match judged:
                    case Pane():
                        targets += dealing.deal(judged)
                    case Mark():
                        targets += dealing.tell(judged)
        for target, item in targets:
            if target in self.shards:
                self.shards[target].take(item)
        return targets

    def dump(self) -> None:
        """Write all state there is."""
        partition = self.observer.partition
        observe_state.dump(partition, Pieces(self.vault, partition.name))
        attribute_state.dump(self.attribution, Pieces(self.vault, ATTRIBUTION))
        for shard in self.shards.values():
            shard.dump()


def a_job() -> Job:
    """Make a job of one partition."""
    vault, controller = MemoryVault(), Controller(SETTINGS, PRICES)
    names = [f"shard-{number}" for number in range(SHARDS)]
    rules = StreamRules(findable=10_000)
    return Job(
        Observer(Partition("p", rules), RecordDecoder(SETTINGS, PRICES, "p"), SHARDS),
        Attribution(rules_of(SETTINGS), ["p"]),
        {name: Shard(name, controller, lambda _: 60_000.0, ["p"], vault) for name in names},
        vault,
    )


def _take(job: Job, record: Record, payload: Payload | None, outcome: Outcome) -> None:
    try:
        targets = job.take(record)
        if record.offset % WRITTEN_EVERY == 0:
            job.dump()
    except Exception:
        if payload is None:
            raise
        outcome.crashes.append(Crash(payload, traceback.format_exc()))
        return
    for target, item in targets:
        if isinstance(item, Pane):
            _add(item, outcome.good)
        elif target == EDGE and isinstance(item, DeadLetter):
            outcome.reasons[item.reason] += 1
            if len(outcome.letters) < MOST_LETTERS:
                outcome.letters.append(item)


def _add(pane: Pane, good: dict[tuple[str, str], list[int]]) -> None:
    for arm, sums in zip(pane.arms, pane.sums, strict=True):
        if GOOD in arm.route:
            key = arm.route, arm.arm
            good[key] = (np.array(good.get(key, 0)) + sums).tolist()


def read_again(letter: DeadLetter) -> list[str]:
    """Give the reasons for which a dead letter is refused when it is taken as a record."""
    return list(run([Payload(letter.kind, letter.body)], ()).reasons.elements())


def most_memory_mb() -> float:
    """Give the most memory this process ever had; unlike `getrusage`, nothing of its parent's."""
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) / 1024
