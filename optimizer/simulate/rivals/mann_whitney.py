"""A judge by ranks of minutes, as Kayenta's.

Source: Kayenta, judge NetflixACAJudge-v1.0 and its Mann-Whitney classifier; the interval of the
shift is that of R's wilcox.test, asymptotic with continuity correction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.simulate.rivals.standing import Minute, Standing

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.simulate.rivals.rules import MannWhitneyRules

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

_AT_ONCE = 64  # routes whose pairs of minutes are held together


class MannWhitney:
    """Rollouts judged by ranks at the end of each run, on all minutes since the start.

    Args:
        rules: Its numbers.
        routes: How many rollouts, n.
    """

    def __init__(self, rules: MannWhitneyRules, routes: int) -> None:
        self._rules = rules
        self._minutes: list[Floats] = []
        self._runs = 0
        self.standing = np.zeros(routes, np.int64)
        self.share = np.full(routes, rules.shares[0])

    def take(self, minute: Minute) -> None:
        """Look at the next minute of each route; judge when the run is full."""
        if self._runs == len(self._rules.shares):
            return
        self._minutes.append(minute.values())
        if len(self._minutes) % self._rules.run_mins == 0:
            self._judge(np.stack(self._minutes, axis=-1))

    def _judge(self, series: Floats) -> None:
        """Judge (n, metrics, 2, minutes)."""
        self._runs += 1
        last = self._runs == len(self._rules.shares)
        high = [
            is_higher(series[:, metric, 0], series[:, metric, 1], self._rules)
            for metric in range(series.shape[1])
        ]
        score = 100 * (1 - np.mean(high, axis=0))
        running = self.standing == Standing.RUNNING
        wanted = self._rules.passing if last else self._rules.marginal
        self.standing[running & (score < wanted)] = Standing.ROLLED_BACK
        if last:
            self.standing[running & (score >= wanted)] = Standing.PROMOTED
        share = 1.0 if last else self._rules.shares[self._runs]
        self.share = np.where(self.standing == Standing.ROLLED_BACK, 0.0, share)


def is_higher(candidate: Floats, incumbent: Floats, rules: MannWhitneyRules) -> Flags:
    """Tell where the candidate's series lies above the incumbent's.

    That is where the lower bound of the shift exceeds the tolerated part of its estimate, and the
    ratio of means reaches what is allowed. The bound does so exactly when the rank statistic at
    that part exceeds its deviate, which needs no search for the bound.

    Source: Hodges and Lehmann, Annals of Mathematical Statistics 34, 1963; Hollander and Wolfe,
    "Nonparametric statistical methods", 1999, sections 4.1 to 4.3.

    Args:
        candidate: (n, minutes); NaN, a minute without data, is left out.
        incumbent: (n, minutes), likewise.
        rules: Confidence, tolerance and allowed increase.
    """
    from scipy.special import ndtri  # noqa: PLC0415 - heavy, and only simulations need it

    told = np.isfinite(candidate).any(axis=1) & np.isfinite(incumbent).any(axis=1)
    high = np.zeros(len(candidate), np.bool_)
    for rows in np.array_split(np.flatnonzero(told), told.sum() // _AT_ONCE + 1):
        ours, theirs = candidate[rows], incumbent[rows]
        shift = np.nanmedian(ours[:, :, None] - theirs[:, None, :], axis=(1, 2))
        deviate = rank_deviate(ours - rules.tolerance * np.abs(shift)[:, None], theirs)
        grown = np.nanmean(ours, axis=1) >= rules.allowed_increase * np.nanmean(theirs, axis=1)
        high[rows] = (deviate > ndtri((1 + rules.confidence) / 2)) & grown
    return high


def rank_deviate(ours: Floats, theirs: Floats) -> Floats:
    """Give the Mann-Whitney statistic as a normal deviate, corrected for ties and continuity.

    Args:
        ours: (n, minutes); NaN is left out.
        theirs: (n, minutes), likewise.

    Returns:
        (n,), positive where ours are larger; 0 where all values are the same.
    """
    above = np.sum(ours[:, :, None] > theirs[:, None, :], axis=(1, 2))
    level = np.sum(ours[:, :, None] == theirs[:, None, :], axis=(1, 2))
    m, n = np.isfinite(ours).sum(axis=1), np.isfinite(theirs).sum(axis=1)
    off = above + level / 2 - m * n / 2
    total = m + n
    ties = _ties(np.concatenate((ours, theirs), axis=1)) / np.maximum(total * (total - 1), 1)
    spread = np.sqrt(np.maximum(m * n / 12 * (total + 1 - ties), 0))
    deviate = (off - np.sign(off) / 2) / np.where(spread > 0, spread, 1)
    return np.where(spread > 0, deviate, 0.0)


def _ties(values: Floats) -> Floats:
    """Give the sum of t^3 - t over groups of t equal values in each row."""
    ordered = np.sort(values, axis=1)
    new = np.ones(ordered.shape, np.bool_)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]  # NaN equals nothing: groups of one
    group = np.cumsum(new) - 1  # a row begins a group, so rows never share one
    size = np.bincount(group)[group].reshape(ordered.shape)
    ties: Floats = (size.astype(np.float64) ** 2 - 1).sum(axis=1)
    return ties
