"""What the job says, put where others find it: events to the log, views to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.codecs import cloud_event, to_json
from optimizer.decisions import OptimizationDecision
from optimizer.findings import Finding
from optimizer.observe.columns import DeadLetter
from optimizer.observe.observer import Ledger
from optimizer.ports import Row
from optimizer.windows import WindowSummary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from optimizer.ports import Log, Store

DECISIONS = "llm.optimizer.decisions"
FINDINGS = "llm.optimizer.findings"
DEAD_LETTERS = "llm.optimizer.dlq"


class Publisher:
    """Writes outputs; a finding or decision is durable when `publish` returns.

    Window summaries and ledgers are views of the newest only: they wait for `flush`, so that a
    minute's thousand windows never stand before a decision.

    Args:
        log: Where findings and decisions go, as CloudEvents.
        dead: Where dead letters go; they may hold content, so it is a log of their own.
        store: Where views go.
        service_name: Names the source of the events.
        watch: Sees every output, after it is durable.
    """

    def __init__(
        self,
        log: Log,
        dead: Log,
        store: Store,
        service_name: str,
        watch: Callable[[Any], None] = lambda _: None,
    ) -> None:
        self._log = log
        self._dead = dead
        self._store = store
        self._service_name = service_name
        self._watch = watch
        self._waiting: dict[tuple[str, str], Row] = {}

    def publish(self, outputs: Iterable[Any]) -> None:
        """Write outputs in their order."""
        outputs = list(outputs)
        said = [each for each in outputs if isinstance(each, OptimizationDecision | Finding)]
        for kind, (topic, view) in _TOPICS.items():
            mine = [each for each in said if isinstance(each, kind)]
            if mine:
                self._log.append(topic, [(each.route, self._event(each)) for each in mine])
                self._store.put(view, [_view(each) for each in mine])
        dead = [(each.partition, to_json(each)) for each in outputs if isinstance(each, DeadLetter)]
        if dead:
            self._dead.append(DEAD_LETTERS, dead)
        for output in outputs:
            self._wait(output)
            self._watch(output)

    def flush(self) -> None:
        """Write the views that wait."""
        views: dict[str, list[Row]] = {}
        for (view, _), row in self._waiting.items():
            views.setdefault(view, []).append(row)
        for view, put in views.items():
            self._store.put(view, put)
        self._waiting.clear()

    def _event(self, output: OptimizationDecision | Finding) -> bytes:
        return to_json(cloud_event(output, self._service_name))

    def _wait(self, output: Any) -> None:
        match output:
            case WindowSummary():
                row = _window(output)
                self._waiting["windows", row.key] = row
            case Ledger():
                self._waiting["ledgers", output.partition] = _ledger(output)


_TOPICS = {OptimizationDecision: (DECISIONS, "decisions"), Finding: (FINDINGS, "findings")}


def _view(output: OptimizationDecision | Finding) -> Row:
    at = output.created_at if isinstance(output, OptimizationDecision) else output.since
    return Row(str(output.id), at.isoformat(), to_json(output))


def _window(summary: WindowSummary) -> Row:
    key = f"{summary.route}|{summary.arm}|{summary.revision}|{summary.kind}"
    return Row(key, summary.end.isoformat(), to_json(summary))


def _ledger(ledger: Ledger) -> Row:
    return Row(ledger.partition, f"{ledger.watermark_ns:020}", to_json(dict(ledger.counts)))
