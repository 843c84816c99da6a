"""Orders given on the command line take effect in a live run, and are told there."""

from __future__ import annotations

import itertools
import json
import random
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from connectors.configuration import load
from connectors.inputs import LogInput
from connectors.logs.sqlite import SqliteLog
from connectors.publisher import FINDINGS, ROLLOUTS, Publisher
from connectors.stores.sqlite import SqliteStore
from optimizer.decisions import OptimizationDecision
from optimizer.documents import Document
from optimizer.findings import Finding
from tests.connectors.api.shell import Shell
from tests.dataflows.live_input import Live, write_history
from tests.dataflows.the_job import run, source_of
from tests.otlp_lines import SECOND_NS, Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ROUTE = "default/chat/default"
CONFIG = f"""
database: {{connection_string: "sqlite://optimizer.db"}}
autonomy: approve
recovery: {{interval_secs: 0.05}}
stamps: {{unsigned_autonomy: approve}}
routes:
  - route: {ROUTE}
    incumbent: {{model: gpt-4o}}
    candidates: [{{model: gpt-4o, cache: true, latency_p95_ms: 1000}}]
"""


class Run(Live):
    """A live run whose log and views others can reach; its calls are slow."""

    def __init__(self, folder: Path, shell: Shell, log: SqliteLog, store: SqliteStore) -> None:
        (folder / "config.yaml").write_text(CONFIG)
        now_ns = time.time_ns()  # noqa: TID251 - the command line has the real clock
        settings = load(folder / "config.yaml", {})
        place = folder / "inputs.position"
        super().__init__(folder, settings, now_ns, lambda: LogInput(log, place))
        self.log, self.store, self.place = log, store, place
        self.publisher = Publisher(log, self.dead, store, "svc", self.see)
        self.shell, self.lines = shell, Lines()
        write_history(self.inputs, now_ns, self.lines)

    def order(self, *words: str) -> str:
        """Give an order; tell what was printed."""
        done = self.shell("orders", *words, "--config", "config.yaml", "--author", "ada")
        assert done.code == 0, done.errors
        return done.output

    def until(self, seen: Callable[[], Any]) -> Iterator[str]:
        """Give slow calls until something is seen."""
        for _ in range(200):
            if seen():
                return
            yield self.lines.line(self.now_ns + 4 * SECOND_NS, calls=10, latency_ms=9000)
        raise AssertionError("it was never seen")

    def of(self, kind: type) -> list[Any]:
        return [one for one in self.outputs if isinstance(one, kind)]

    def answers(self) -> list[tuple[str, str]]:
        """What orders were answered."""
        findings = [one for one in self.of(Finding) if one.rule.startswith("order_")]
        return [(one.rule, one.detail) for one in findings]


@pytest.fixture
def live(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    shell, file = Shell(tmp_path, monkeypatch, capfd), tmp_path / "optimizer.db"
    with closing(SqliteLog(file)) as log, closing(SqliteStore(file)) as store:
        yield Run(tmp_path, shell, log, store)


def test_what_waits_is_held_by_a_pause_and_carried_out_when_a_person_approves_it(
    live: Run,
) -> None:
    given: list[int] = []

    def orders() -> Iterator[str]:
        yield from live.until(lambda: live.of(OptimizationDecision))
        decision = live.of(OptimizationDecision)[0]
        live.order("pause", ROUTE, "--reason", "a holiday")
        given.append(live.now_ns)
        yield from live.until(lambda: len(live.answers()) == 1)
        given.append(live.now_ns)
        live.order("approve", decision.id[:8])
        yield from live.until(lambda: len(live.answers()) == 2)
        live.order("resume", ROUTE)
        said = live.order("approve", decision.id[:8])
        assert f"DECISION  {ROUTE}  {decision.id[:8]} pending" in said
        yield from live.until(lambda: any(one.leased for one in live.of(Document)))
        yield from live.until(lambda: len(live.answers()) == 4)

    live.go(orders())
    (pause, approval, *rest) = live.answers()
    assert pause == ("order_obeyed", "Given by ada: a holiday")
    assert approval[0] == "order_refused"
    assert approval[1].startswith("The route is paused: resume it first.")
    assert [rule for rule, _ in rest] == ["order_obeyed", "order_obeyed"]
    assert (
        given[1] - given[0] <= 20 * SECOND_NS
    )  # a poll, a tick, a poll; no disorder is waited for
    statuses = [str(one.status) for one in live.of(OptimizationDecision)]
    assert statuses[:3] == ["pending", "validating", "deploying"]
    (step,) = (one for one in live.of(Document) if one.leased)
    assert step.decision_id == live.of(OptimizationDecision)[0].id
    assert live.of(OptimizationDecision)[-1].metadata["approved_by"] == "ada"
    replayed = run(source_of(live.inputs), live.settings)
    assert [one for one in replayed.outputs if isinstance(one, Document)] == live.of(Document)


@pytest.mark.parametrize("seed", range(2))
def test_crashes_in_a_rollout_neither_lose_nor_repeat_an_order_or_what_came_of_it(
    live: Run, seed: int
) -> None:
    rng = random.Random(seed)

    def orders() -> Iterator[str]:
        yield from live.until(lambda: live.of(OptimizationDecision))
        live.order("approve", live.of(OptimizationDecision)[0].id)
        yield from live.until(lambda: any(one.leased for one in live.of(Document)))

    live.go(orders(), crash=True)
    for words in (("pause", ROUTE), ("resume", ROUTE), ("roll-back", ROUTE)):
        before = live.place.read_bytes()
        live.order(*words)
        live.go(itertools.repeat("", rng.randint(1, 9)), crash=rng.random() < 0.7)
        if rng.random() < 0.5:  # killed before it noted what it read
            live.place.write_bytes(before)
    live.go(itertools.repeat("", 9))
    replayed, finished = run(source_of(live.inputs), live.settings), live.finished()
    assert finished.said() == replayed.said()
    assert len(replayed.said()[ROLLOUTS]) > 1
    answers = [json.loads(one)["data"]["rule"] for one in replayed.said()[FINDINGS]]
    assert answers.count("order_obeyed") == 4
    assert "order_refused" not in answers
