"""The decoder: one record's bytes to columns, refused spans and counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from connectors.otlp import json_columns, json_spans, protobuf, spans
from connectors.otlp.json_columns import JSON
from connectors.otlp.letters import Letters
from connectors.otlp.memory import Memory
from connectors.otlp.names import link_in
from connectors.otlp.plans import Plans
from connectors.otlp.protobuf import PROTOBUF
from connectors.otlp.rows import ReadAlone, columns, join, links_of, rows_of
from optimizer.errors import DecodeFailed
from optimizer.observe.identify import NOTHING_MORE, Identities
from optimizer.observe.keys import KeyTable
from optimizer.observe.links import NO_LINK, Links
from optimizer.observe.normalize import Normalizer
from optimizer.observe.observer import Decoded, Refusal
from optimizer.observe.price import PriceTable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from connectors.otlp.kinds import Kinds
    from connectors.otlp.parts import Odd, Read
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


class _Encoding(NamedTuple):
    """How requests of one encoding are read, in columns and span by span."""

    read: Callable[[bytes, Memory], Read]
    read_span: ReadSpan
    memory: Memory


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
        plans, table = Plans(self._normalizer, links), KeyTable()
        self._protobuf = _Encoding(
            protobuf.read, spans.read_span, Memory(PROTOBUF, self._normalizer, plans, table)
        )
        self._json = _Encoding(
            json_columns.read, json_spans.read_span, Memory(JSON, self._normalizer, plans, table)
        )
        self._models: set[str] = set()

    def decode(self, body: bytes, table: KeyTable) -> Decoded:
        """Read one record: an `ExportTraceServiceRequest`, protobuf or JSON.

        Args:
            body: Its bytes, already decompressed; empty is a request without spans.
            table: Codes of the keys in the columns. What is remembered is forgotten when another
                table is given.

        Returns:
            Its calls in the order of their spans; the spans that are calls but cannot be used,
            each as a record of its own; and the counts `spans`, `calls`, `other_spans` (neither
            calls nor refused), `unpriced`, `unpriced:<model>`, `pooled` (calls whose names are
            beyond the limits), and where stamps are checked `unsigned` and `badly_signed`.

        Raises:
            DecodeFailed: Nothing of it can be read.
        """
        encoding = self._encoding(body)
        encoding.memory.make_room(table)
        return self._decoded(encoding, encoding.read(body, encoding.memory), Letters(body))

    def _encoding(self, body: bytes) -> _Encoding:
        if body[:1] in {b"", b"\x0a"}:
            return self._protobuf
        if body[:1] == b"{":
            return self._json
        detail = f"begins with {body[:4].hex()}: must be protobuf (0a) or JSON (7b)"
        raise DecodeFailed("not_otlp", detail)

    def _decoded(self, encoding: _Encoding, read: Read, letters: Letters) -> Decoded:
        kinds = encoding.memory.kinds
        alone, refused = self._read_alone(encoding, read.odd, letters)
        parts = [*read.rows, rows_of(alone, kinds)] if alone else read.rows
        rows = join(parts) if parts else rows_of((), kinds)
        made = columns(rows, kinds, self._normalizer.prices, letters)
        if self._links is not Links.NONE:
            made = replace(made, links=links_of(rows))
        spans = sum(read.spans)
        counts = {
            "spans": spans,
            "calls": len(made),
            "other_spans": spans - len(made) - len(refused),
            "pooled": kinds.keys.pooled(rows.kind),
            **kinds.doubts(rows.kind),
            **self._unpriced(rows, made, kinds),
        }
        return Decoded(made, refused, {name: count for name, count in counts.items() if count})

    def _read_alone(
        self, encoding: _Encoding, odd: Sequence[Odd], letters: Letters
    ) -> tuple[list[ReadAlone], list[Refusal]]:
        """Read odd spans one by one, in their order."""
        alone, refused = [], []
        for place, plan, source in sorted(odd, key=lambda span: span.place):
            try:
                span = encoding.read_span(letters.span(place), plan.keys, source.attributes)
                reading = self._normalizer.read(replace(span, cached_apart=plan.cached_apart))
            except DecodeFailed as failed:
                detail = str(failed).removeprefix(f"{failed.reason}: ")
                refused.append(Refusal(failed.reason, detail, letters(place)))
            else:
                if reading is not None:
                    alone.append(ReadAlone(place, reading, self._response(span)))
        return alone, refused

    def _response(self, span: Span) -> int:
        return link_in(span.attributes) if self._links is Links.RESPONSES else NO_LINK

    def _unpriced(self, rows: Rows, made: Columns, kinds: Kinds) -> dict[str, int]:
        """Count the calls without a price, all and by model."""
        codes = rows.kind[made.cost_nusd < 0].tolist()
        counts = {"unpriced": len(codes)}
        for code in codes:
            model = kinds.kinds[code].model or "unknown"
            if model not in self._models and len(self._models) >= MAX_MODELS_NAMED:
                model = OTHER_MODELS
            self._models.add(model)
            counts[f"unpriced:{model}"] = counts.get(f"unpriced:{model}", 0) + 1
        return counts
