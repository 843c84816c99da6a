"""The same rollouts as the product plays them: columns, panes, ticks, controller, documents."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.act.acting import Acting, found, started
from optimizer.act.advancing import begin
from optimizer.controller import Controller
from optimizer.decisions import DecisionStatus, OptimizationDecision
from optimizer.documents import Document, Unit
from optimizer.observe.columns import ERROR, STREAMED, Columns
from optimizer.observe.keys import CallKey, KeyTable
from optimizer.observe.open_panes import OpenPane
from optimizer.open_ticks import OpenTicks
from optimizer.panes import PANE_NS
from optimizer.rollouts import Tick
from optimizer.route_state import RouteState
from optimizer.settings import Autonomy, Settings, StampCheck, StampSettings
from optimizer.simulate.rivals import Standing
from optimizer.summaries import instant
from tests.benchmarks.gates.outcomes import CANDIDATE
from tests.benchmarks.gates.post import Post
from tests.benchmarks.load import START_NS
from tests.builders import PriceList, a_decision, an_arm

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from optimizer.panes import Pane
    from tests.benchmarks.gates.ladder import Climb
    from tests.benchmarks.gates.outcomes import Served
    from tests.benchmarks.gates.post import Scores

    Ints = NDArray[np.int64]

OLD, NEW = an_arm("gpt-4o"), an_arm("gpt-4o", temperature=0.1)
_FIRST = 2  # revision of a rollout's first document
_MONTH_SECS = 30 * 86_400
_ABSENT = {"tokens_in": -1, "tokens_out": -1, "tokens_cached": 0}


class Named(NamedTuple):
    """Whose calls some rows are.

    Attributes:
        row: (calls,) rollout of each.
        arm: (calls,) arm of each.
        revision: (calls,) that each was made under.
    """

    row: Ints
    arm: Ints
    revision: Ints


class Product:
    """n rollouts, each on a route of its own, through everything between calls and documents.

    Args:
        climb: What they go by.
        rollouts: How many, n.

    Attributes:
        slots: (n,) slots of the candidates, as the documents say.
        standing: (n,) how each stands.
    """

    def __init__(self, climb: Climb, rollouts: int) -> None:
        self._routes = [f"acme/shop/{number:04d}" for number in range(rollouts)]
        self._climb = climb
        autonomy = Autonomy.GUARD if climb.held else Autonomy.AUTO
        stamps = StampSettings(check=StampCheck.REQUIRED, key="0" * 32)  # else nothing may widen
        settings = replace(Settings(), autonomy=autonomy, stamps=stamps)
        self._controller = Controller(settings, PriceList())
        self._states = [self._begun(route) for route in self._routes]
        self._table, self._ticks = KeyTable(), OpenTicks(self._routes)
        self._post, self._tick, self._ids = Post(), 0, 1
        self._revision = np.full(rollouts, _FIRST)
        self.slots = np.full(rollouts, climb.terms.ladder[0])
        self.standing = np.zeros(rollouts, np.int64)

    def take(self, served: Served) -> None:
        """Take ten seconds of calls, and do what the documents then say."""
        self._post.send(served, self._revision, self._tick)
        scores = self._post.arriving(range(self._tick, self._tick + 1))
        self._ticks.add(self._pane(served, scores))
        self._tick += 1
        end_ns = START_NS + self._tick * PANE_NS
        rows = self._ticks.take(end_ns, self._routes)
        for place, route in enumerate(self._routes):
            if self._is_watched(place):
                tick = Tick(route=route, end_ns=end_ns, rows=rows.get(route))
                self._states[place], said = self._controller.tick(self._states[place], tick)
                self._follow(place, said)

    def reasons(self) -> list[str]:
        """Give the reason of each rollout's newest verdict; `""` where none is in progress."""
        rollouts = [state.acting.rollout for state in self._states]
        return [rollout.verdict.reason if rollout else "" for rollout in rollouts]

    def _is_watched(self, place: int) -> bool:
        standing = self.standing[place]
        return bool(
            standing == Standing.RUNNING or (standing == Standing.PROMOTED and self._climb.after)
        )

    def _follow(self, place: int, said: Iterable[object]) -> None:
        """Do what a document says; note what a decision came to."""
        for each in said:
            match each:
                case Document():
                    self._revision[place] = each.revision
                    self.slots[place] = len(each.slots_of(NEW.id))
                case OptimizationDecision(status=DecisionStatus.MONITORING):
                    self.standing[place] = Standing.PROMOTED
                case OptimizationDecision(status=DecisionStatus.ROLLED_BACK):
                    self.standing[place] = Standing.ROLLED_BACK

    def _begun(self, route: str) -> RouteState:
        """Give a route on which a rollout has just begun, on these terms."""
        at = instant(START_NS)
        acting, rest = found(Acting(), route, OLD, at, Unit.CALL)
        decision = a_decision(
            route=route, incumbent=OLD.id, candidate=NEW.id, created_at=at, updated_at=at
        )
        rollout, _ = begin(
            decision,
            NEW,
            (rest,),
            replace(self._climb.terms, arms=(NEW.id, OLD.id)),
            least_secs=tuple(ticks * 10 for ticks in self._climb.least_ticks),
            max_step_secs=_MONTH_SECS,
            cooling_secs=_MONTH_SECS,
            at_ns=START_NS,
            revision=_FIRST,
        )
        return RouteState(acting=started(acting, rollout))

    def _pane(self, served: Served, scores: Scores) -> Pane:
        """Sum calls and scores as an observer does."""
        pane = OpenPane()
        whose = Named(served.row, served.arm, self._revision[served.row] - served.stale)
        pane.put(self._calls(served, self._codes(whose)), self._table)
        judged = self._codes(Named(scores.row, scores.arm, scores.step))
        pane.put(self._judgements(scores, judged), self._table)
        pane.settle(self._table)
        return pane.seal("p0", START_NS // PANE_NS + self._tick, -1, self._table)

    def _codes(self, whose: Named) -> NDArray[np.int32]:
        """Give the key of each row."""
        names = np.stack(whose, axis=1)
        distinct, place = np.unique(names, axis=0, return_inverse=True)
        codes = [
            self._table.code(
                CallKey(self._routes[row], NEW.id if arm == CANDIDATE else OLD.id, revision)
            )
            for row, arm, revision in distinct.tolist()
        ]
        return np.array(codes, np.int32)[place.reshape(-1)]

    def _calls(self, served: Served, codes: NDArray[np.int32]) -> Columns:
        count = len(served.row)
        ttft = np.exp(served.ttft) * 1e6 if len(served.ttft) else np.full(count, -1)
        flags = ERROR * served.failed + STREAMED * (len(served.ttft) > 0)
        return Columns(
            key=codes,
            end_ns=np.full(count, START_NS + self._tick * PANE_NS),
            latency_ns=(np.exp(served.latency) * 1e6).astype(np.int64),
            ttft_ns=ttft.astype(np.int64),
            cost_nusd=np.where(served.failed, -1, np.exp(served.cost) * 1e3).astype(np.int64),
            slot=served.slot.astype(np.int16),
            flags=flags.astype(np.uint8),
            score=np.full(count, -1, np.int32),
            **self._common(count),
        )

    def _judgements(self, scores: Scores, codes: NDArray[np.int32]) -> Columns:
        count = len(scores.row)
        absent = {name: np.full(count, -1) for name in ("latency_ns", "ttft_ns", "cost_nusd")}
        return Columns(
            key=codes,
            end_ns=np.full(count, START_NS + self._tick * PANE_NS),
            slot=scores.slot.astype(np.int16),
            flags=np.zeros(count, np.uint8),
            score=np.rint(scores.value * 1e6).astype(np.int32),
            **absent,
            **self._common(count),
        )

    def _common(self, count: int) -> dict[str, NDArray[np.generic]]:
        """Give ids never given before, and what no call tells."""
        ids = np.arange(self._ids, self._ids + count, dtype=np.uint64)
        self._ids += count
        absent = {name: np.full(count, value) for name, value in _ABSENT.items()}
        return {"call_id": ids, **absent}
