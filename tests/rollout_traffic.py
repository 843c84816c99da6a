"""Traffic of one route that follows its document, as the ticks that its controller sees."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from optimizer.documents import SLOTS, Document
from optimizer.events import Call
from optimizer.observe.columns import from_calls
from optimizer.observe.keys import KeyTable
from optimizer.observe.open_panes import OpenPane
from optimizer.open_ticks import rows_by_route
from optimizer.panes import PANE_NS
from optimizer.rollouts import Tick
from optimizer.tally import Tally
from tests.builders import ROUTE, START

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.events import FeedbackEvent

START_NS = round(START.timestamp()) * 10**9


@dataclass
class Behaviour:
    """How an arm answers."""

    latency_ms: float = 800.0
    cost_usd: float = 0.01
    errors: float = 0.02
    quality: float | None = 0.8
    spread: float = 0.4


@dataclass
class Traffic:
    """Calls of one route; each is a unit of its own.

    Attributes:
        arms: How each arm answers.
        rate: Calls a minute.
        seed: Of all that is random.
        incumbent: Who answers before there is a document.
        stale: Share of calls whose gateway has not heard of the newest document.
    """

    arms: dict[str, Behaviour]
    incumbent: str
    rate: float = 600.0
    seed: int = 0
    stale: float = 0.0
    at_ns: int = START_NS
    document: Document | None = None
    calls: int = 0
    older: Document | None = None
    served: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._rng = np.random.default_rng(self.seed)

    def follow(self, document: Document) -> None:
        """Let gateways hear of a document."""
        self.older, self.document = self.document, document

    def tick(self, *events: FeedbackEvent) -> Tick:
        """Let ten seconds go by."""
        table, pane = KeyTable(), OpenPane()
        calls = list(self._made())
        pane.add(from_calls(calls, table), table)
        self.at_ns += PANE_NS
        tally = Tally()
        tally.add(pane.seal("p", self.at_ns // PANE_NS - 1, -1, table))
        rows = rows_by_route(tally, {ROUTE}).get(ROUTE)
        return Tick(route=ROUTE, end_ns=self.at_ns, rows=rows, events=events)

    def _made(self) -> Iterator[Call]:
        for _ in range(self._rng.poisson(self.rate / 6)):
            slot = int(self._rng.integers(SLOTS))
            document = self.older if self._rng.random() < self.stale else self.document
            arm = document.arm_of(slot) if document else self.incumbent
            self.calls += 1
            self.served[arm] = self.served.get(arm, 0) + 1
            yield self._call(arm, slot, document.revision if document else 0)

    def _call(self, arm: str, slot: int, revision: int) -> Call:
        how, rng = self.arms[arm], self._rng
        return Call(
            route=ROUTE,
            arm=arm,
            slot=slot,
            revision=revision,
            call_id=self.calls,
            end_ns=self.at_ns + int(rng.integers(PANE_NS)),
            latency_ns=int(how.latency_ms * 1e6 * np.exp(how.spread * rng.standard_normal())),
            tokens_in=100,
            tokens_out=100,
            cost_nusd=int(how.cost_usd * 1e9 * np.exp(how.spread * rng.standard_normal())),
            failed=bool(rng.random() < how.errors),
        )
