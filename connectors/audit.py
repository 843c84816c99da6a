"""Who changed a route's traffic, how and why: its documents beside what led to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from connectors.codecs import from_json
from connectors.publisher import DECISIONS, DOCUMENTS, FINDINGS
from optimizer.decide.orders import OBEYED
from optimizer.decisions import OptimizationDecision
from optimizer.documents import Document
from optimizer.errors import DecodeFailed, InvalidEvent
from optimizer.events import CloudEvent
from optimizer.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.ports import Log

T = TypeVar("T")

_AT_ONCE = 1000


class Version(NamedTuple):
    """One revision of a route.

    Attributes:
        document: The document.
        before: The revision that it followed; None for the first.
        decision: The decision it carries out, as it stands now; None for none.
        orders: What people ordered, and was carried out, since the revision before, oldest first.
    """

    document: Document
    before: Document | None
    decision: OptimizationDecision | None
    orders: tuple[Finding, ...]

    @property
    def why(self) -> str:
        """What the document says of itself, and who ordered what before it."""
        ordered = (f"{each.title}. {each.detail}" for each in self.orders)
        return ". ".join(filter(None, (self.document.reason, *ordered)))


def versions_of(log: Log, route: str) -> list[Version]:
    """Give the revisions of a route that a log holds, rising, each once.

    Raises:
        StorageFailed: The log cannot be read.
    """
    documents = {each.revision: each for each in _said(log, DOCUMENTS, Document, route)}
    decisions = {each.id: each for each in _said(log, DECISIONS, OptimizationDecision, route)}
    told = {each.id: each for each in _said(log, FINDINGS, Finding, route) if each.rule == OBEYED}
    orders = sorted(told.values(), key=lambda each: each.since)
    found: list[Version] = []
    for revision in sorted(documents):
        document, before = documents[revision], found[-1].document if found else None
        led = tuple(each for each in orders if _led(each, document, before))
        found.append(Version(document, before, decisions.get(document.decision_id), led))
    return found


def _led(order: Finding, document: Document, before: Document | None) -> bool:
    """Tell whether an order was carried out by a document, or on the way to it."""
    is_news = before is None or order.since > before.created_at
    return is_news and order.since <= document.created_at


def _said(log: Log, topic: str, kind: type[T], route: str) -> Iterator[T]:
    """Give what a topic says of a route; what cannot be read is passed over."""
    start = 0
    while entries := log.read(topic, start, _AT_ONCE):
        start = entries[-1].position + 1
        for entry in entries:
            if entry.key != route:
                continue
            try:
                event = from_json(CloudEvent, entry.value)
                yield from_json(kind, json.dumps(event.data).encode())
            except (DecodeFailed, InvalidEvent):
                continue
