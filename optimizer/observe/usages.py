"""Usage told as a text: as Python prints it (LiteLLM writes it so beside its numbers), or JSON."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from optimizer.observe.values import Value

MARK = "cache"  # a text without it tells nothing of a cache
_CACHED = "cached_tokens"
_OTHERS = "cache_"  # how the other names begin
_READ = ("cache_read_input_tokens",)
_WRITTEN = ("cache_creation_tokens", "cache_write_tokens", "cache_creation_input_tokens")
_QUOTES = "'\""
_COUNT = re.compile(r"""['"]: (\d{1,9})(?!\d)""", re.ASCII)


class CacheUse(NamedTuple):
    """Input tokens that went through a cache, -1 where that is not told.

    Attributes:
        cached: Read from it.
        written: Written to it.
    """

    cached: int = -1
    written: int = -1


UNTOLD = CacheUse()


def cache_use(value: Value) -> CacheUse | None:
    """Read what a text tells of a cache; None where it tells nothing.

    A count that has several names, as it has in LiteLLM's texts, counts once.
    """
    if not isinstance(value, str) or MARK not in value:
        return None
    cached, written = _count(value, _CACHED), -1
    if _OTHERS in value:
        written = _count(value, *_WRITTEN)
        cached = _count(value, *_READ) if cached < 0 else cached
    return CacheUse(cached, written) if cached >= 0 or written >= 0 else None


def _count(text: str, *names: str) -> int:
    """Give the count behind the first of several names that has one, -1 for none."""
    for name in names:
        place = text.find(name)
        if place > 0 and text[place - 1] in _QUOTES:
            found = _COUNT.match(text, place + len(name))
            if found:
                return int(found[1])
    return -1
