"""Call ids: 64 bits of a trace id and a span id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8


def call_ids(ids: Words) -> Words:
    """Mix ids into one word each.

    Args:
        ids: (n, 3), both halves of the trace id and the span id, little-endian words.

    Returns:
        (n,) h(h(h(a) ^ b) ^ c), never 0, where h finishes as SplitMix64 does.

    Source: Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, figure 16.
    """
    mixed = _finish(_finish(_finish(ids[:, 0]) ^ ids[:, 1]) ^ ids[:, 2])
    return mixed | (mixed == 0)


def _finish(word: Words) -> Words:
    word = word + np.uint64(0x9E3779B97F4A7C15)
    word = (word ^ (word >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    word = (word ^ (word >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return word ^ (word >> np.uint64(31))
