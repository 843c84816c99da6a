"""Hard limits: what no arm may do, whatever the other does; looked at every ten seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.act.terms import SHARE_OF_SLOW, Terms
from optimizer.statistics.proportions import surely_exceed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.act.minutes import Instant

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

RISK = 1e-4
SPANS = (5, 10, 20, 50)  # calls that the newest panes looked at hold at least
_CALLS, _FAILED, _TIMED, _BEYOND = range(4)


class Breaches(NamedTuple):
    """Which limits are surely broken in the newest panes.

    Attributes:
        errors: (n, 2) which arms surely fail too often.
        latency: (n, 2) which arms are surely too slow too often.
        suspect: (n, 2) which are above a limit in the longest span, surely or not.
        worst: (n, 2, 4) calls, failed, timed and beyond the limit in the span that shows it.
    """

    errors: Bools
    latency: Bools
    suspect: Bools
    worst: Floats

    @property
    def sure(self) -> Bools:
        """(n, 2) which arms surely break any."""
        sure: Bools = self.errors | self.latency
        return sure


@dataclass
class HardLimits:
    """The newest panes in which each arm had calls.

    Attributes:
        newest: (n, 2, panes, 4) calls, failed, timed, beyond the limit; the newest first. As many
            panes as the largest span has calls, so they hold it.
    """

    newest: Floats

    @classmethod
    def empty(cls, n: int) -> HardLimits:
        """Begin with nothing seen, for n rollouts."""
        return cls(np.zeros((n, 2, SPANS[-1], 4)))

    def add(self, instant: Instant) -> None:
        """Add ten seconds; an arm without calls keeps what it had."""
        served = instant.calls > 0
        if not served.any():
            return
        pane = np.stack((instant.calls, instant.failed, instant.timed, instant.beyond), axis=-1)
        moved = np.concatenate((pane[:, :, None], self.newest[:, :, :-1]), axis=2)
        self.newest = np.where(served[..., None, None], moved, self.newest)

    def look(self, terms: Terms) -> Breaches:
        """Tell what is surely broken: the lower bound of a share lies above its limit.

        Source: see `optimizer.statistics.proportions`.
        """
        spans = self._spans()
        calls, failed, timed, beyond = np.moveaxis(spans, -1, 0)
        most_beyond = 1.0 if terms.limit_bucket is None else SHARE_OF_SLOW
        errors = surely_exceed(failed, calls, terms.max_error_share, RISK)
        latency = surely_exceed(beyond, timed, most_beyond, RISK)
        above: Bools = (failed > terms.max_error_share * calls) | (beyond > most_beyond * timed)
        longest = np.maximum((calls > 0).sum(-1) - 1, 0)[..., None]
        suspect = np.take_along_axis(above, longest, axis=-1)[..., 0]
        shown = np.argmax(errors | latency, axis=-1)[..., None, None]
        worst = np.take_along_axis(spans, shown, axis=2)[:, :, 0]
        broken: tuple[Bools, Bools] = (errors.max(-1), latency.max(-1))
        return Breaches(*broken, suspect, worst)

    def _spans(self) -> Floats:
        """Give (n, 2, spans, 4) sums over the newest panes that hold each span; else zeros."""
        running = np.cumsum(self.newest, axis=2)
        calls = running[..., _CALLS]
        spans = np.array(SPANS)
        place = (calls[..., None, :] < spans[:, None]).sum(-1)
        held = place < calls.shape[-1]
        place = np.minimum(place, calls.shape[-1] - 1)
        sums = np.take_along_axis(running, place[..., None], axis=2)
        return np.where(held[..., None], sums, 0.0)
