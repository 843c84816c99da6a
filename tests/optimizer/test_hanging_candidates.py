"""A candidate whose calls hang fails like one whose calls fail: starts are told of, and waited for.

Its calls go the way they go in the job: starts and ends to a partition, its panes to the route.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from optimizer.documents import Document
from optimizer.observe.columns import Record, RecordKind, from_calls
from optimizer.observe.partition import Partition
from optimizer.observe.rules import StreamRules
from optimizer.open_ticks import rows_by_route
from optimizer.panes import PANE_NS
from optimizer.rollouts import Tick
from optimizer.tally import Tally
from tests.builders import ROUTE
from tests.optimizer.test_rollouts import KEPT, UNDONE
from tests.rollout_life import NEW, Life, given
from tests.rollout_traffic import Traffic

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.events import Call, FeedbackEvent

LAG_TICKS = 2  # until a pane is sealed: fifteen seconds of disorder


@dataclass
class Waited(Traffic):
    """Traffic some of whose calls to the candidate never end.

    Attributes:
        hangs: Share of the candidate's calls that never end.
        tells: Its gateway tells of calls when they start.
        slots: Those that its users fall into; empty when each call has a user of its own.
    """

    hangs: float = 0.2
    tells: bool = True
    slots: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._partition = Partition("p", StreamRules())
        self.hung = 0

    def tick(self, *events: FeedbackEvent) -> Tick:
        """Let ten seconds go by; those that are sealed by then are seen."""
        table = self._partition.table
        made = list(self._made())
        ended = [call for call in made if not self._hangs(call)]
        self.hung += len(made) - len(ended)
        patience_ns = self.document.patience_ms * 10**6 if self.document else 0
        told = [begun(call, patience_ns) for call in made] if self.tells and patience_ns else []
        self.at_ns += PANE_NS
        record = Record("p", 0, self.at_ns, RecordKind.OTLP, b"")
        observed = self._partition.take(
            record, from_calls(ended, table), from_calls(told, table) if told else None
        )
        panes = [*observed.panes, *self._partition.reach(self.at_ns).panes]
        tally = Tally()
        for pane in panes:
            tally.add(pane)
        rows = rows_by_route(tally, {ROUTE}).get(ROUTE)
        return Tick(route=ROUTE, end_ns=self.at_ns - LAG_TICKS * PANE_NS, rows=rows, events=events)

    def _made(self) -> Iterator[Call]:
        for call in super()._made():
            if not self.slots or self.document is None:
                yield call
                continue
            slot = self.slots[call.slot % len(self.slots)]
            yield replace(call, slot=slot, arm=self.document.arm_of(slot))

    def _hangs(self, call: Call) -> bool:
        return call.arm == NEW.id and bool(self._rng.random() < self.hangs)


def begun(call: Call, patience_ns: int) -> Call:
    start_ns = call.end_ns - call.latency_ns
    return replace(
        call, end_ns=start_ns + patience_ns, latency_ns=patience_ns, failed=True, cost_nusd=0
    )


STICKY = (0, 1, 3, 4, 6, 7, 40, 55, 71, 90, 104, 111, 125, 138, 152, 160, 171, 188, 190, 199)


BY_UNIT = pytest.mark.parametrize("slots", [(), STICKY], ids=["a user a call", "twenty users"])


@BY_UNIT
@pytest.mark.parametrize("seed", range(4))
def test_a_candidate_that_hangs_is_undone_within_few_calls(slots: tuple[int, ...], seed) -> None:
    life = Life(given(), kind=Waited, slots=slots, seed=seed)
    while life.statuses != UNDONE and life.traffic.hung < 100:
        life.minutes(1)
    assert life.statuses == UNDONE
    assert max(life.shares) == 10  # of 200 slots: it never left its first step
    assert "errors" in (why := life.of(Document)[-1].reason) or "calls failed" in why


@BY_UNIT
def test_where_nobody_tells_of_starts_hangs_are_missed(slots: tuple[int, ...]) -> None:
    life = Life(given(), kind=Waited, slots=slots, tells=False)
    life.minutes(12)
    assert UNDONE[-1] not in life.statuses
    assert life.traffic.hung > 400


def test_a_candidate_that_hangs_no_more_than_the_incumbent_is_promoted() -> None:
    life = Life(given(), kind=Waited, hangs=0.0)
    life.minutes(30)
    assert life.statuses == KEPT
