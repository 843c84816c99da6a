"""JSON of other systems: what an object is, and by whom it is read.

A CloudEvent is unwrapped first; what it wraps is then read as if it had come alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.cloud_events import is_cloud_event, unwrap
from connectors.codecs import read_event
from connectors.feedback import FeedbackReader, is_feedback
from connectors.judging import judgement_of
from connectors.members import parsed
from connectors.sentinel import Around, is_anomaly, read_anomaly
from connectors.signatures import check_signature
from connectors.telemetry_events import CallSpan, as_request, is_call, read_call
from optimizer.errors import DecodeFailed, InvalidEvent
from optimizer.events import FeedbackEvent, Order, Report, Score
from optimizer.observe.columns import RecordKind
from optimizer.observe.observer import Decoded, Refusal
from optimizer.observe.values import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from connectors.otlp import OtlpDecoder
    from optimizer.observe.columns import Record
    from optimizer.observe.keys import KeyTable
    from optimizer.settings import Settings, SourceSettings

OURS = ("score", "alert", "order", "report")
SHOWN_KEYS = 12
SHOWN_LETTERS = 60  # of each; as many as are told of any dead letter


class OutsideReader:
    """Reads records that hold one JSON object of another system, or a list of them.

    Args:
        settings: The settings in force.
        source: Where the records come from; it decides who owns what they tell.
        spans: Reads calls, once they are written as spans.
    """

    def __init__(self, settings: Settings, source: SourceSettings, spans: OtlpDecoder) -> None:
        self._source = source
        self._spans = spans
        self._webhook_key = settings.sentinel.webhook_key
        self._feedback = FeedbackReader(settings, source)

    def decode(self, record: Record, table: KeyTable) -> Decoded:
        """Read a record; what cannot be read of it is refused object by object.

        Args:
            record: The record.
            table: Codes of the keys in the columns of calls.
        """
        body = record.body if isinstance(record.body, bytes) else b""
        if (plain := self._plain(body)) is not None:
            return plain
        around = Around(time=_instant(record.stamp_ns))
        calls: list[CallSpan] = []
        parts = [self._part(part, around, calls) for part in _objects(body)]
        return _joined([*parts, self._called(calls, table)] if calls else parts)

    def _plain(self, body: bytes) -> Decoded | None:
        """Read a user's feedback the short way; None for everything else, and what is refused."""
        try:
            judgement = self._feedback.plain(body)
        except DecodeFailed:
            return None
        return judgement and Decoded(None, (), {"events": 1}, judgements=(judgement,))

    def _part(self, body: bytes, around: Around, calls: list[CallSpan]) -> Decoded:
        """Read one object; a call is put with the other calls of the record."""
        try:
            said = self._read(body, around)
        except DecodeFailed as error:
            return Decoded(None, (Refusal(error.reason, str(error), body),), {"events": 1})
        except InvalidEvent as error:
            return Decoded(None, (Refusal("invalid_event", str(error), body),), {"events": 1})
        if isinstance(said, CallSpan):
            calls.append(said)
            return Decoded(None, (), {"events": 1, "call_events": 1})
        nothing = not (said.events or said.judgements or said.counts or said.refused)
        counts = {"other_events": 1} if nothing else said.counts
        return said._replace(counts=Counter(counts) + Counter(events=1))

    def _called(self, calls: Sequence[CallSpan], table: KeyTable) -> Decoded:
        decoded = self._spans.decode(as_request(calls), table)
        refused = [one._replace(kind=RecordKind.OTLP) for one in decoded.refused]
        return decoded._replace(refused=refused)

    def _read(self, body: bytes, around: Around) -> Decoded | CallSpan:
        content = _object(body)
        if is_cloud_event(content):
            wrapped = unwrap(body, content)
            body, content = wrapped.data, _object(wrapped.data)
            around = around._replace(id=wrapped.id, time=wrapped.time or around.time)
        if self._webhook_key and (is_anomaly(content) or _is_ours(content, "alert")):
            check_signature(body, self._webhook_key)
        if _is_ours(content, *OURS):
            return self._own(body)
        if is_anomaly(content):
            read = read_anomaly(body, content, self._source.tenant, around)
            return Decoded(None, (), {}, read)
        if is_call(content):
            return read_call(content, around.time)
        if is_feedback(content):
            return self._feedback.read(body, content, around.time)
        names = ", ".join(clean(name)[:SHOWN_LETTERS] for name in sorted(content)[:SHOWN_KEYS])
        raise DecodeFailed("unknown_event", f"nobody reads an object with {names or 'no members'}")

    def _own(self, body: bytes) -> Decoded:
        event = owned(read_event(body), self._source)
        if isinstance(event.data, Order):
            raise DecodeFailed("order_from_outside", "orders are given by order records alone")
        if isinstance(event.data, Report):
            raise DecodeFailed("report_from_outside", "reports are told by report records alone")
        return told(event, body)


def _joined(parts: Sequence[Decoded]) -> Decoded:
    """Put together what the objects of a record say; one part at most has columns."""
    counts: Counter[str] = Counter()
    for part in parts:
        counts.update(part.counts)
    return Decoded(
        columns=next((part.columns for part in parts if part.columns is not None), None),
        refused=[one for part in parts for one in part.refused],
        counts=counts,
        events=[one for part in parts for one in part.events],
        judgements=[one for part in parts for one in part.judgements],
    )


def told(event: FeedbackEvent, body: bytes) -> Decoded:
    """Give an event of our own as what its record says; `body` holds it alone."""
    if isinstance(event.data, Score):
        return Decoded(None, (), {}, judgements=(judgement_of(event, event.data, body),))
    return Decoded(None, (), {}, events=(event,))


def owned(event: FeedbackEvent, source: SourceSettings, *, for_all: bool = False) -> FeedbackEvent:
    """Give an event back, unless it is about a route of somebody else's.

    Args:
        event: The event.
        source: Where it comes from.
        for_all: An order or report there may concern every tenant's routes.

    Raises:
        DecodeFailed: It concerns another tenant than the source may speak of.
    """
    route = event.data.route
    is_command = isinstance(event.data, Order | Report)
    is_trusted = (for_all and is_command) or source.tenant_attribute is not None
    if not is_trusted and route.partition("/")[0] != source.tenant:
        wanted = f"must begin with {source.tenant}/, for {source.source} is of that tenant"
        raise DecodeFailed("another_tenant", f"route is {route}: {wanted} (sources[].tenant)")
    return event


def _is_ours(content: Mapping[str, object], *kinds: str) -> bool:
    data = content.get("data")
    return "event_type" in content and isinstance(data, dict) and data.get("kind") in kinds


def _objects(body: bytes) -> list[bytes]:
    if body.lstrip()[:1] != b"[":
        return [body]
    try:
        return [bytes(part) for part in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [body]  # whoever reads it says what is wrong


def _object(body: bytes) -> Mapping[str, Any]:
    content = parsed(body)
    if not isinstance(content, dict):
        raise DecodeFailed("unknown_event", f"it is no JSON object but {type(content).__name__}")
    return content


def _instant(stamp_ns: int) -> datetime | None:
    return datetime.fromtimestamp(stamp_ns / 1e9, UTC) if stamp_ns > 0 else None
