"""Records of one source to what they say: each kind of bytes by its own reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.codecs import read_event
from connectors.otlp import OtlpDecoder
from optimizer.errors import DecodeFailed
from optimizer.observe.columns import KeyTable, Record, RecordKind
from optimizer.observe.identify import claims_of
from optimizer.observe.observer import Decoded

if TYPE_CHECKING:
    from optimizer.events import FeedbackEvent
    from optimizer.observe.price import Book
    from optimizer.settings import Settings


class RecordDecoder:
    """Implements `optimizer.observe.observer.Decoder` for one partition.

    Args:
        settings: The settings in force.
        prices: What models cost.
        partition: The partition; its name tells the source, and so the tenant.
    """

    def __init__(self, settings: Settings, prices: Book, partition: str) -> None:
        self._source = settings.source(partition)
        claims = claims_of(settings, self._source)
        self._spans = OtlpDecoder(settings, prices, self._source.tenant, claims=claims)

    def decode(self, record: Record, table: KeyTable) -> Decoded:
        """Read one record whose body is bytes.

        Raises:
            DecodeFailed: Nothing of it can be read.
            InvalidEvent: It is an event that contradicts itself.
        """
        body = record.body if isinstance(record.body, bytes) else b""
        match record.kind:
            case RecordKind.OTLP:
                return self._spans.decode(body, table)
            case RecordKind.SCORE | RecordKind.ORDER:
                return Decoded(None, (), {}, events=(self._owned(read_event(body)),))
            case kind:
                raise DecodeFailed("not_available_yet", f"{kind.name.lower()} records are not read")

    def _owned(self, event: FeedbackEvent) -> FeedbackEvent:
        """Give an event back, unless it is about a route of somebody else's."""
        source, route = self._source, event.data.route
        if source.tenant_attribute is None and route.partition("/")[0] != source.tenant:
            wanted = f"must begin with {source.tenant}/, for {source.source} is of that tenant"
            raise DecodeFailed("another_tenant", f"route is {route}: {wanted} (sources[].tenant)")
        return event
