"""Calls as they are counted when nobody saw them end, and the memory of those that were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.observe.columns import ERROR, Columns
from optimizer.observe.names import DAY_NS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Ids = NDArray[np.uint64]
    Ints = NDArray[np.int64]

MOST_HUNG = 1 << 17  # that a partition remembers; of more, the oldest are forgotten


def hanging(
    *,
    key: NDArray[np.int32],
    call_id: Ids,
    start_ns: Ints,
    patience_ns: Ints,
    slot: NDArray[np.int16],
    links: NDArray[np.uint64] | None = None,
    raw: Callable[[int], bytes] | None = None,
) -> Columns:
    """Give calls as they are counted if they hang: failed when patience ends, of unknown use.

    Args:
        key: Codes of their keys, (n,) as everything.
        call_id: Their ids.
        start_ns: When they began, nanoseconds since the epoch.
        patience_ns: How long they are waited for.
        slot: Their slots; -1 without one.
        links: (n, 3) what scores find them by.
        raw: As of `Columns`.
    """
    rows = len(key)
    absent = np.full(rows, -1, np.int64)
    nothing = np.zeros(rows, np.int64)
    return Columns(
        key=key,
        call_id=call_id,
        end_ns=start_ns + patience_ns,
        latency_ns=patience_ns,
        ttft_ns=absent,
        tokens_in=absent,
        tokens_out=absent,
        tokens_cached=nothing,
        cost_nusd=nothing,  # as of any failed call that tells no tokens
        slot=slot,
        flags=np.full(rows, ERROR, np.uint8),
        score=np.full(rows, -1, np.int32),
        raw=raw,
        links=links,
    )


class HungIds:
    """Ids of calls that were counted as hung: their own spans, coming later, repeat them.

    Args:
        ids: Those it begins with, in the order of their ends.
        ends_ns: When they ended.
    """

    def __init__(self, ids: Ids | None = None, ends_ns: Ints | None = None) -> None:
        self.ids = np.zeros(0, np.uint64) if ids is None else ids
        self.ends_ns = np.zeros(0, np.int64) if ends_ns is None else ends_ns
        self._rising = np.sort(self.ids)

    def add(self, rows: Columns, before_ns: int) -> None:
        """Remember calls that hang, in the order of their ends, for a day from `before_ns` on."""
        ids = np.concatenate((self.ids, rows.call_id))
        ends_ns = np.concatenate((self.ends_ns, rows.end_ns))
        first = max(int(np.searchsorted(ends_ns, before_ns - DAY_NS)), len(ids) - MOST_HUNG)
        self.ids, self.ends_ns = ids[first:], ends_ns[first:]
        self._rising = np.sort(self.ids)

    def among(self, ids: Ids) -> NDArray[np.bool_] | None:
        """Tell which of these are remembered; None for none of them."""
        if not len(self._rising):
            return None
        place = np.minimum(np.searchsorted(self._rising, ids), len(self._rising) - 1)
        known: NDArray[np.bool_] = self._rising[place] == ids
        return known if known.any() else None
