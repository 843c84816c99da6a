"""What may be told of a dead letter's bytes without telling what they say: forms, sizes, names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from connectors.otlp import spans, wire
from optimizer.errors import DecodeFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_NAMES, _NAME_LETTERS = 40, 60  # told at most
_BEGINNINGS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\x0a": "protobuf",
    b"<": "markup",
    b"[": "a JSON array, or what begins as one",
}


def nature_of(body: bytes) -> dict[str, Any]:
    """Tell what bytes are: `form`, `bytes`, and the names in them, never a value.

    Of JSON objects the keys are told, of spans how many there are and the keys of their attributes.
    """
    form = _form(body)
    names: dict[str, Any] = {}
    if form == "JSON object":
        content = msgspec.json.decode(body)
        names = {"keys": _told(content)} | _spans(_json_attributes(content))
    elif form == "protobuf":
        names = _spans(_protobuf_attributes(body))
    return {"form": form, "bytes": len(body), **names}


def _form(body: bytes) -> str:
    if not body:
        return "nothing"
    text = body.lstrip()
    if text.startswith(b"{"):
        return "JSON object" if _is_object(body) else "broken JSON"
    for beginning, form in _BEGINNINGS.items():
        if text.startswith(beginning) or body.startswith(beginning):
            return form
    return "text" if body[:1000].isascii() and body[:1000].isalnum() else "no known form"


def _is_object(body: bytes) -> bool:
    try:
        return isinstance(msgspec.json.decode(body), dict)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False


def _spans(attributes: Iterable[Iterable[str]]) -> dict[str, Any]:
    """Count spans, and name the keys of their attributes."""
    found = [set(keys) for keys in attributes]
    every = sorted({key for keys in found for key in keys})
    return {"spans": len(found), "attributes": _told(every)} if found else {}


def _json_attributes(value: Any) -> Iterator[list[str]]:
    """Give the keys of the attributes of whatever has a span's id."""
    match value:
        case {"spanId": _, **rest}:
            pairs = rest.get("attributes")
            yield [
                str(pair.get("key"))
                for pair in (pairs if isinstance(pairs, list) else ())
                if isinstance(pair, dict)
            ]
        case dict():
            for item in value.values():
                yield from _json_attributes(item)
        case list():
            for item in value:
                yield from _json_attributes(item)


def _protobuf_attributes(body: bytes) -> list[list[str]]:
    try:
        request = spans.parse(wire.Slim, body)
    except DecodeFailed:
        return []
    return [
        [str(key) for key in span.attributes]
        for resource_spans in request.resource_spans
        for scope_spans in resource_spans.scope_spans
        for span in scope_spans.spans
    ]


def _told(names: Iterable[str]) -> list[str]:
    return [name[:_NAME_LETTERS] for name, _ in zip(names, range(_NAMES), strict=False)]
