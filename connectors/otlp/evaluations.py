"""Evaluations of calls: the `gen_ai.evaluation.result` events among log records."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from connectors.echoes import PLAIN
from connectors.judging import Judging, ToldScore
from connectors.otlp.logs import DamagedLog, LogReader
from optimizer.errors import DecodeFailed
from optimizer.observe.aliases import ALIASES, SERVICE
from optimizer.observe.call_ids import SPAN_ID_BYTES, TRACE_ID_BYTES
from optimizer.observe.columns import RecordKind
from optimizer.observe.links import octets_link
from optimizer.observe.observer import Decoded, Refusal
from optimizer.observe.values import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from connectors.otlp.logs import Log
    from optimizer.judgements import Judgement
    from optimizer.observe.values import Value
    from optimizer.settings import Settings, SourceSettings

EVALUATION = "gen_ai.evaluation.result"
EVENT_NAME = "event.name"  # where records kept the name of their event before they had a field
NAME = "gen_ai.evaluation.name"
VALUE = "gen_ai.evaluation.score.value"
LABEL = "gen_ai.evaluation.score.label"
RESPONSE = "gen_ai.response.id"
ERROR = "error.type"
IDS = ("event.id", "log.record.uid")
_STAMPS = tuple(name for field in (*PLAIN, "signature") for name in ALIASES[field])


class EvaluationReader:
    """Reads the evaluations of one source.

    Args:
        settings: The settings in force.
        source: Where they come from; it decides who owns them.
    """

    def __init__(self, settings: Settings, source: SourceSettings) -> None:
        self._judging = Judging(settings, source)
        self._resource: Mapping[str, Value] | None = None  # the one seen last
        self._tenant = self._service = ""
        keys = (EVENT_NAME, NAME, VALUE, LABEL, RESPONSE, ERROR, *IDS, *_STAMPS)
        self._logs = LogReader(keys, (SERVICE, *self._judging.echoes.resource_keys))

    def decode(self, body: bytes) -> Decoded:
        """Read one record: an `ExportLogsServiceRequest`, protobuf or JSON.

        Returns:
            Its judgements; evaluations that cannot be used, each as a request alone; and the
            counts `log_records`, `other_logs` (no evaluations), `failed_evaluations` (their
            evaluator failed) and `empty_evaluations` (neither value nor label).

        Raises:
            DecodeFailed: Nothing of it can be read.
        """
        judged: list[Judgement] = []
        refused: list[Refusal] = []
        counts: Counter[str] = Counter()
        for log in self._logs.read(body):
            counts["log_records"] += 1
            if isinstance(log, DamagedLog):
                refused.append(_refusal(log.error, log.alone()))
                continue
            if without := _without_score(log):
                counts[without] += 1
                continue
            try:
                judged.append(self._judgement(log))
            except DecodeFailed as failed:
                refused.append(_refusal(failed, log.alone()))
        return Decoded(None, refused, counts, (), judged)

    def _judgement(self, log: Log) -> Judgement:
        told, judging = log.attributes, self._judging
        if log.resource is not self._resource:
            self._resource = log.resource
            self._tenant = judging.echoes.tenant_of(log.resource)
            self._service = text(log.resource.get(SERVICE)) or ""
        name, response, number = _told(told, NAME), _told(told, RESPONSE), told.get(VALUE)
        ids = [_told(told, key) for key in IDS]
        return judging.judgement(
            ToldScore(
                identity=("otel", log.trace.hex(), log.span.hex(), response, name, *ids),
                tenant=self._tenant,
                name=name,
                raw=number if isinstance(number, int | float) else None,
                label=_told(told, LABEL),
                time_ns=log.time_ns,
                trace=octets_link(log.trace, TRACE_ID_BYTES),
                span=octets_link(log.span, SPAN_ID_BYTES),
                response=response,
                echo=judging.echoes.read(told, self._tenant, self._service),
                body=log.alone(),
                kind=RecordKind.LOGS,
            )
        )


def _told(told: Mapping[str, Value], key: str) -> str:
    value = told.get(key)
    return value if isinstance(value, str) else text(value) or ""


def _refusal(failed: DecodeFailed, body: bytes) -> Refusal:
    return Refusal(failed.reason, str(failed).removeprefix(f"{failed.reason}: "), body)


def _without_score(log: Log) -> str:
    """Say why a log record holds no score; `""` for one that does."""
    told = log.attributes
    if log.event != EVALUATION and told.get(EVENT_NAME) != EVALUATION:
        return "other_logs"
    if told.get(ERROR):
        return "failed_evaluations"
    if told.get(VALUE) is None and not told.get(LABEL):
        return "empty_evaluations"
    return ""
