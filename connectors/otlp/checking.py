"""Whether a request can be read at all, told before it is taken; nothing of it is kept.

What stands here is the beginning of what the decoders do, so both say the same.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from connectors.otlp import metrics_json, metrics_protobuf, wire
from connectors.otlp.json_requests import RAW_REQUESTS, REQUESTS, SPANS, UNREADABLE, parse
from connectors.otlp.logs import DamagedLog, LogReader
from connectors.otlp.spans import parse as parse_protobuf
from optimizer.errors import DecodeFailed
from optimizer.observe.columns import RecordKind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LOGS = LogReader(("gen_ai.evaluation.name", "gen_ai.evaluation.score.value"), ())


def damaged(kind: RecordKind, body: bytes) -> int:
    """Count the spans or log records of a request that cannot be read.

    Args:
        kind: `OTLP`, `METRICS` or `LOGS`.
        body: An export request of OTLP, protobuf or JSON.

    Raises:
        DecodeFailed: Nothing of it can be read.
    """
    if body[:1] not in {b"", b"\x0a", b"{"}:
        detail = f"begins with {body[:4].hex()}: must be protobuf (0a) or JSON (7b)"
        raise DecodeFailed("not_otlp", detail)
    return _COUNTS[kind](body)


def _spans(body: bytes) -> int:
    if body[:1] != b"{":
        parse_protobuf(wire.Slim, body)
        return 0
    try:
        REQUESTS.decode(body)
    except UNREADABLE:
        return _damaged_spans(body)
    return 0


def _damaged_spans(body: bytes) -> int:
    found = 0
    for resource_spans in parse(RAW_REQUESTS, body).resource_spans or ():
        for scope_spans in resource_spans.scope_spans or ():
            for raw in scope_spans.spans or ():
                try:
                    SPANS.decode(raw)
                except UNREADABLE:
                    found += 1
    return found


def _metrics(body: bytes) -> int:
    reader = metrics_json if body[:1] == b"{" else metrics_protobuf
    list(islice(reader.read(body, ()), 1))  # all of it is parsed before the first is given
    return 0


def _logs(body: bytes) -> int:
    return sum(isinstance(log, DamagedLog) for log in _LOGS.read(body))


_COUNTS: Mapping[RecordKind, Callable[[bytes], int]] = {
    RecordKind.OTLP: _spans,
    RecordKind.METRICS: _metrics,
    RecordKind.LOGS: _logs,
}
