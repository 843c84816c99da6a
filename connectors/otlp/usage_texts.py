"""Texts of usage out of undecoded attribute values, as columns."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from optimizer.observe.usages import MARK, UNTOLD, CacheUse, cache_use

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from connectors.otlp.numbers import Raws
    from optimizer.observe.values import Value

_MARK = MARK.encode()


def cache_uses(parts: Sequence[Raws], read: Callable[[bytes], Value]) -> NDArray[np.int64] | None:
    """Give what texts tell of caches.

    Args:
        parts: Columns of undecoded texts by priority for some rows, then for more rows.
        read: Reads an undecoded value.

    Returns:
        (2, n) tokens read from a cache and written to it, -1 where that is not told; None where
        there are no columns.
    """
    found: NDArray[np.int64] | None = None
    for column in zip(*parts, strict=True):
        raws = chain.from_iterable(column)
        told = np.array([_use(raw, read) if raw else UNTOLD for raw in raws], np.int64).T
        found = told if found is None else np.where(found.max(axis=0) < 0, told, found)
    return found


def _use(raw: bytes, read: Callable[[bytes], Value]) -> CacheUse:
    """Read a value that may tell of a cache; in JSON, what is escaped may."""
    if _MARK not in raw and b"\\" not in raw:
        return UNTOLD
    return cache_use(read(raw)) or UNTOLD
