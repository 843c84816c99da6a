"""Calls that scores can find: of recent panes many, of older ones as many as may last.

Which ones is chosen by trace, so that whole traces stay, and what lasts is part of what was recent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.attribute.owners import least_of_each, owner_of, share_of, with_own_links
from optimizer.attribute.runs import Run, Runs
from optimizer.judgements import CALLS, merged
from optimizer.panes import PANE_NS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optimizer.judgements import Seen

RECENT_NS = 900_000_000_000  # most scores are given within minutes of their calls


class Room(NamedTuple):
    """How many calls of a pane can be found.

    Attributes:
        recent: While the pane is recent.
        lasting: How many of those as long as calls are kept; no more than are recent.
    """

    recent: int
    lasting: int


class Findable:
    """The calls that can be found; one owner, changed in place.

    Args:
        room: How many.
        tenants: How many tenants the sources have; each has its share of the room.

    Attributes:
        lasting: Those that are kept for long.
        recent: Those of recent panes that had more, a run each; among them some of the others.
    """

    def __init__(self, room: Room, tenants: int) -> None:
        self.lasting = Runs(CALLS)
        self.recent = Runs(CALLS, merges=False)
        self._room = room
        self._tenants = tenants

    def runs(self) -> list[Run]:
        """Give all that can be found, some of it twice."""
        return [*self.lasting.runs, *self.recent.runs]

    def forget(self, pane: int, since_ns: int) -> None:
        """Let go of what is not recent in a pane, and of what ended before an instant."""
        self.lasting.forget(since_ns)
        self.recent.forget(max(since_ns, pane * PANE_NS - RECENT_NS))

    def add(self, pane: int, seen: Sequence[Seen]) -> list[Run]:
        """Let the calls that were seen in a pane be found from now on; give those."""
        if not any(len(one.rows) for one in seen):
            return []
        keys, places = merged([(one.keys, one.rows["key"]) for one in seen])
        rows = np.concatenate([one.rows for one in seen])
        rows["key"] = places
        owners, codes = np.unique([owner_of(key) for key in keys], return_inverse=True)

        def run_of(most: int) -> Run:
            share = share_of(most, self._tenants, len(owners))
            kept = least_of_each(rows, codes[rows["key"]], share, most)
            return Run(with_own_links(kept, owners.tolist(), codes[kept["key"]]), keys, pane)

        new, lasting = run_of(self._room.recent), run_of(self._room.lasting)
        self.lasting.add(lasting)
        if len(new.rows) > len(lasting.rows):
            self.recent.add(new)
        return [new]
