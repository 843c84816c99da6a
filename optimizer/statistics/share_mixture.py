"""Whether calls come at the commanded share, however often one looks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# What the true share may be of the commanded one, when it is wrong.
FACTORS = np.array((0.02, 0.25, 0.5, 0.75, 0.9, 1.1, 1.33, 2.0, 4.0))
_MOST = 0.99


def log_ratios(calls: Floats, other_calls: Floats, share: Floats) -> Floats:
    """Give the log likelihood ratio of each wrong share over the commanded one.

    Calls must be assigned one by one: calls of one user who sticks to an arm prove too much.

    Source: Lindon and Malek, arXiv 2011.03567, 2020, with a mixture over a grid of points.

    Args:
        calls: (...) of the candidate.
        other_calls: (...) of the others.
        share: (...) commanded share of the candidate, in (0, 1).

    Returns:
        (..., len(FACTORS)).
    """
    wrong = np.minimum(share[..., None] * FACTORS, _MOST)
    right = share[..., None]
    ratio: Floats = calls[..., None] * np.log(wrong / right)
    ratio += other_calls[..., None] * np.log((1 - wrong) / (1 - right))
    return ratio
