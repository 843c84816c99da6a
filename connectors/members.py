"""Reading JSON of other systems: tolerant of what is missing, exact about what is wrong.

Other systems write one thing in several ways: a number as text, an instant as seconds, a name as
`{"custom": name}`. What is absent or null is not told; what is there and cannot be read is a fault.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from optimizer.errors import DecodeFailed, InvalidEvent
from optimizer.observe.values import clean, real

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# A count since the epoch below this is of seconds (until the year 5138), then of milliseconds,
# microseconds, nanoseconds.
_LEAST_MILLIS = 1e11
_THOUSANDS = (1.0, 1e3, 1e6, 1e9)
_NEW_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_WORD = re.compile(r"[^a-z0-9]+")


def parsed(body: bytes) -> object:
    """Read JSON.

    Raises:
        DecodeFailed: It is none, or is nested deeper than anybody means.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeFailed("not_json", str(error)) from error


def raw_members(body: bytes) -> dict[str, bytes]:
    """Give the members of a JSON object with the bytes of each value, in their order.

    Raises:
        DecodeFailed: It is no JSON object.
    """
    try:
        members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DecodeFailed("not_json", str(error)) from error
    return {name: bytes(value) for name, value in members.items()}


class Members(NamedTuple):
    """One JSON object of another system, and where it stands.

    Attributes:
        content: Its members.
        place: What stands before their names in a fault; `""` at the top.
    """

    content: Mapping[str, object]
    place: str = ""

    def has(self, *names: str) -> bool:
        """Tell whether all of these are there, null included."""
        return all(name in self.content for name in names)

    def inside(self, name: str) -> Members:
        """Give the object in a member; an empty one where nothing is told.

        Raises:
            InvalidEvent: It is no object.
        """
        value = self.content.get(name)
        if not isinstance(value, Mapping | None):
            raise self._fault(name, "a JSON object")
        return Members(value or {}, f"{self.place}{name}.")

    def text(self, *names: str) -> str:
        """Give the first of several texts that is told, short and printable; `""` for none.

        Raises:
            InvalidEvent: It is no text.
        """
        for name in names:
            value = self.content.get(name)
            if not isinstance(value, str | None):
                raise self._fault(name, "text")
            if value and (text := clean(value)):
                return text
        return ""

    def texts(self, name: str) -> tuple[str, ...]:
        """Give a list of texts, those that tell nothing left out; empty where it is absent.

        Raises:
            InvalidEvent: It is no list of texts.
        """
        value = self.content.get(name)
        if not isinstance(value, list | None):
            raise self._fault(name, "a list of texts")
        items = {f"{place}": item for place, item in enumerate(value or ())}
        listed = Members(items, f"{self.place}{name}.")
        return tuple(filter(None, (listed.text(place) for place in items)))

    def word(self, name: str) -> str:
        """Give a name such as `latency_spike`, also of `LatencySpike`; else as `name`."""
        return as_word(self.name(name))

    def name(self, name: str) -> str:
        """Give a name, also of `{"custom": name}`.

        Raises:
            InvalidEvent: It is neither text nor `{"custom": text}`.
        """
        value = self.content.get(name)
        if isinstance(value, Mapping):
            return Members(value, f"{self.place}{name}.").text("custom")
        return self.text(name)

    def number(self, *names: str) -> float | None:
        """Give the first of several numbers that is told, also from text; None for none.

        Raises:
            InvalidEvent: It is no finite number.
        """
        for name in names:
            value = self.content.get(name)
            if value is None:
                continue
            number = real(value) if isinstance(value, str | int | float) else None
            if number is None or not math.isfinite(number):
                raise self._fault(name, "a number")
            return number
        return None

    def instant(self, *names: str) -> datetime | None:
        """Give the first of several instants that is told, in UTC; None for none.

        Raises:
            InvalidEvent: It is neither an RFC 3339 instant nor a count since the epoch.
        """
        for name in names:
            value = self.content.get(name)
            if value is None:
                continue
            instant = _instant(value) if isinstance(value, str | int | float) else None
            if instant is None:
                raise self._fault(name, "an instant such as 2026-11-20T14:05:00Z")
            return instant
        return None

    def _fault(self, name: str, wanted: str) -> InvalidEvent:
        kind = type(self.content.get(name)).__name__
        return InvalidEvent(f"{self.place}{name}: must be {wanted}, not this {kind}")


def nanoseconds(instant: datetime) -> int:
    """Give an instant in nanoseconds since the epoch, to the microsecond."""
    return (instant - EPOCH) // _MICROSECOND * 1000


def as_word(name: str) -> str:
    """Write a name in small letters and underscores; one that has neither is `custom`."""
    word = _NO_WORD.sub("_", _NEW_WORD.sub("_", name).lower()).strip("_")
    return word or ("custom" if name else "")


def _instant(value: str | float) -> datetime | None:
    if (number := real(value)) is not None:
        return _since_epoch(number)
    try:
        instant = datetime.fromisoformat(str(value).strip().upper())
        return instant.astimezone(UTC) if instant.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _since_epoch(number: float) -> datetime | None:
    for unit in _THOUSANDS:
        if 0 <= number < _LEAST_MILLIS * unit:
            return EPOCH + timedelta(seconds=number / unit)
    return None
