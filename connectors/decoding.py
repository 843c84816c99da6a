"""Records of one source to what they say: each kind of bytes by its own reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.codecs import read_event
from connectors.commands import concern_all
from connectors.judged import load_judgements
from connectors.otlp import OtlpDecoder
from connectors.otlp.evaluations import EvaluationReader
from connectors.otlp.metrics import MetricsDecoder
from connectors.outside import OutsideReader, owned, told
from connectors.pointed import load_points
from optimizer.errors import DecodeFailed
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.identify import claims_of
from optimizer.observe.keys import KeyTable
from optimizer.observe.links import Links
from optimizer.observe.observer import Decoded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.observe.price import Book
    from optimizer.observe.runs import DecodedRun
    from optimizer.settings import Settings


class RecordDecoder:
    """Implements `optimizer.observe.observer.Decoder` for one partition.

    Args:
        settings: The settings in force.
        prices: What models cost.
        partition: The partition; its name tells the source, and so the tenant.
    """

    def __init__(self, settings: Settings, prices: Book, partition: str) -> None:
        source = settings.source(partition)
        claims = claims_of(settings, source)
        self._source = source
        self._for_all = concern_all(settings, partition)
        links = Links[settings.attribution.index.name]
        self._spans = OtlpDecoder(settings, prices, source.tenant, links, claims)
        self._outside = OutsideReader(settings, source, self._spans)
        self._evaluations = EvaluationReader(settings, source)
        self._metrics = MetricsDecoder(self._spans.normalizer)

    def decode_many(self, records: Sequence[Record], table: KeyTable) -> DecodedRun | None:
        """Read small records of calls at once; None where they must be read one by one."""
        bodies = [record.body for record in records if isinstance(record.body, bytes)]
        return self._spans.decode_many(bodies, table)

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
            case RecordKind.EVENT:
                return self._outside.decode(record, table)
            case RecordKind.METRICS:
                return self._metrics.decode(body)
            case RecordKind.SCORE | RecordKind.ALERT | RecordKind.ORDER | RecordKind.REPORT:
                return told(owned(read_event(body), self._source, for_all=self._for_all), body)
            case RecordKind.LOGS:
                return self._evaluations.decode(body)
            case RecordKind.JUDGED | RecordKind.POINTED:
                return self._recorded(record.kind, body)
            case kind:
                raise DecodeFailed("not_available_yet", f"{kind.name.lower()} records are not read")

    def _recorded(self, kind: RecordKind, body: bytes) -> Decoded:
        """Read what was decoded when it was recorded."""
        if kind is RecordKind.JUDGED:
            return Decoded(None, (), {}, judgements=load_judgements(body, self._source))
        points = load_points(body, self._source)
        return Decoded(None, (), {"points": len(points)}, points=points)
