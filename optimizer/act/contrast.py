"""Contrast: means of two arms compared within each minute, so that what hits both cancels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.act.terms import MEANS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.act.minutes import Minute

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

_PSEUDO_CALLS = 10.0  # with the larger arm's variance that the smaller one's is begun with
# A metric that hardly varies proves much with few calls, but nothing is that sure: logs are taken
# to vary by 1 % at least, scores by 0.05.
_LEAST_VARIANCE = np.array([1e-4, 1e-4, 1e-4, 1e-4, 2.5e-3])
_UNKNOWN = 1e12  # variance of an effect that nothing was seen of


class Effects(NamedTuple):
    """Estimated effects of the candidate, and how sure they are.

    Attributes:
        value: (n, 2, means) candidate's mean less control's; of all steps, and of this one.
        variance: (n, 2, means) their variance as if calls were independent.
    """

    value: Floats
    variance: Floats


@dataclass
class Contrast:
    """What the minutes so far say of means, of all steps and of this one.

    Attributes:
        larger: Place of the arm with more calls: 1, control, in a rollout; 0 in a holdback.
        weight: (n, 2, means) sum of the minutes' weights h = n_c n_k / (n_c + n_k).
        gap: (n, 2, means) sum of h times the difference of means.
        spread: (n, 2, means, 2) sum of h^2 / n of each arm.
        squares: (n, means, 2) sum of squared deviations within minutes.
        freedom: (n, means, 2) calls less minutes.
        calls: (n, means, 2) calls.
    """

    larger: int
    weight: Floats
    gap: Floats
    spread: Floats
    squares: Floats
    freedom: Floats
    calls: Floats

    @classmethod
    def empty(cls, n: int, larger: int) -> Contrast:
        """Begin with nothing seen, for n rollouts."""
        means = len(MEANS)
        pair = (n, means, 2)
        shapes = ((n, 2, means), (n, 2, means), (n, 2, means, 2), pair, pair, pair)
        return cls(larger, *map(np.zeros, shapes))

    def begin_step(self, mine: Bools) -> None:
        """Forget what was of the former step only, where `mine` (n,)."""
        self.weight[mine, 1] = 0
        self.gap[mine, 1] = 0
        self.spread[mine, 1] = 0

    def add(self, minute: Minute) -> None:
        """Add a minute; where an arm has no calls it tells variances only.

        Source: Mantel-Haenszel weights for differences of means, Rothman, Greenland and Lash,
        "Modern Epidemiology", 2008, chapter 15.
        """
        count = np.maximum(minute.known, 0)
        some = np.maximum(count, 1)
        mean = minute.total / some
        both = (count > 0).all(-1)
        weight = np.where(both, count.prod(-1) / np.maximum(count.sum(-1), 1), 0)
        self.weight += weight[:, None]
        self.gap += (weight * (mean[..., 0] - mean[..., 1]))[:, None]
        self.spread += (weight[..., None] ** 2 / some)[:, None]
        self.squares += np.where(count > 0, np.maximum(minute.square - mean * minute.total, 0), 0)
        self.freedom += np.maximum(count - 1, 0)
        self.calls += count

    def variances(self) -> Floats:
        """Give (n, means, 2) variances of single calls; the smaller arm's shrunk to the other's."""
        larger, smaller = self.larger, 1 - self.larger
        known = self.squares[..., larger] / np.maximum(self.freedom[..., larger], 1)
        shrunk = self.squares[..., smaller] + _PSEUDO_CALLS * known
        both = np.empty_like(self.squares)
        both[..., larger] = known
        both[..., smaller] = shrunk / (self.freedom[..., smaller] + _PSEUDO_CALLS)
        least: Floats = np.maximum(both, _LEAST_VARIANCE[:, None])
        return least

    def effects(self) -> Effects:
        """Give the effects and their variances."""
        seen = (self.weight > 0) & (self.freedom[:, None, :, self.larger] > 0)
        weight = np.where(seen, self.weight, 1)
        spread = (self.spread * self.variances()[:, None]).sum(-1) / weight**2
        return Effects(np.where(seen, self.gap / weight, 0.0), np.where(seen, spread, _UNKNOWN))
