"""Attribute values as producers write them, read as what was meant."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

# Lists, maps and bytes are never read, so decoders give None for them.
Value = str | bool | int | float | None

MAX_TEXT = 128
MOST = 1 << 64  # no number of ours is near; longer ones could not even be printed
_WHOLE = re.compile(r"([+-]?[0-9]{1,19})(\.0{0,40})?")
_REAL = re.compile(r"[+-]?[0-9]{1,19}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,3})?")
_TRUTHS = {"true": True, "1": True, "false": False, "0": False}


def clean(value: str) -> str:
    """Give a text that is short and printable: at most 128 characters, `-` for all others."""
    value = value.strip()
    if len(value) > MAX_TEXT:
        value = value[:MAX_TEXT].strip()
    if value.isprintable():
        return value
    return "".join(letter if letter.isprintable() else "-" for letter in value)


def text(value: Value) -> str | None:
    """Read a name; None when it is empty or no name."""
    if isinstance(value, str):
        return clean(value) or None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)[:MAX_TEXT]
    return None


def truth(value: Value) -> bool | None:
    """Read a flag, also from the texts `True` and `False`."""
    if isinstance(value, str):
        return _TRUTHS.get(value.strip().lower())
    if isinstance(value, (bool, int)):
        return bool(value)
    return None


def whole(value: Value) -> int | None:
    """Read a whole number, also from text or from a double without fraction."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        found = _WHOLE.fullmatch(value.strip())
        return int(found[1]) if found else None
    if isinstance(value, float):
        return int(value) if math.isfinite(value) and value.is_integer() else None
    return value if value is None else max(-MOST, min(value, MOST))


def real(value: Value) -> float | None:
    """Read a number, also from text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip()
        return float(value) if _REAL.fullmatch(value) else None
    if isinstance(value, int):
        return float(value) if abs(value) < MOST else math.inf
    return value


def first(
    values: Mapping[str, Value], names: tuple[str, ...], read: Callable[[Value], T | None]
) -> T | None:
    """Read the first of several names that has a usable value; None when none has."""
    for name in names:
        if name in values and (found := read(values[name])) is not None:
            return found
    return None
