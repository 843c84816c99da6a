"""CloudEvents 1.0 from outside: what is wrapped in one, and binary mode turned into structured.

Records carry bytes alone. So a source whose messages have headers passes them through `structured`,
and whatever is read later is JSON that says itself what it is.

Source: CloudEvents specification 1.0.2; its JSON event format and its Kafka protocol binding.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from connectors.members import Members, parsed, raw_members
from optimizer.errors import DecodeFailed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

PREFIXES = ("ce_", "ce-")  # of Kafka's headers, and of HTTP's that were passed on as they are
CONTENT_TYPE = "content-type"
STRUCTURED = "application/cloudevents"
REQUIRED = ("specversion", "id", "source", "type")
_DATA = frozenset({"data", "data_base64"})


class Wrapped(NamedTuple):
    """What a CloudEvent says of its data.

    Attributes:
        id: `source` and `id`, which together name the event once.
        time: When it happened; None when not told.
        data: What is wrapped: JSON.
    """

    id: str
    time: datetime | None
    data: bytes


def is_cloud_event(content: Mapping[str, object]) -> bool:
    """Tell whether a JSON object means to be a CloudEvent."""
    return "specversion" in content


def unwrap(body: bytes, content: Mapping[str, object]) -> Wrapped:
    """Take what is wrapped out of a structured CloudEvent.

    Args:
        body: Its bytes.
        content: The same, read.

    Raises:
        DecodeFailed: It breaks a rule of CloudEvents, or wraps nothing that is JSON.
        InvalidEvent: An attribute has the wrong type.
    """
    event = Members(content)
    missing = [name for name in REQUIRED if not event.text(name)]
    if missing:
        raise DecodeFailed("not_cloud_event", f"without {', '.join(missing)}")
    version = event.text("specversion")
    if not version.startswith("1."):
        raise DecodeFailed("not_cloud_event", f"specversion is {version}: 1.0 is read")
    return Wrapped(f"{event.text('source')} {event.text('id')}", event.instant("time"), _data(body))


def _data(body: bytes) -> bytes:
    members = raw_members(body)
    if "data" in members:
        return members["data"]
    try:
        encoded = msgspec.json.decode(members.get("data_base64", b'""'), type=str)
        data = b64decode(encoded, validate=True)
    except (msgspec.DecodeError, ValueError) as error:
        raise DecodeFailed("not_cloud_event", f"data_base64 is not Base64: {error}") from error
    if not data:
        raise DecodeFailed("not_cloud_event", "it has no data")
    return data


def structured(headers: Iterable[tuple[str, str | bytes | None]] | None, value: bytes) -> bytes:
    """Give a message as JSON that says itself what it is.

    Args:
        headers: The message's headers; a CloudEvent in binary mode has its attributes there.
        value: The message's value.

    Returns:
        A structured CloudEvent for one in binary mode, with the value as `data` if it is JSON, else
        as `data_base64`; any other message's value as it is.
    """
    told = {name.lower(): _as_text(text) for name, text in headers or () if text is not None}
    kind = told.get(CONTENT_TYPE, "").partition(";")[0].strip().lower()
    attributes = {
        name[len(prefix) :]: text
        for name, text in told.items()
        for prefix in PREFIXES
        if name.startswith(prefix) and name[len(prefix) :] not in _DATA
    }
    if kind.startswith(STRUCTURED) or "specversion" not in attributes:
        return value
    event: dict[str, Any] = attributes
    if CONTENT_TYPE in told:
        event["datacontenttype"] = told[CONTENT_TYPE]
    if value:
        event |= _as_member(value, kind)
    return msgspec.json.encode(event)


def _as_text(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode(errors="replace")


def _as_member(value: bytes, kind: str) -> dict[str, object]:
    if not kind or kind.endswith(("/json", "+json")):
        try:
            parsed(value)
        except DecodeFailed:
            pass  # what claims to be JSON and is not is kept to the byte; its reader says so
        else:
            return {"data": msgspec.Raw(value)}
    return {"data_base64": b64encode(value).decode()}
