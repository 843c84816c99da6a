"""The decoder: one record's bytes to columns, refused spans and counts."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from connectors.otlp import json_columns, json_spans, protobuf, spans
from connectors.otlp.json_columns import JSON
from connectors.otlp.letters import Letters, RunLetters
from connectors.otlp.memory import Memory
from connectors.otlp.names import link_in
from connectors.otlp.plans import Plans
from connectors.otlp.protobuf import PROTOBUF
from connectors.otlp.rows import Calls, ReadAlone, columns, join, links_of, rows_of
from connectors.otlp.runs import Run, deal
from optimizer.errors import DecodeFailed
from optimizer.observe.identify import NOTHING_MORE, Identities
from optimizer.observe.keys import KeyTable
from optimizer.observe.links import NO_LINK, Links
from optimizer.observe.normalize import Normalizer
from optimizer.observe.observer import Decoded, Refusal
from optimizer.observe.price import PriceTable
from optimizer.observe.runs import DecodedRun

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from connectors.otlp.kinds import Kinds
    from connectors.otlp.letters import AnyLetters
    from connectors.otlp.parts import Odd, Read
    from connectors.otlp.rows import Rows
    from optimizer.observe.columns import Columns
    from optimizer.observe.identify import Claims
    from optimizer.observe.price import Book
    from optimizer.observe.readings import Span
    from optimizer.observe.values import Value
    from optimizer.settings import Settings

    # Reads a span: its bytes, the attributes to read, what matters of its resource.
    ReadSpan = Callable[[bytes, frozenset[str], Mapping[str, Value]], Span]


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

    @property
    def normalizer(self) -> Normalizer:
        """What tells whose calls they are and what they cost; metrics are read by it too."""
        return self._normalizer

    def decode(self, body: bytes, table: KeyTable) -> Decoded:
        """Read one record: an `ExportTraceServiceRequest`, protobuf or JSON.

        Args:
            body: Its bytes, already decompressed; empty is a request without spans.
            table: Codes of the keys in the columns. What is remembered is forgotten when another
                table is given.

        Returns:
            Its calls in the order of their spans; the spans that are calls but cannot be used,
            each as a record of its own; and the counts `spans`, `calls`, `assignments` (calls that
            are told of when they start), `other_spans` (none of these), `shadowed` (another
            producer reports the calls of their route), `unpriced`, `unpriced:<model>`, `pooled`
            (calls whose names are beyond the limits), `told_by:<producer>` of those that may tell
            of the same calls, and where stamps are checked `unsigned` and `badly_signed`.

        Raises:
            DecodeFailed: Nothing of it can be read.
        """
        encoding = self._encoding(body)
        encoding.memory.make_room(table)
        read = encoding.read(body, encoding.memory)
        return self._decoded(self._calls(encoding, read, Letters(body)), encoding.memory.kinds)

    def _encoding(self, body: bytes) -> _Encoding:
        if body[:1] in {b"", b"\x0a"}:
            return self._protobuf
        if body[:1] == b"{":
            return self._json
        detail = f"begins with {body[:4].hex()}: must be protobuf (0a) or JSON (7b)"
        raise DecodeFailed("not_otlp", detail)

    def decode_many(self, bodies: Sequence[bytes], table: KeyTable) -> DecodedRun | None:
        """Read small protobuf records in a row at once.

        Args:
            bodies: The records.
            table: As in `decode`.

        Returns:
            What `decode` would give, or None where one of them must be read by itself.
        """
        memory = self._protobuf.memory
        memory.make_room(table)
        try:
            read = protobuf.read_run(bodies, memory)
        except DecodeFailed:
            return None
        if not read.sound:
            return None
        run = Run(bodies, read.spans)
        letters = RunLetters(run)
        calls = self._calls(self._protobuf, read, letters)
        kinds = memory.kinds

        def each() -> list[Decoded]:
            return [self._decoded(part, kinds) for part in deal(calls, run, letters)]

        return DecodedRun(self._decoded(calls, kinds), each)

    def _calls(self, encoding: _Encoding, read: Read, letters: AnyLetters) -> Calls:
        kinds = encoding.memory.kinds
        alone, refused = self._read_alone(encoding, read.odd, letters)
        parts = [*read.rows, rows_of(alone, kinds)] if alone else read.rows
        rows = join(parts) if parts else rows_of((), kinds)
        assigned, begun = None, rows.place[:0]
        if kinds.any_assigned:
            told = kinds.assigned(rows.kind)
            started, rows = rows.take(told & ~kinds.shadowed(rows.kind)), rows.take(~told)
            assigned, begun = self._columns(started, kinds, letters), started.place
        shadowed = rows.place[:0]
        if kinds.any_shadowed:
            hidden = kinds.shadowed(rows.kind)
            shadowed, rows = rows.place[hidden], rows.take(~hidden)
        made = self._columns(rows, kinds, letters)
        spans = sum(read.spans)
        return Calls(spans, rows.place, rows.kind, made, shadowed, refused, assigned, begun)

    def _columns(self, rows: Rows, kinds: Kinds, letters: AnyLetters) -> Columns:
        made = columns(rows, kinds, self._normalizer.prices, letters)
        return made if self._links is Links.NONE else replace(made, links=links_of(rows))

    def _decoded(self, calls: Calls, kinds: Kinds) -> Decoded:
        spans, found, refused = calls.spans, len(calls.columns), len(calls.refused)
        shadowed, begun = len(calls.shadowed), len(calls.assigned_place)
        counts = {
            "spans": spans,
            "calls": found,
            "shadowed": shadowed,
            "assignments": begun,
            "other_spans": spans - found - shadowed - refused - begun,
            "pooled": kinds.keys.pooled(calls.kind),
            **kinds.doubts(calls.kind),
            **kinds.told_by(calls.kind),
            **self._unpriced(calls, kinds),
        }
        told = {name: count for name, count in counts.items() if count}
        refusals = [refusal for _, refusal in calls.refused]
        return Decoded(calls.columns, refusals, told, assigned=calls.assigned if begun else None)

    def _read_alone(
        self, encoding: _Encoding, odd: Sequence[Odd], letters: AnyLetters
    ) -> tuple[list[ReadAlone], list[tuple[int, Refusal]]]:
        """Read odd spans one by one, in their order; give the places of those refused."""
        alone, refused = [], []
        for place, plan, source in sorted(odd, key=lambda span: span.place):
            try:
                span = encoding.read_span(letters.span(place), plan.keys, source.attributes)
                reading = self._normalizer.read(plan.mark(span))
            except DecodeFailed as failed:
                detail = str(failed).removeprefix(f"{failed.reason}: ")
                refused.append((place, Refusal(failed.reason, detail, letters(place))))
            else:
                if reading is not None:
                    alone.append(ReadAlone(place, reading, self._response(span)))
        return alone, refused

    def _response(self, span: Span) -> int:
        return link_in(span.attributes) if self._links is Links.RESPONSES else NO_LINK

    def _unpriced(self, calls: Calls, kinds: Kinds) -> dict[str, int]:
        """Count the calls without a price, all and by model."""
        codes = calls.kind[calls.columns.cost_nusd < 0].tolist()
        counts = {"unpriced": len(codes)}
        for code in codes:
            model = kinds.kinds[code].model or "unknown"
            counts[f"unpriced:{model}"] = counts.get(f"unpriced:{model}", 0) + 1
        return counts
