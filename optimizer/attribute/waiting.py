"""How long scores wait for their calls: the panes in which a wait ends, and room for so many.

Both follow from event times alone, so no wait ends elsewhere because of how the scores came.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.attribute.owners import beyond_shares, share_of
from optimizer.panes import PANE_NS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.attribute.attribution import AttributionRules
    from optimizer.judgements import Rows

    Mask = NDArray[np.bool_]

MOST_WAITING = 20_000  # scores that wait for their calls; each is kept with its bytes


def next_end(scores: Rows, since: int, rules: AttributionRules) -> int | None:
    """Give the first pane, from one on, in which a wait ends; None where none does.

    Args:
        scores: Those that wait, by rising `count_ns`.
        since: The first pane that may be given.
        rules: How long they wait.
    """
    counted = scores["count_ns"]
    if not len(counted):
        return None
    ends = [int(counted[0]) + rules.wait_ns]
    first = np.searchsorted(counted, since * PANE_NS - rules.span_wait_ns)
    ends += (counted[first : first + 1] + rules.span_wait_ns).tolist()
    return max(min(ends) // PANE_NS, since)


def ripens(scores: Rows, pane: int, rules: AttributionRules) -> Mask:
    """Tell which scores have waited long enough for their span or response in just this pane."""
    ripe: Mask = (scores["count_ns"] + rules.span_wait_ns) // PANE_NS == pane
    return ripe


def is_late(scores: Rows, unknown: Mask, given_up_ns: int, rules: AttributionRules) -> Mask:
    """Tell which scores have waited long enough, or are the oldest of too many that wait."""
    late: Mask = scores["count_ns"] + rules.wait_ns < given_up_ns
    left = np.flatnonzero(unknown & ~late)
    there = len(np.unique(scores["tenant"][left]))
    share = share_of(MOST_WAITING, rules.tenants, there)
    late[left[beyond_shares(scores["tenant"][left], share)]] = True
    left = left[~late[left]]
    late[left[: max(len(left) - MOST_WAITING, 0)]] = True
    return late
