"""Calls that a gateway told of when they started, until they are seen to end, or hang.

Each is kept as the failed call that it becomes when its own span does not come in time: it ends
when patience with it does, and hangs if no span of it was seen when that pane is sealed. So nothing
here depends on how records come together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.observe.columns import Columns, join
from optimizer.observe.hung import HungIds, hanging
from optimizer.panes import PANE_NS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from numpy.typing import NDArray

    from optimizer.observe.accounts import Account
    from optimizer.observe.deduplicate import SealedIds, SeenIds

    Ids = NDArray[np.uint64]
    OpenIds = Callable[[], Iterable[SeenIds]]

MOST = 1 << 17  # calls that one partition waits for; of more, the older half is forgotten
_DUMPED = ("key", "call_id", "end_ns", "latency_ns", "slot")
_TYPES = (np.int32, np.uint64, np.int64, np.int64, np.int16)


class Assigned:
    """The calls of one partition that are waited for; one owner, changed in place.

    Args:
        rows: Those it begins with, each once, in the order they were told of.
        hung: Those that were waited for in vain.
        most: How many are waited for.

    Attributes:
        hung: Those that were waited for in vain.
    """

    def __init__(
        self, rows: Columns | None = None, hung: HungIds | None = None, most: int = MOST
    ) -> None:
        self._parts = [] if rows is None or not len(rows) else [rows]
        self._count = sum(map(len, self._parts))
        self._is_settled = True
        self._most = most
        self.hung = HungIds() if hung is None else hung

    def __len__(self) -> int:
        return self._count

    def fits(self, more: int) -> bool:
        """Tell whether so many more can be waited for without forgetting any."""
        return self._count + more <= self._most

    def take(
        self,
        rows: Columns,
        sealed_until: int,
        memory_ns: int,
        sealed: Mapping[int, SealedIds],
        counts: Account,
    ) -> None:
        """Wait for some calls more, but for those of which it is too late to tell.

        Args:
            rows: The calls, as `hanging` gives them; repeats may be among them.
            sealed_until: The first pane that is not sealed.
            memory_ns: How long the ids of sealed panes are remembered.
            sealed: Those ids.
            counts: What becomes of them.
        """
        first = (rows.end_ns - rows.latency_ns) // PANE_NS
        late = rows.end_ns // PANE_NS < sealed_until
        late |= (first < sealed_until) & ((sealed_until - first) * PANE_NS >= memory_ns)
        _count(counts, "assignments_late", int(np.count_nonzero(late)))
        rows = rows.take(~late) if late.any() else rows
        if len(rows) and int(first.min()) < sealed_until:
            seen = _among(rows.call_id, sealed.values())
            _count(counts, "assignments_closed", int(np.count_nonzero(seen)))
            rows = rows.take(~seen)
        if len(rows):
            self._parts.append(rows)
            self._count += len(rows)
            self._is_settled = False

    def settle(self, counts: Account) -> Columns | None:
        """Lay all end to end, each once, and give them; None for none."""
        if not self._is_settled:
            rows = join(self._parts)
            first = np.unique(rows.call_id, return_index=True)[1]
            self._keep(rows, np.sort(first), counts, "assignments_repeated")
            self._is_settled = True
        return self._parts[0] if self._parts else None

    def close(self, ids: Ids, counts: Account) -> None:
        """Wait no more for calls that came late."""
        rows = self.settle(counts)
        if rows is not None:
            left = np.flatnonzero(~np.isin(rows.call_id, ids))
            self._keep(rows, left, counts, "assignments_closed")

    def make_room(self, open_ids: OpenIds, counts: Account) -> None:
        """Forget the older half where there are too many."""
        if self.fits(0):
            return
        self._close_seen(open_ids, counts)
        rows = self.settle(counts)
        if rows is not None and not self.fits(0):
            newest = np.arange(len(rows) - self._most // 2, len(rows))
            self._keep(rows, newest, counts, "assignments_forgotten")

    def hanging(self, before: int, open_ids: OpenIds, counts: Account) -> dict[int, Columns]:
        """Give the calls with which patience ended and that were not seen, by pane.

        Args:
            before: The first pane that is not to be sealed.
            open_ids: Gives the ids in panes that are not sealed.
            counts: What becomes of them.
        """
        rows = self._close_seen(open_ids, counts)
        if rows is None or not (over := rows.end_ns < before * PANE_NS).any():
            return {}
        self._keep(rows, np.flatnonzero(~over), counts, "hung")
        hung = rows.take(over)
        hung = hung.take(np.argsort(hung.end_ns, kind="stable"))
        self.hung.add(hung, before * PANE_NS)
        panes = hung.end_ns // PANE_NS
        return {pane: hung.take(panes == pane) for pane in np.unique(panes).tolist()}

    def give_up(self, open_ids: OpenIds, counts: Account) -> None:
        """Wait for nothing any more: what comes to an end says nothing of calls under way."""
        rows = self._close_seen(open_ids, counts)
        if rows is not None:
            self._keep(rows, np.zeros(0, np.intp), counts, "assignments_open")

    def live(self) -> list[int]:
        """Give the codes of the keys of calls that are waited for."""
        codes: list[int] = np.unique(np.concatenate([_NO_CODES, *self._keys()])).tolist()
        return codes

    def recode(self, code_of: NDArray[np.int32]) -> None:
        """Follow a new key table; `code_of` gives the new code of each live old one."""
        for codes in self._keys():
            codes[:] = code_of[codes]

    def _keys(self) -> list[NDArray[np.int32]]:
        return [rows.key for rows in self._parts]

    def _close_seen(self, open_ids: OpenIds, counts: Account) -> Columns | None:
        if not self._count:
            return None
        rows = self.settle(counts)
        if rows is None:
            return None
        left = np.flatnonzero(~_among(rows.call_id, open_ids()))
        self._keep(rows, left, counts, "assignments_closed")
        return self.settle(counts)

    def _keep(self, rows: Columns, places: NDArray[np.intp], counts: Account, others: str) -> None:
        """Keep some rows of all, in their order; count the others."""
        if len(places) < len(rows):
            _count(counts, others, len(rows) - len(places))
            rows = rows.take(places)
        self._parts = [rows] if len(rows) else []
        self._count = len(rows)


_NO_CODES = np.zeros(0, np.int32)


def _among(ids: Ids, known: Iterable[SeenIds | SealedIds]) -> NDArray[np.bool_]:
    found = np.zeros(len(ids), np.bool_)
    for some in known:
        found |= some.holds(ids)
    return found


def _count(counts: Account, name: str, number: int) -> None:
    if number:
        counts[name] += number


def bounds(columns: Columns, assigned: Columns | None) -> tuple[int, int]:
    """Give when the first call ended, and the latest time that is told, a start or an end."""
    told = [columns.end_ns] if assigned is None else [columns.end_ns, assigned.start_ns]
    times = np.concatenate(told)
    first = columns.end_ns.min() if len(columns) else times.max()
    return int(first), int(times.max())


def dump(assigned: Assigned, counts: Account) -> dict[str, Any]:
    """Write the calls that are waited for, and those that hung, as plain values."""
    rows = assigned.settle(counts)
    links = None if rows is None else rows.links
    return {
        "rows": [] if rows is None else [getattr(rows, name).tobytes() for name in _DUMPED],
        "links": None if links is None else links.tobytes(),
        "hung": (assigned.hung.ids.tobytes(), assigned.hung.ends_ns.tobytes()),
    }


def load(content: dict[str, Any]) -> Assigned:
    """Read what `dump` gave."""
    ids, ends_ns = content["hung"]
    hung = HungIds(np.frombuffer(ids, np.uint64), np.frombuffer(ends_ns, np.int64))
    if not content["rows"]:
        return Assigned(hung=hung)
    told = zip(content["rows"], _TYPES, strict=True)
    key, call_id, end_ns, latency_ns, slot = (np.frombuffer(one, kind) for one, kind in told)
    links = content["links"] and np.frombuffer(content["links"], np.uint64).reshape(-1, 3)
    rows = hanging(
        key=key.copy(),
        call_id=call_id,
        start_ns=end_ns - latency_ns,
        patience_ns=latency_ns,
        slot=slot,
        links=links,
    )
    return Assigned(rows, hung)
