"""A gateway that follows documents: who serves a call, by its unit's slot, when it is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.errors import WorldInvalid
from optimizer.simulate.incidents import nanoseconds
from optimizer.simulate.potential import Assigned
from optimizer.simulate.randomness import mixed
from optimizer.simulate.users import unit_names
from optimizer.slots import slots_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.documents import Document
    from optimizer.simulate.potential import Potential
    from optimizer.simulate.worlds import Following

    Ints = NDArray[np.int64]
    Rows = NDArray[np.intp]

_NONE = -1  # instead of the place of a document: there is none yet


class Steering:
    """The documents of one route as replicas follow them; one owner, changed in place.

    Args:
        drawn: The route's calls, and what each arm would make of them.
        following: How its gateway follows documents.

    Attributes:
        documents: All that came, by rising revision.
        out_ns: When each came out, nanoseconds since the epoch.
        assigned: Who served each call so far; arm -1 for a call that was not made, or not yet.
    """

    def __init__(self, drawn: Potential, following: Following) -> None:
        count = len(drawn.asked)
        self.documents: list[Document] = []
        self.out_ns: list[int] = []
        self.assigned = Assigned(
            np.full(count, -1, np.int16), np.zeros(count, np.int64), np.full(count, -1, np.int16)
        )
        self._drawn = drawn
        self._following = following
        self._arms = {item.arm.id: place for place, item in enumerate(drawn.route.arms)}
        self._owners: list[NDArray[np.int16]] = []  # of each document's slots
        self._slots: dict[tuple[str, int], int] = {}  # by salt and unit
        self._served = 0  # calls that were assigned, of those made

    @property
    def replicas(self) -> int:
        """How many replicas follow; the number of one beyond them names one that is never stale."""
        return self._following.replicas

    def publish(self, document: Document, at_ns: int) -> None:
        """Take a document that came out; one that is not newer than the last changes nothing.

        Raises:
            WorldInvalid: It names an arm whose behaviour the world does not tell.
        """
        if self.documents and document.revision <= self.documents[-1].revision:
            return
        owners = [self._place(document, one.arm) for one in document.allotments]
        counts = [one.slots for one in document.allotments]
        self._owners.append(np.repeat(owners, counts).astype(np.int16))
        self.documents.append(document)
        self.out_ns.append(at_ns)

    def _place(self, document: Document, arm: str) -> int:
        if arm not in self._arms:
            known = ", ".join(self._arms)
            raise WorldInvalid(
                f"revision {document.revision} of {document.route} gives traffic to {arm}: "
                f"the world knows how {known} behave, so it must list that arm too"
            )
        return self._arms[arm]

    def effective_ns(self, replica: int = 0) -> Ints:
        """Give from when on a replica follows each document; the last one is never stale."""
        following = self._following
        begin_ns = self._drawn.start_ns
        out_ns = np.array(self.out_ns, np.int64) + nanoseconds(following.delay)
        stale = following.stale
        if stale is None or replica >= stale.replicas:
            return out_ns
        since_ns, until_ns = begin_ns + nanoseconds(stale.start), begin_ns + nanoseconds(stale.end)
        return np.where((out_ns >= since_ns) & (out_ns < until_ns), until_ns, out_ns)

    def serve(self, until_ns: int) -> Rows:
        """Assign the calls that are made before an instant; give those that are new."""
        made = self._drawn.made
        limit = until_ns - self._drawn.start_ns
        end = int(np.searchsorted(self._drawn.asked.at_ns[made], limit))
        rows = made[self._served : end]
        self._served = end
        if len(rows):
            self._assign(rows)
        return rows

    def _assign(self, rows: Rows) -> None:
        """Look up whose the calls are; before any document they are the incumbent's."""
        self.assigned.arm[rows] = 0
        if not self.documents:
            return
        newest = self._newest(rows)
        for place in np.unique(newest[newest != _NONE]).tolist():
            mine = rows[newest == place]
            slots = self._slots_of(self.documents[place], mine)
            self.assigned.slot[mine] = slots
            self.assigned.arm[mine] = self._owners[place][slots]
            self.assigned.revision[mine] = self.documents[place].revision

    def _newest(self, rows: Rows) -> Ints:
        """Give the place of the newest document that each call's replica follows."""
        at_ns = self._drawn.start_ns + self._drawn.asked.at_ns[rows]
        first = np.searchsorted(self.effective_ns(self._following.replicas), at_ns, "right") - 1
        if self._following.stale is None:
            return first
        stale = np.searchsorted(self.effective_ns(0), at_ns, "right") - 1
        return np.where(self._replicas(rows) < self._following.stale.replicas, stale, first)

    def _replicas(self, rows: Rows) -> Ints:
        """Deal calls to replicas, as a load balancer does: whatever the unit."""
        calls = np.ascontiguousarray(self._drawn.callers.ids[rows, :8]).view(np.int64)[:, 0]
        return (mixed(2, calls) % np.uint64(self._following.replicas)).astype(np.int64)

    def _slots_of(self, document: Document, rows: Rows) -> NDArray[np.int16]:
        """Hash the calls' units; each is hashed once a salt."""
        units = self._drawn.callers.unit(document.unit)[rows]
        keys = [(document.salt, unit) for unit in units.tolist()]
        new = [key[1] for key in dict.fromkeys(keys) if key not in self._slots]
        names = unit_names(document.unit, self._drawn.index, np.array(new, np.int64))
        for unit, slot in zip(new, slots_of(document.salt, names), strict=True):
            self._slots[document.salt, unit] = slot
        return np.array([self._slots[key] for key in keys], np.int16)
