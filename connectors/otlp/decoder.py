"""The decoder: one record's bytes to columns, refused spans and counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from connectors.otlp import json_spans, protobuf, spans, wire
from connectors.otlp.memory import Memory
from connectors.otlp.names import link_in
from connectors.otlp.plans import Plans
from connectors.otlp.rows import ReadAlone, columns, join, links_of, rows_of
from optimizer.errors import DecodeFailed
from optimizer.observe.columns import KeyTable
from optimizer.observe.identify import NOTHING_MORE, Identities
from optimizer.observe.links import NO_LINK, Links
from optimizer.observe.normalize import Normalizer
from optimizer.observe.observer import Decoded, Refusal
from optimizer.observe.price import PriceTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from connectors.otlp.rows import Rows
    from optimizer.observe.columns import Columns
    from optimizer.observe.identify import Claims
    from optimizer.observe.normalize import Span
    from optimizer.observe.price import Book
    from optimizer.observe.values import Value
    from optimizer.settings import Settings

    # Reads a span: its bytes, the attributes to read, what matters of its resource.
    ReadSpan = Callable[[bytes, frozenset[str], Mapping[str, Value]], Span]

MAX_MODELS_NAMED = 64  # in the counts of calls without a price; the others are counted together
OTHER_MODELS = "~other"


class _One(NamedTuple):
    """A span to be read by itself."""

    place: int
    raw: bytes
    keys: frozenset[str]
    resource: Mapping[str, Value]


class _Found(NamedTuple):
    """What a record holds: calls read in columns, spans to be read one by one, and all raw."""

    spans: int
    rows: list[Rows]
    ones: Iterable[_One]
    read_span: ReadSpan
    raw: Callable[[int], bytes]


class OtlpDecoder:
    """Reads OTLP traces of one tenant.

    Args:
        settings: Its routes declare arms and cells; its prices say whether reported costs count.
        prices: What models cost.
        tenant: Who owns the telemetry; decided by its source.
        links: What scores will be joined by.
        claims: What the source's telemetry is believed.
    """

    def __init__(
        self,
        settings: Settings,
        prices: Book,
        tenant: str,
        links: Links = Links.NONE,
        claims: Claims = NOTHING_MORE,
    ) -> None:
        self._normalizer = Normalizer(
            Identities(settings.routes, tenant, claims),
            PriceTable(prices),
            trust_reported=settings.prices.trust_reported,
        )
        self._links = links
        self._plans = Plans(self._normalizer, links)
        self._resource_keys = (*spans.RESOURCE_KEYS, *self._normalizer.identities.resource_keys)
        self._memory = Memory(self._normalizer, self._plans, KeyTable())
        self._models: set[str] = set()

    def decode(self, body: bytes, table: KeyTable) -> Decoded:
        """Read one record: an `ExportTraceServiceRequest`, protobuf or JSON.

        Args:
            body: Its bytes, already decompressed; empty is a request without spans.
            table: Codes of the keys in the columns. What is remembered is forgotten when another
                table is given.

        Returns:
            Its calls in the order of their spans; the spans that are calls but cannot be used,
            with their bytes; and the counts `spans`, `calls`, `other_spans` (neither calls nor
            refused), `unpriced` and `unpriced:<model>`, and where stamps are checked `unsigned`
            and `badly_signed`.

        Raises:
            DecodeFailed: Nothing of it can be read.
        """
        self._memory.make_room(table)
        if body[:1] in {b"", b"\x0a"}:
            return self._decoded(self._protobuf(body))
        if body[:1] == b"{":
            return self._decoded(self._json(body))
        detail = f"begins with {body[:4].hex()}: must be protobuf (0a) or JSON (7b)"
        raise DecodeFailed("not_otlp", detail)

    def _protobuf(self, body: bytes) -> _Found:
        found, raw = protobuf.read(body, self._memory), _RawSpans(body)
        ones = (
            _One(place, raw(place), plan.keys, source.attributes)
            for place, plan, source in sorted(found.odd, key=lambda odd: odd.place)
        )
        return _Found(found.spans, found.rows, ones, spans.read_span, raw)

    def _json(self, body: bytes) -> _Found:
        raws: list[bytes] = []
        ones: list[_One] = []
        for resource, scope, found in json_spans.raw_spans(body, self._resource_keys):
            keys = self._plans.of(scope).keys
            ones += (_One(len(raws) + n, bytes(raw), keys, resource) for n, raw in enumerate(found))
            raws += (one.raw for one in ones[len(raws) :])
        return _Found(len(raws), [], ones, json_spans.read_span, raws.__getitem__)

    def _decoded(self, found: _Found) -> Decoded:
        alone: list[ReadAlone] = []
        refused: list[Refusal] = []
        for place, raw, keys, resource in found.ones:
            try:
                span = found.read_span(raw, keys, resource)
                reading = self._normalizer.read(span)
            except DecodeFailed as failed:
                detail = str(failed).removeprefix(f"{failed.reason}: ")
                refused.append(Refusal(failed.reason, detail, raw))
            else:
                if reading is not None:
                    alone.append(ReadAlone(place, reading, self._response(span)))
        kinds = self._memory.kinds
        parts = [*found.rows, rows_of(alone, kinds)] if alone else found.rows
        rows = join(parts) if parts else rows_of((), kinds)
        made = columns(rows, kinds, self._normalizer.prices, found.raw)
        if self._links is not Links.NONE:
            made = replace(made, links=links_of(rows))
        counts = {
            "spans": found.spans,
            "calls": len(made),
            "other_spans": found.spans - len(made) - len(refused),
            **kinds.doubts(rows.kind),
            **self._unpriced(rows, made),
        }
        return Decoded(made, refused, {name: count for name, count in counts.items() if count})

    def _response(self, span: Span) -> int:
        return link_in(span.attributes) if self._links is Links.RESPONSES else NO_LINK

    def _unpriced(self, rows: Rows, made: Columns) -> dict[str, int]:
        """Count the calls without a price, all and by model."""
        codes = rows.kind[made.cost_nusd < 0].tolist()
        counts = {"unpriced": len(codes)}
        for code in codes:
            model = self._memory.kinds.kinds[code].model or "unknown"
            if model not in self._models and len(self._models) >= MAX_MODELS_NAMED:
                model = OTHER_MODELS
            self._models.add(model)
            counts[f"unpriced:{model}"] = counts.get(f"unpriced:{model}", 0) + 1
        return counts


class _RawSpans:
    """The spans of a protobuf request as they came, cut out only when someone asks."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._spans: list[bytes] | None = None

    def __call__(self, place: int) -> bytes:
        """Give the bytes of the span at a place of the request."""
        if self._spans is None:
            self._spans = [
                span
                for resource_spans in spans.parse(wire.RawSpans, self._body).resource_spans
                for scope_spans in resource_spans.scope_spans
                for span in scope_spans.spans
            ]
        return self._spans[place]
