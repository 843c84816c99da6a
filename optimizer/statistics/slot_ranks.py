"""Whether slots chosen by chance are emptier than the rest: an exact randomisation test.

Which slots an arm owns was decided by a hash, so if the arm changes nothing its slots are a random
subset, however heavy-tailed traffic is. The test counts how many of them reach a level that depends
on all slots together, which is hypergeometric.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

# Levels: "has any", and quantiles of all slots. Two of 200 slots that stay empty are found by the
# first alone, so it has the greater part of the risk; ten that are half as full, by the others.
_SHARES = (0.1, 0.25, 0.5)
_PARTS = np.array((0.6, *(0.4 / len(_SHARES),) * len(_SHARES)))


def chance_of_so_little(values: Floats, chosen: Bools) -> Floats:
    """Give the p-value of "the chosen slots hold no less than the others".

    Source: Fisher, "The Design of Experiments", 1935, section 21, on hypergeometric counts; several
    levels share the risk by weighted Bonferroni, Genovese, Roeder and Wasserman, Biometrika 93,
    2006.

    Args:
        values: (n, slots) what each slot holds, at least 0.
        chosen: (n, slots) whose slots are asked about.

    Returns:
        (n,), at most 1.
    """
    levels = _levels(values)
    reaching = values[:, None, :] >= levels[:, :, None]
    hits = (reaching & chosen[:, None, :]).sum(-1)
    chances = _at_most(hits, reaching.sum(-1), chosen.sum(-1)[:, None], values.shape[-1])
    best: Floats = np.min(chances / _PARTS, axis=-1)
    return np.minimum(best, 1.0)


def _levels(values: Floats) -> Floats:
    """Give (n, levels) the levels of each row; never below the least that counts as any."""
    least = np.nextafter(0.0, 1.0)
    ordered = np.sort(values, axis=-1)
    places = [int(share * values.shape[-1]) for share in _SHARES]
    any_ = np.full((len(values), 1), least)
    levels: Floats = np.concatenate((any_, np.maximum(ordered[:, places], least)), axis=-1)
    return levels


def _at_most(
    hits: NDArray[np.int64], marked: NDArray[np.int64], drawn: NDArray[np.int64], slots: int
) -> Floats:
    """Give the chance that `drawn` of the slots hold at most so many of the marked ones."""
    log_factorial = np.concatenate((np.zeros(1), np.cumsum(np.log(np.arange(1, slots + 1)))))

    def log_choose(n: NDArray[np.int64], k: NDArray[np.int64]) -> Floats:
        inside = (k >= 0) & (k <= n)
        k = np.where(inside, k, 0)
        value = log_factorial[n] - log_factorial[k] - log_factorial[n - k]
        return np.where(inside, value, -np.inf)

    each = np.arange(slots + 1)
    marked, drawn = marked[..., None], drawn[..., None]
    terms = log_choose(marked, each) + log_choose(slots - marked, drawn - each)
    terms = np.where(each <= hits[..., None], terms - log_choose(np.full(1, slots), drawn), -np.inf)
    total: Floats = np.exp(terms).sum(-1)
    return total
