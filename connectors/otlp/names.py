"""Names of responses out of undecoded attribute values, as links."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from optimizer.observe.aliases import NAMES
from optimizer.observe.links import NO_LINK, response_link
from optimizer.observe.values import first

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from connectors.otlp.numbers import Raws
    from optimizer.observe.values import Value

    Words = NDArray[np.uint64]


def link_of(value: Value) -> int | None:
    """Give the link of a response id; None where it is none."""
    return response_link(value) or None if isinstance(value, str) else None


def link_in(attributes: Mapping[str, Value]) -> int:
    """Give the link of a span's response, 0 without one."""
    return first(attributes, NAMES["response_id"], link_of) or NO_LINK


def responses(parts: Sequence[Raws], rows: int, read: Callable[[bytes], Value]) -> Words:
    """Give the links of responses, 0 without one.

    Args:
        parts: Columns of undecoded ids by priority for some rows, then for more rows.
        rows: How many rows the parts have together.
        read: Reads an undecoded value.
    """
    found = np.zeros(rows, np.uint64)
    for column in zip(*parts, strict=True):
        raws = chain.from_iterable(column)
        links = [(link_of(read(raw)) or NO_LINK) if raw else NO_LINK for raw in raws]
        found = np.where(found == NO_LINK, np.array(links, np.uint64), found)
    return found
