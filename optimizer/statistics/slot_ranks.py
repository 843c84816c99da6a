"""Whether slots chosen by chance hold less than the rest: randomisation tests.

Which slots an arm owns was decided by a hash, so if the arm changes nothing its slots are a random
subset, however heavy-tailed traffic is. Two tests share the risk: how many of the slots hold
anything at all, which is hypergeometric, and where they rank among all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

# Two of 200 slots that stay empty are found by the first test alone, and only just: their chance is
# one in 19,900. So it has the greater part of the risk.
_PART_OF_ANY, _PART_OF_RANKS = 0.6, 0.4
_TILTS = np.geomspace(0.5, 200.0, 40)


def chance_of_so_little(values: Floats, chosen: Bools) -> Floats:
    """Give a p-value of "the chosen slots hold no less than the others".

    Source: weighted Bonferroni, Genovese, Roeder and Wasserman, Biometrika 93, 2006.

    Args:
        values: (n, slots) what each slot holds, at least 0.
        chosen: (n, slots) whose slots are asked about; some, and not all.

    Returns:
        (n,), at most 1.
    """
    empty = chance_of_so_few(values > 0, chosen) / _PART_OF_ANY
    low = chance_of_such_ranks(values, chosen) / _PART_OF_RANKS
    return np.minimum(np.minimum(empty, low), 1.0)


def chance_of_so_few(marked: Bools, chosen: Bools) -> Floats:
    """Give the chance that no more of the chosen slots are marked, were they chosen by chance.

    Source: hypergeometric distribution, Fisher, "The Design of Experiments", 1935, section 21.

    Args:
        marked: (n, slots) which slots are.
        chosen: (n, slots) which are asked about.
    """
    slots = marked.shape[-1]
    hits = (marked & chosen).sum(-1)[:, None]
    all_marked, drawn = marked.sum(-1)[:, None], chosen.sum(-1)[:, None]
    each = np.arange(slots + 1)
    terms = _log_choose(all_marked, each) + _log_choose(slots - all_marked, drawn - each)
    terms -= _log_choose(np.full(1, slots), drawn)
    chance: Floats = np.exp(np.where(each <= hits, terms, -np.inf)).sum(-1)
    return chance


def _log_choose(n: Ints, k: Ints) -> Floats:
    """Give the log of how many ways there are to take k of n; minus infinity for none."""
    most = int(max(n.max(), 1))
    log_factorial = np.concatenate((np.zeros(1), np.cumsum(np.log(np.arange(1, most + 1)))))
    inside = (k >= 0) & (k <= n)
    k = np.where(inside, k, 0)
    ways: Floats = log_factorial[n] - log_factorial[k] - log_factorial[n - k]
    return np.where(inside, ways, -np.inf)


def chance_of_such_ranks(values: Floats, chosen: Bools) -> Floats:
    """Bound the chance that the chosen slots rank so low, were they chosen by chance.

    An exponential bound on the mean rank of as many slots drawn with replacement; drawing without
    it varies less. That the chosen rank low is that the others rank high, so the better of both
    bounds is taken.

    Source: Hoeffding, JASA 58, 1963, theorem 4 with section 2.

    Args:
        values: (n, slots) what each slot holds; equal ones share their mean rank.
        chosen: (n, slots) which are asked about.
    """
    ranks = _ranks(values)
    return np.minimum(_tail(ranks, chosen), _tail(1 - ranks, ~chosen))


def _tail(ranks: Floats, chosen: Bools) -> Floats:
    """Bound the chance that the mean of so many ranks is no higher."""
    drawn = chosen.sum(-1)
    mean = (ranks * chosen).sum(-1) / np.maximum(drawn, 1)
    tilted = np.log(np.exp(-_TILTS[:, None] * (ranks - mean[:, None])[:, None]).mean(-1))
    bound: Floats = np.exp(np.minimum(tilted.min(-1), 0.0) * drawn)
    return bound


def _ranks(values: Floats) -> Floats:
    """Give (n, slots) ranks between 0 and 1, the mean of their places for equal values."""
    slots = values.shape[-1]
    order = np.argsort(values, axis=-1, kind="stable")
    ordered = np.take_along_axis(values, order, axis=-1)
    first = np.ones_like(ordered, np.bool_)
    first[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    places = np.arange(slots)
    start = np.maximum.accumulate(np.where(first, places, 0), axis=-1)
    last = np.ones_like(first)
    last[:, :-1] = first[:, 1:]
    end = np.minimum.accumulate(np.where(last, places, slots)[:, ::-1], axis=-1)[:, ::-1]
    ranks = np.empty_like(values)
    np.put_along_axis(ranks, order, ((start + end) / 2 + 0.5) / slots, axis=-1)
    return ranks
