"""What a share of so many calls proves: exact bounds for binomial proportions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def lower_bound(hits: int, trials: int, risk: float) -> float:
    """Give the one-sided Clopper-Pearson lower bound of a share; 0 without a hit.

    Source: Clopper and Pearson, Biometrika 26, 1934; as a beta quantile: Brown, Cai and DasGupta,
    Statistical Science 16, 2001, eq. 4.

    Args:
        hits: How many trials hit, 0 to `trials`.
        trials: How many there were.
        risk: Chance, at most, that the true share lies below the bound.
    """
    from scipy.special import betaincinv  # noqa: PLC0415 - heavy, and most minutes never need it

    return float(betaincinv(hits, trials - hits + 1, risk)) if hits else 0.0


def upper_bound(hits: int, trials: int, risk: float) -> float:
    """Give the one-sided Clopper-Pearson upper bound of a share; 1 when every trial hit.

    Source: as `lower_bound`.
    """
    return 1.0 - lower_bound(trials - hits, trials, risk)


def surely_exceeds(hits: int, trials: int, limit: float, risk: float) -> bool:
    """Tell whether the Clopper-Pearson lower bound of a share lies above a limit.

    The bound is above the limit exactly when so many hits at the limit's own share are rarer than
    the risk, which is cheaper to compute; a share at or below the limit proves nothing.

    Args:
        hits: How many trials hit, 0 to `trials`.
        trials: How many there were.
        limit: Share, in [0, 1].
        risk: Chance, at most, of a wrong yes.
    """
    if hits <= limit * trials:
        return False
    from scipy.special import bdtrc  # noqa: PLC0415 - heavy, and most minutes never need it

    return bool(bdtrc(hits - 1, trials, limit) < risk)


def surely_exceed(
    hits: NDArray[np.float64],
    trials: NDArray[np.float64],
    limit: NDArray[np.float64],
    risk: float,
) -> NDArray[np.bool_]:
    """Tell of many shares at once what `surely_exceeds` tells of one.

    Args:
        hits: (...) how many trials hit.
        trials: (...) how many there were.
        limit: (...) shares, in [0, 1].
        risk: Chance, at most, of a wrong yes, for each.
    """
    import numpy as np  # noqa: PLC0415 - one share needs no arrays

    exceeds: NDArray[np.bool_] = np.asarray(hits > limit * trials)
    if exceeds.any():
        from scipy.special import bdtrc  # noqa: PLC0415 - heavy, and most minutes never need it

        exceeds[exceeds] = (
            bdtrc(hits[exceeds] - 1, trials[exceeds].astype(np.int64), limit[exceeds]) < risk
        )
    return exceeds


_MOST_EXACT = 2000  # trials whose whole numbers of ways are still cheap to work out


def chance_of_so_many(hits: float, trials: float, other_hits: float, other_trials: float) -> float:
    """Give the chance of at least so many hits of all hits, when both shares are equal.

    Source: one-sided exact test of Fisher, Journal of the Royal Statistical Society 98, 1935.

    Args:
        hits: How many trials hit, a whole number.
        trials: How many there were.
        other_hits: Of the other group, likewise.
        other_trials: How many that had.
    """
    mine, others, all_hits = int(trials), int(other_trials), int(hits + other_hits)
    ways = range(int(hits), min(mine, all_hits) + 1)
    if mine + others > _MOST_EXACT:
        return _chance_by_logs(ways, mine, others, all_hits)
    reached = sum(math.comb(mine, each) * math.comb(others, all_hits - each) for each in ways)
    return reached / math.comb(mine + others, all_hits)


def _chance_by_logs(ways: range, mine: int, others: int, all_hits: int) -> float:
    """Give the chance that the hits of `mine` trials are one of `ways`, to ten digits."""
    import numpy as np  # noqa: PLC0415 - small counts need no arrays
    from scipy.special import gammaln  # noqa: PLC0415 - heavy, and most minutes never need it

    def log_choose(n: int, k: NDArray[np.int64]) -> NDArray[np.float64]:
        inside = (k >= 0) & (k <= n)
        k = np.where(inside, k, 0)
        choices: NDArray[np.float64] = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
        return np.where(inside, choices, -np.inf)

    each = np.arange(ways.start, ways.stop)
    logs = log_choose(mine, each) + log_choose(others, all_hits - each)
    return float(np.exp(logs - log_choose(mine + others, np.array([all_hits]))).sum())
