"""Whether somebody still judges what traffic does: else no step of a rollout may go on holding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.errors import StorageFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from optimizer.ports import Store

LONGEST_S = 180.0  # the job tells each minute how far its time has come


class Judging:
    """Sees by the account of each partition whether the job's time moves on.

    Args:
        store: The job's views.
        epoch_s: How often the job writes them, seconds.
        timer: Gives seconds that no change of the clock can touch.
    """

    def __init__(self, store: Store, epoch_s: float, timer: Callable[[], float]) -> None:
        self._store = store
        self._longest_s = LONGEST_S + 2 * epoch_s
        self._timer = timer
        self._reached = ""
        self._since_s = timer()

    def goes_on(self) -> bool:
        """Tell whether the job's time has moved lately; for a while after the start, too."""
        try:
            newest = next(iter(self._store.scan("ledgers", limit=1)), None)
        except StorageFailed:
            newest = None
        if newest and newest.order != self._reached:
            self._reached, self._since_s = newest.order, self._timer()
        return self._timer() - self._since_s < self._longest_s
