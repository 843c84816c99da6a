"""Hard limits: what no arm may do, whatever the other does; looked at every ten seconds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from optimizer.act.terms import SHARE_OF_SLOW, Terms
from optimizer.statistics.proportions import chance_of_so_many, surely_exceed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.act.minutes import Instant

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

Kind = TypeVar("Kind", bound=np.generic)

RISK = 1e-4
SPANS = (5, 10, 20, 50)  # calls that the newest panes looked at hold at least
# An incident hits both arms, and which of them is seen to fail first is chance. So a candidate is
# undone when it is worse than control was in the same seconds, at a small part of the risk of a
# wrong FAIL; surer still where control is above the limit too. Where control has too few calls to
# tell, the candidate is undone after five minutes all the same.
_APART, _FAR_APART = 0.004, 0.0004  # of alpha
_PATIENCE_TICKS = 30
_CALLS, _FAILED, _TIMED, _BEYOND = range(4)
_BAD, _TRIALS = [_FAILED, _BEYOND], [_CALLS, _TIMED]  # of errors and of latency


@dataclass
class Breaches:
    """Which limits are broken in the newest panes; kinds are errors and latency.

    Attributes:
        broken: (n, 2, kinds) which arms surely break which.
        alone: (n,) the candidate surely breaks one, and control is surely better.
        shared: (n,) an arm surely breaks one, and the other is above it too.
        suspect: (n,) the candidate is above one in the longest span, surely or not.
        bad: (n, 2, kinds) bad calls in the span that shows a breach.
        trials: (n, 2, kinds) all calls in it.
    """

    broken: Bools
    alone: Bools
    shared: Bools
    suspect: Bools
    bad: Floats
    trials: Floats


@dataclass
class HardLimits:
    """The newest panes in which each arm had calls, and what the other did meanwhile.

    Attributes:
        newest: (n, 2, panes, 8) calls, failed, timed, beyond the limit of the arm itself, and the
            same of the other since the pane before; the newest first. As many panes as the
            largest span has calls, so they hold it.
        meanwhile: (n, 2, 4) what the other arm did since an arm's newest pane.
        unresolved: (n,) ticks since the candidate was first seen to break a limit alone.
    """

    newest: Floats
    meanwhile: Floats
    unresolved: Ints

    @classmethod
    def empty(cls, n: int) -> HardLimits:
        """Begin with nothing seen, for n rollouts."""
        return cls(np.zeros((n, 2, SPANS[-1], 8)), np.zeros((n, 2, 4)), np.zeros(n, np.int64))

    def add(self, instant: Instant) -> None:
        """Add ten seconds; an arm without calls keeps what it had."""
        own = np.stack((instant.calls, instant.failed, instant.timed, instant.beyond), axis=-1)
        self.meanwhile += own[:, ::-1]
        served = (instant.calls > 0)[..., None]
        if served.any():
            pane = np.concatenate((own, self.meanwhile), axis=-1)
            moved = np.concatenate((pane[:, :, None], self.newest[:, :, :-1]), axis=2)
            self.newest = np.where(served[..., None], moved, self.newest)
            self.meanwhile = np.where(served, 0.0, self.meanwhile)

    def wait(self, breaches: Breaches) -> None:
        """Count ticks in which the candidate breaks a limit and nothing tells whether alone."""
        open_ = breaches.broken[:, 0].max(-1) & ~breaches.alone & ~breaches.shared
        self.unresolved = np.where(open_, self.unresolved + 1, 0)

    def is_patience_over(self) -> Bools:
        """Tell (n,) where the candidate has been waited for long enough."""
        over: Bools = self.unresolved >= _PATIENCE_TICKS
        return over

    def look(self, terms: Terms) -> Breaches:
        """Tell what is surely broken: the lower bound of a share lies above its limit.

        Source: see `optimizer.statistics.proportions`.
        """
        limits = np.array(
            (terms.max_error_share, 1.0 if terms.limit_bucket is None else SHARE_OF_SLOW)
        )
        spans = self._spans()
        bad, trials = spans[..., _BAD], spans[..., _TRIALS]
        others = spans[..., 4:][..., _BAD], spans[..., 4:][..., _TRIALS]
        sure = surely_exceed(bad, trials, np.broadcast_to(limits, bad.shape), RISK)
        longest = np.maximum((trials[..., _CALLS] > 0).sum(-1) - 1, 0)
        above: Bools = _at(bad > limits * trials, longest)
        broken: Bools = sure.max(2)
        pairs = np.stack((bad, trials, others[0], others[1]), axis=-1)[:, 0]
        alone, together = _compared(pairs, sure[:, 0], longest[:, 0], limits, terms.alpha)
        shared = together | (broken[:, 1] & above[:, 0]).max(-1)
        shown = np.argmax(sure.max(-1), axis=-1)
        return Breaches(
            broken, alone, shared & ~alone, above[:, 0].max(-1), _at(bad, shown), _at(trials, shown)
        )

    def _spans(self) -> Floats:
        """Give (n, 2, spans, 8) sums over the newest panes that hold each span; else zeros."""
        running = np.cumsum(self.newest, axis=2)
        running[..., 4:] += self.meanwhile[:, :, None]
        calls = running[..., _CALLS]
        place = (calls[..., None, :] < np.array(SPANS)[:, None]).sum(-1)
        held = place < calls.shape[-1]
        place = np.minimum(place, calls.shape[-1] - 1)
        sums = np.take_along_axis(running, place[..., None], axis=2)
        return np.where(held[..., None], sums, 0.0)


def _compared(
    pairs: Floats, sure: Bools, longest: Ints, limits: Floats, alpha: float
) -> tuple[Bools, Bools]:
    """Compare a candidate that breaks limits with control in the same seconds.

    Args:
        pairs: (n, spans, kinds, 4) bad and all calls of the candidate, and of control.
        sure: (n, spans, kinds) where it breaks one.
        longest: (n,) the longest span that is held.
        limits: (kinds,) the limits.
        alpha: Risk of a wrong FAIL.

    Returns:
        (n,) where the candidate is surely worse, and where control is above the limit too.
    """
    alone, together = np.zeros((2, len(sure)), np.bool_)
    for row, span, kind in np.argwhere(sure).tolist():
        whole = pairs[row, int(longest[row]), kind]
        above = bool(whole[2] > limits[kind] * whole[3])
        near, far = chance_of_so_many(*pairs[row, span, kind]), chance_of_so_many(*whole)
        alone[row] |= far < _FAR_APART * alpha if above else near < _APART * alpha
        together[row] |= above
    return alone, together


def _at(values: NDArray[Kind], span: Ints) -> NDArray[Kind]:
    """Give (n, 2, kinds) the values of (n, 2, spans, kinds) at one span of each arm."""
    taken: NDArray[Kind] = np.take_along_axis(values, span[..., None, None], axis=2)[:, :, 0]
    return taken
