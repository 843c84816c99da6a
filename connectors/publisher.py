"""What the job says, put where others find it: events to the log, views to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.codecs import cloud_event, plain, to_json
from connectors.dead_letters import letter_id
from connectors.rollout_changes import RolloutChanges
from optimizer.attribute.coverage import Coverage
from optimizer.decisions import OptimizationDecision
from optimizer.documents import Document
from optimizer.findings import Finding
from optimizer.observe.columns import DeadLetter
from optimizer.observe.observer import Ledger
from optimizer.panes import FINAL_NS
from optimizer.ports import Row
from optimizer.rollouts import RolloutProgress
from optimizer.windows import WindowSummary

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from connectors.codecs import Said
    from connectors.dead_letters import DeadLetterStore
    from optimizer.ports import Log, Store

DECISIONS = "llm.optimizer.decisions"
FINDINGS = "llm.optimizer.findings"
DOCUMENTS = "llm.optimizer.documents"
ROLLOUTS = "llm.optimizer.rollouts"
DEAD_LETTERS = "llm.optimizer.dlq"
_MOST_TOLD_BYTES = 700_000  # what a log takes in one entry, in base64 and with the words about it
_MOST_LETTERS, _MOST_LETTER_BYTES = 1000, 1 << 20  # may wait to be written


class Publisher:
    """Writes outputs; a finding, decision or document is durable when `publish` returns.

    A document is written after the decision that explains it. Window summaries, coverage, ledgers
    and how rollouts stand are views of the newest only: they wait for `flush`, so that a minute's
    thousand windows never stand before a decision. Dead letters wait too, a few: the snapshot comes
    after the flush, so a crash repeats what it lost. What changes in a rollout is logged and shown
    at once.

    Args:
        log: Where findings, decisions, documents and changes of rollouts go, as CloudEvents.
        dead: Where dead letters go; they may hold content, so it is a store of their own.
        store: Where views go.
        service_name: Names the source of the events.
        watch: Sees every output, after it is durable or waits.
        tell_letters: Append dead letters to the log too, with their bytes if those are kept and
            not too many: for a log that others read and that no view is made of.

    Attributes:
        log: Where they go.
    """

    def __init__(
        self,
        log: Log,
        dead: DeadLetterStore,
        store: Store,
        service_name: str,
        watch: Callable[[Any], None] = lambda _: None,
        *,
        tell_letters: bool = False,
    ) -> None:
        self.log = log
        self._dead = dead
        self._store = store
        self._service_name = service_name
        self._watch = watch
        self._waiting: dict[tuple[str, str], Row] = {}
        self._tell_letters = tell_letters
        self._letters: list[DeadLetter] = []
        self._letter_bytes = 0
        self._rollouts = RolloutChanges()

    def publish(self, outputs: Iterable[Any]) -> None:
        """Write outputs in their order."""
        outputs = list(outputs)
        for kind, (topic, view) in _TOPICS.items():
            mine: list[Any] = [each for each in outputs if isinstance(each, kind)]
            if mine:
                self._append(topic, mine)
                self._store.put(view, [_view(each) for each in mine])
        looks = [each for each in outputs if isinstance(each, RolloutProgress)]
        if new := [each for each in looks if self._rollouts.is_new(each)]:
            self._append(ROLLOUTS, new)
            self._store.put("rollouts", map(_look, new))
        for output in outputs:
            self._wait(output)
            self._watch(output)

    def state(self) -> bytes:
        """Give what decides which looks at rollouts are logged next."""
        return self._rollouts.dump()

    def resume(self, state: bytes) -> None:
        """Go on from a state, so that a run that was stopped logs what an unbroken one does."""
        self._rollouts.load(state)

    def flush(self) -> None:
        """Write the views and the dead letters that wait."""
        self._write_letters()
        views: dict[str, list[Row]] = {}
        for (view, _), row in self._waiting.items():
            views.setdefault(view, []).append(row)
        for view, put in views.items():
            self._store.put(view, put)
        self._waiting.clear()

    def _told(self, letter: DeadLetter) -> bytes:
        facts = {"id": letter_id(letter), **plain(letter), "kind": letter.kind.name.lower()}
        is_whole = self._dead.keeps_bytes and len(letter.body) <= _MOST_TOLD_BYTES
        return to_json(facts if is_whole else facts | {"body": None})

    def _append(self, topic: str, said: Sequence[Said]) -> None:
        if said:
            events = (to_json(cloud_event(each, self._service_name)) for each in said)
            routes = (each.route for each in said)
            self.log.append(topic, list(zip(routes, events, strict=True)))

    def _wait(self, output: Any) -> None:
        match output:
            case WindowSummary():
                row = _window(output)
                self._waiting["windows", row.key] = row
            case Ledger():
                self._waiting["ledgers", output.partition] = _ledger(output)
                self._forget(output.watermark_ns)
            case Coverage():
                row = _coverage(output)
                self._waiting["coverage", row.key] = row
            case RolloutProgress():
                self._waiting["rollouts", output.route] = _look(output)
            case DeadLetter():
                self._letters.append(output)
                self._letter_bytes += len(output.body)
                if len(self._letters) >= _MOST_LETTERS or self._letter_bytes >= _MOST_LETTER_BYTES:
                    self._write_letters()

    def _forget(self, now_ns: int) -> None:
        """Let go, once an hour, of dead letters too old; the final watermark is no time."""
        if now_ns < FINAL_NS and self._dead.is_time_to_forget(now_ns):
            self._write_letters()
            self._dead.forget(now_ns)

    def _write_letters(self) -> None:
        if self._letters:
            self._dead.put(self._letters)
            if self._tell_letters:
                told = [(one.partition, self._told(one)) for one in self._letters]
                self.log.append(DEAD_LETTERS, told)
            self._letters.clear()
            self._letter_bytes = 0


_TOPICS: Mapping[type, tuple[str, str]] = {  # in this order: a document after what explains it
    OptimizationDecision: (DECISIONS, "decisions"),
    Finding: (FINDINGS, "findings"),
    Document: (DOCUMENTS, "documents"),
}


def _view(output: OptimizationDecision | Finding | Document) -> Row:
    match output:
        case OptimizationDecision():
            return Row(output.id, output.created_at.isoformat(), to_json(output))
        case Finding():
            return Row(str(output.id), output.since.isoformat(), to_json(output))
        case Document():
            return Row(output.route, output.created_at.isoformat(), to_json(output))


def _look(progress: RolloutProgress) -> Row:
    return Row(progress.route, progress.at.isoformat(), to_json(progress))


def _window(summary: WindowSummary) -> Row:
    key = f"{summary.route}|{summary.arm}|{summary.revision}|{summary.kind}"
    return Row(key, summary.end.isoformat(), to_json(summary))


def _coverage(coverage: Coverage) -> Row:
    told = {**plain(coverage), "share": coverage.share}
    return Row(f"{coverage.route}|{coverage.arm}", coverage.route, to_json(told))


def _ledger(ledger: Ledger) -> Row:
    return Row(ledger.partition, f"{ledger.watermark_ns:020}", to_json(dict(ledger.counts)))
