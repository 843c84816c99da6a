"""One span of a record as a record of its own: what a dead letter keeps.

It stands in its resource and its scope as they came, so reading the letter again gives what the
span gave inside its record. A record is cut up only when someone asks, and once.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from connectors.otlp import wire
from connectors.otlp.json_requests import RAW_REQUESTS, UNREADABLE
from connectors.otlp.json_spans import read_scope
from connectors.otlp.spans import parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from connectors.otlp.runs import Run

MAX_FRAMES = 1 << 20  # bytes of resources and scopes in the letters of a record, beside its size
MAX_NAME = 256  # letters of a scope's name, where there is no room for all of the scope
_LOW_BITS = 0x7F
_TWICE_LOW_BITS = 0x3FFF
_FIRST, _SECOND = 0x0A, 0x12  # tags: what stands around spans in protobuf, and what repeats

_Fields = dict[str, msgspec.Raw]
_FIELDS = msgspec.json.Decoder(_Fields)
_ITEMS = msgspec.json.Decoder(list[_Fields] | None)
_SPANS = msgspec.json.Decoder(list[msgspec.Raw] | None)
_NULL = msgspec.Raw(b"null")
_TEXT = msgspec.json.Encoder()


class _Cut(NamedTuple):
    """A span and what stands around it, encoded.

    Attributes:
        span: The span.
        resource: All fields of its `ResourceSpans` but the scopes.
        scope: All fields of its `ScopeSpans` but the spans.
        name: A scope with nothing but its name.
    """

    span: bytes
    resource: bytes
    scope: bytes
    name: bytes


class Letters:
    """The spans of one record, each as a record of its own.

    A record may hold one huge resource and thousands of refused spans. So its letters repeat no
    more than its own size and `MAX_FRAMES` of what stands around spans; those that come later have
    only the name of their scope, which is enough to be refused again for the same reason.

    Args:
        body: A request that can be read, protobuf or JSON.
    """

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._is_json = body[:1] == b"{"
        self._found: list[_Cut] | None = None
        self._room = len(body) + MAX_FRAMES

    def span(self, place: int) -> bytes:
        """Give the span at a place of the record."""
        return self._cuts()[place].span

    def __call__(self, place: int) -> bytes:
        """Give a record of the span at a place of the record."""
        cut = self._cuts()[place]
        self._room -= len(cut.resource) + len(cut.scope)
        fits = self._room >= 0
        around = (cut.resource, cut.scope) if fits else (b"", cut.name)
        return _json(*around, cut.span) if self._is_json else _protobuf(*around, cut.span)

    def _cuts(self) -> list[_Cut]:
        if self._found is None:
            self._found = list((_json_cuts if self._is_json else _protobuf_cuts)(self._body))
        return self._found


class RunLetters:
    """The spans of records that are read as one, each as a record of its own.

    Args:
        run: The records.
    """

    def __init__(self, run: Run) -> None:
        self._bodies = run.bodies
        self._bounds = run.bounds
        self._letters: dict[int, Letters] = {}

    def span(self, place: int) -> bytes:
        """Give the span at a place of the run."""
        letters, place = self._at(place)
        return letters.span(place)

    def __call__(self, place: int) -> bytes:
        """Give a record of the span at a place of the run."""
        letters, place = self._at(place)
        return letters(place)

    def _at(self, place: int) -> tuple[Letters, int]:
        number = bisect_right(self._bounds, place) - 1
        if number not in self._letters:
            self._letters[number] = Letters(self._bodies[number])
        return self._letters[number], place - self._bounds[number]


AnyLetters = Letters | RunLetters


def _protobuf_cuts(body: bytes) -> Iterator[_Cut]:
    for resource_spans in parse(wire.RawSpans, body).resource_spans:
        scopes = [(scope, list(scope.spans)) for scope in resource_spans.scope_spans]
        scope_frames = []
        for scope, _ in scopes:
            scope.ClearField("spans")
            name = parse(wire.Scope, scope.scope).name[:MAX_NAME]
            named = block(_FIRST, wire.Scope(name=name).SerializeToString())
            scope_frames.append((scope.SerializeToString(), named))
        resource_spans.ClearField("scope_spans")
        resource = resource_spans.SerializeToString()
        for (_, spans), (frame, named) in zip(scopes, scope_frames, strict=True):
            yield from (_Cut(span, resource, frame, named) for span in spans)


def _protobuf(resource: bytes, scope: bytes, span: bytes) -> bytes:
    scope_spans = block(_SECOND, scope + block(_SECOND, span))
    return block(_FIRST, resource + scope_spans)


def block(tag: int, content: bytes) -> bytes:
    """Encode a field whose value has a length: its tag, the length, the value."""
    length = len(content)
    if length <= _LOW_BITS:
        return bytes((tag, length)) + content
    if length <= _TWICE_LOW_BITS:
        return bytes((tag, length & _LOW_BITS | 0x80, length >> 7)) + content
    head = bytearray((tag,))
    while length > _LOW_BITS:
        head.append(length & _LOW_BITS | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + content


def _json_cuts(body: bytes) -> Iterator[_Cut]:
    try:
        yield from list(_framed(body))
    except UNREADABLE:  # the name of some field that nobody reads is no text
        for resource_spans in RAW_REQUESTS.decode(body).resource_spans or ():
            for scope_spans in resource_spans.scope_spans or ():
                named = _named(scope_spans.scope)
                for span in scope_spans.spans or ():
                    yield _Cut(bytes(span), b"", named, named)


def _framed(body: bytes) -> Iterator[_Cut]:
    for resource_spans in _items(_FIELDS.decode(body), "resourceSpans"):
        resource = _all_but(resource_spans, "scopeSpans")
        for scope_spans in _items(resource_spans, "scopeSpans"):
            scope = _all_but(scope_spans, "spans")
            named = _named(scope_spans.get("scope", _NULL))
            for span in _SPANS.decode(scope_spans.get("spans", _NULL)) or ():
                yield _Cut(bytes(span), resource, scope, named)


def _items(fields: _Fields, name: str) -> Sequence[_Fields]:
    return _ITEMS.decode(fields.get(name, _NULL)) or ()


def _all_but(fields: _Fields, name: str) -> bytes:
    """Give fields as they stand in an object before others."""
    pairs = (_TEXT.encode(key) + b":" + bytes(raw) for key, raw in fields.items() if key != name)
    return b"".join(pair + b"," for pair in pairs)


def _named(scope: msgspec.Raw) -> bytes:
    return b'"scope":' + _TEXT.encode({"name": read_scope(bytes(scope))[:MAX_NAME]}) + b","


def _json(resource: bytes, scope: bytes, span: bytes) -> bytes:
    scope_spans = b'{%b"spans":[%b]}' % (scope, span)
    return b'{"resourceSpans":[{%b"scopeSpans":[%b]}]}' % (resource, scope_spans)
