"""How much counts of failures prove, however often one looks: e-processes for two proportions.

Each takes what single windows gave: hits and trials of the candidate and of the control beside it.
A log e-value of all windows is the sum over them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ODDS = np.array((1.3, 1.7, 2.3, 3.5, 6.0, 12.0))  # alternatives mixed by `conditional_odds`
_LEAST = 1e-9  # no rate is taken for less, nor for more than one less this
_HALVINGS = 44  # of an interval of at most 1: leaves an error of 1e-13


class Block(NamedTuple):
    """What one window of each rollout gave.

    Attributes:
        hits: (...) candidate's bad calls.
        trials: (...) candidate's calls.
        control_hits: (...) control's bad calls.
        control_trials: (...) control's calls.
    """

    hits: Floats
    trials: Floats
    control_hits: Floats
    control_trials: Floats


def conditional_odds(block: Block) -> Floats:
    """Give the log likelihood ratio of each odds ratio in `ODDS` over "no worse".

    Given all hits of a window, the candidate's are hypergeometric when both rates are equal; a
    binomial share dominates that, so no rate of hits needs to be known and an incident that hits
    both arms cancels.

    Source: conditional form, Lindon and Malek, arXiv 2011.03567, 2020; binomial over
    hypergeometric, Hoeffding, JASA 58, 1963, theorem 4.

    Args:
        block: The window; (...) each.

    Returns:
        (..., len(ODDS)); 0 where an arm has no calls.
    """
    total = block.trials + block.control_trials
    share = block.trials / np.maximum(total, 1)
    hits = block.hits + block.control_hits
    tilted = np.log1p(share[..., None] * (ODDS - 1))
    both = (block.trials > 0) & (block.control_trials > 0)
    ratio: Floats = block.hits[..., None] * np.log(ODDS) - hits[..., None] * tilted
    return np.where(both[..., None], ratio, 0.0)


def non_inferiority(block: Block, rate: Floats, margin: Floats) -> Floats:
    """Give the log e-value against "the candidate's rate is at least the control's plus a margin".

    The alternative is that both have `rate`, which must come from earlier windows. The null's point
    is the one nearest to it in the sense of Kullback and Leibler. Clean windows count too.

    Source: Turner, Ly and Gruenwald, arXiv 2106.02693, 2021, theorem 1; Turner and Gruenwald,
    arXiv 2302.11401, 2023, for the point of a null given by a difference.

    Args:
        block: The window; (...) each.
        rate: (...) the rate of both under the alternative.
        margin: (...) the margin, above 0.
    """
    rate = np.clip(rate, _LEAST, 1 - _LEAST)
    nearest = _nearest(block, rate, rate, margin)
    return _log_ratio(block, (rate, rate), nearest, margin)


def inferiority(block: Block, rate: Floats, worse: Floats, margin: Floats) -> Floats:
    """Give the log e-value against "the candidate's rate is at most the control's plus a margin".

    Source: as `non_inferiority`.

    Args:
        block: The window; (...) each.
        rate: (...) the control's rate under the alternative, from earlier windows.
        worse: (...) how much higher the candidate's is under the alternative; above the margin.
        margin: (...) the margin, at least 0.
    """
    rate = np.clip(rate, _LEAST, 1 - _LEAST)
    other = np.minimum(rate + worse, 1 - _LEAST)
    nearest = _nearest(block, other, rate, margin)
    return np.where(other > rate + margin, _log_ratio(block, (other, rate), nearest, margin), 0.0)


def _nearest(block: Block, rate: Floats, control_rate: Floats, margin: Floats) -> Floats:
    """Find the control's rate of the point of the null nearest to the alternative, by bisection.

    The divergence is convex in it; where its slope is below 0 the point lies higher.
    """
    ends = rate - margin, control_rate
    low = np.maximum(np.minimum(*ends), _LEAST)
    high = np.maximum(np.minimum(np.maximum(*ends), 1 - margin - _LEAST), low)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        moved = np.minimum(middle + margin, 1 - _LEAST)
        slope = block.trials * (moved - rate) / (moved * (1 - moved))
        slope += block.control_trials * (middle - control_rate) / (middle * (1 - middle))
        low, high = np.where(slope < 0, middle, low), np.where(slope < 0, high, middle)
    return 0.5 * (low + high)


def _log_ratio(
    block: Block, told: tuple[Floats, Floats], nearest: Floats, margin: Floats
) -> Floats:
    """Give the log likelihood ratio of the told rates over those of the null's point."""
    rate, control_rate = told
    moved = np.minimum(nearest + margin, 1 - _LEAST)
    ratio: Floats = block.hits * np.log(rate / moved)
    ratio += (block.trials - block.hits) * np.log((1 - rate) / (1 - moved))
    ratio += block.control_hits * np.log(control_rate / nearest)
    ratio += (block.control_trials - block.control_hits) * np.log(
        (1 - control_rate) / (1 - nearest)
    )
    both = (block.trials > 0) & (block.control_trials > 0)
    return np.where(both, ratio, 0.0)
