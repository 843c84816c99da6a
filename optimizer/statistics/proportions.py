"""What a share of so many calls proves: exact bounds for binomial proportions."""

from __future__ import annotations


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
