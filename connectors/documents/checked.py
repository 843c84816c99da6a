"""Reading JSON that must be exactly as agreed: each thing missing, wrong or unknown is noted."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, TypeVar

from optimizer.errors import DocumentInvalid

T = TypeVar("T")

_NAMES = {str: "text", int: "a whole number", bool: "true or false", dict: "an object"}
_NAMES |= {list: "a list"}
_EMPTY: dict[type, Any] = {str: "", int: 0, bool: False, dict: {}, list: []}


def parsed(body: bytes) -> Any:
    """Read JSON without repeated keys, NaN or endless nesting.

    Raises:
        DocumentInvalid: It is none.
    """
    try:
        return json.loads(body, object_pairs_hook=_once, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise DocumentInvalid([f"it is not JSON as agreed: {error}"]) from error


class Checked:
    """One JSON object; what is taken out of it is of the type asked for, or noted as a fault.

    Args:
        content: What stands there, of any type.
        place: Where it stands, for the faults; `""` at the top.
        faults: Where faults are noted.
    """

    def __init__(self, content: Any, place: str, faults: list[str]) -> None:
        self._place, self._faults = place, faults
        if not isinstance(content, dict):
            faults.append(f"{place or 'it'} is no JSON object")
            content = {}
        self.content: dict[str, Any] = content
        self._left = set(self.content)

    def take(self, name: str, kind: type[T]) -> T:
        """Take a member that must be there; an empty value stands for a fault."""
        self._left.discard(name)
        value = self.content.get(name)
        if type(value) is kind:  # a bool is no whole number
            return value
        told = "is missing" if name not in self.content else f"is {_short(value)}"
        self.fault(name, f"{told}: must be {_NAMES[kind]}")
        empty: T = _EMPTY[kind]
        return empty

    def instant(self, name: str) -> datetime:
        """Take an instant with a time zone, in UTC."""
        text = self.take(name, str)
        try:
            instant = datetime.fromisoformat(text)
            if instant.tzinfo is not None:
                return instant.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
        if text:
            self.fault(name, f"is {_short(text)}: must be such as 2026-11-20T14:05:00+00:00")
        return datetime.min.replace(tzinfo=UTC)

    def leave(self, name: str) -> Any:
        """Take a member as it stands; None where it is missing."""
        self._left.discard(name)
        return self.content.get(name)

    def fault(self, name: str, told: str) -> None:
        """Note a fault of a member."""
        self._faults.append(f"{self._place}{'.' * bool(self._place)}{name} {told}")

    def end(self) -> None:
        """Note what was not taken."""
        for name in sorted(self._left):
            self.fault(name[:80], "is not known: leave it out")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:80]!r} stands twice")
    return content


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number")


def _short(value: Any) -> str:
    return repr(value)[:80]
