"""Whether slots chosen by chance hold at least a part of what the others hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.statistics.normal_mixture import log_half_normal_mixture, normal_deviate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


def log_holding_enough(counts: Floats, chosen: Bools, lost: Floats) -> Floats:
    """Give the log e-value against "the chosen slots lose at least this part of their calls".

    Of the mean of the chosen less the part of the others' mean that would be left; its variance
    follows from the other slots. Calls that are lost one by one leave the rest more uneven, as a
    thinned Poisson count is.

    Source: Fieller, Journal of the Royal Statistical Society B 16, 1954, for a ratio of means;
    mixture as in `optimizer.statistics.normal_mixture`.

    Args:
        counts: (n, slots) calls of each.
        chosen: (n, slots) whose slots are asked about; some, but not nearly all.
        lost: (n,) the part, in (0, 1).

    Returns:
        (n,), 0 where either holds nothing.
    """
    mine, others = chosen.sum(-1), (~chosen).sum(-1)
    mean = (counts * chosen).sum(-1) / np.maximum(mine, 1)
    other_mean = (counts * ~chosen).sum(-1) / np.maximum(others, 1)
    known = (mean > 0) & (other_mean > 0) & (others > 1)
    mean, other_mean = np.where(known, mean, 1.0), np.where(known, other_mean, 1.0)
    squares = ((counts - other_mean[:, None]) ** 2 * ~chosen).sum(-1) / np.maximum(others - 1, 1)
    uneven = np.maximum(squares / other_mean**2, 1 / other_mean)
    ratio = mean / other_mean
    own = np.maximum(uneven + 1 / mean - 1 / other_mean, 1 / mean)
    own_part, others_part = own / np.maximum(mine, 1), uneven / np.maximum(others, 1)
    error = np.sqrt(ratio**2 * own_part + (1 - lost) ** 2 * others_part)
    deviate = normal_deviate((ratio - 1 + lost) / error, np.maximum(others - 1.0, 1.0))
    value = log_half_normal_mixture(deviate * error, error**2, lost)
    return np.where(known, value, 0.0)
