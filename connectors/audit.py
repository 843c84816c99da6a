"""Who changed a route's traffic, how and why: its documents beside what led to them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from connectors.codecs import from_json, read_event
from connectors.inputs import INPUTS
from connectors.publisher import DECISIONS, DOCUMENTS
from connectors.recordings import messages
from optimizer.decisions import OptimizationDecision
from optimizer.documents import Document
from optimizer.errors import DecodeFailed, InvalidEvent
from optimizer.events import ALL_ROUTES, EVERYWHERE, CloudEvent, FeedbackEvent, Order
from optimizer.observe.columns import RecordKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.ports import Log

T = TypeVar("T")

_AT_ONCE = 1000
_KINDS = {kind.value: kind for kind in RecordKind}


class Version(NamedTuple):
    """One revision of a route.

    Attributes:
        document: The document.
        before: The revision that it followed; None for the first.
        decision: The decision it carries out, as it stands now; None for none.
        orders: What people ordered that led to it, oldest first.
    """

    document: Document
    before: Document | None
    decision: OptimizationDecision | None
    orders: tuple[FeedbackEvent, ...]

    @property
    def author(self) -> str:
        """Who ordered it; `""` when nobody did."""
        return next((order_in(each).author for each in self.orders[::-1]), "")


def versions_of(log: Log, route: str) -> list[Version]:
    """Give the revisions of a route that a log holds, rising, each once.

    Raises:
        StorageFailed: The log cannot be read.
    """
    documents = {each.revision: each for each in _said(log, DOCUMENTS, Document, route)}
    decisions = {each.id: each for each in _said(log, DECISIONS, OptimizationDecision, route)}
    orders = list(_orders(log))
    found: list[Version] = []
    for revision in sorted(documents):
        document, before = documents[revision], found[-1].document if found else None
        led = tuple(each for each in orders if _led(each, document, before))
        found.append(Version(document, before, decisions.get(document.decision_id), led))
    return found


def order_in(event: FeedbackEvent) -> Order:
    """Give the order in an event that is known to hold one."""
    if not isinstance(event.data, Order):
        raise TypeError(f"{event.id} holds no order")
    return event.data


def _led(event: FeedbackEvent, document: Document, before: Document | None) -> bool:
    """Tell whether an order led to a document: it named its decision, or came just before it."""
    order = order_in(event)
    if event.timestamp > document.created_at or not _concerns(order.route, document.route):
        return False
    since = before.created_at if before else None
    is_news = since is None or event.timestamp > since
    carried_out = {document.decision_id, before.decision_id if before else ""}
    return is_news and order.decision_id in {"", *carried_out}


def _concerns(wanted: str, route: str) -> bool:
    whole = wanted.endswith(ALL_ROUTES) and route.startswith(wanted.removesuffix("*"))
    return wanted in {EVERYWHERE, route} or whole


def _said(log: Log, topic: str, kind: type[T], route: str) -> Iterator[T]:
    """Give what a topic says of a route; what cannot be read is passed over."""
    for key, value in _entries(log, topic):
        if key != route:
            continue
        try:
            event = from_json(CloudEvent, value)
            yield from_json(kind, json.dumps(event.data).encode())
        except (DecodeFailed, InvalidEvent):
            continue


def _orders(log: Log) -> Iterator[FeedbackEvent]:
    for _, value in _entries(log, INPUTS):
        for body in _order_bodies(value):
            try:
                event = read_event(body)
            except (DecodeFailed, InvalidEvent):
                continue
            if isinstance(event.data, Order):
                yield event


def _order_bodies(value: bytes) -> list[bytes]:
    try:
        records = list(messages.decode(value, _KINDS))
    except ValueError:
        return []
    bodies = (each.body for each in records if each.kind is RecordKind.ORDER)
    return [body for body in bodies if isinstance(body, bytes)]


def _entries(log: Log, topic: str) -> Iterator[tuple[str, bytes]]:
    start = 0
    while entries := log.read(topic, start, _AT_ONCE):
        yield from ((entry.key, entry.value) for entry in entries)
        start = entries[-1].position + 1
