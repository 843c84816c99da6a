"""Call ids: 64 bits of a trace id and a span id."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]

TRACE_ID_BYTES = 16
SPAN_ID_BYTES = 8

_MULTIPLIERS = tuple(
    np.uint64(odd) for odd in (0x9E3779B97F4A7C15, 0xD1B54A32D192ED03, 0xABC98388FB8FAC03)
)
_HALF = np.uint64(32)
_FINISH = [
    (np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)),
    (np.uint64(27), np.uint64(0x94D049BB133111EB)),
]


def call_ids(ids: Words) -> Words:
    """Mix ids into one word each.

    Args:
        ids: (n, 3), both halves of the trace id and the span id, little-endian words.

    Returns:
        (n,) the words taken in one after the other, each times an odd multiplier, finished as
        SplitMix64 does; never 0.

    Source: Steele, Lea and Flood (2014), Fast splittable pseudorandom number generators, figure 16.
    """
    first, second, third = _MULTIPLIERS
    mixed: Words = ids[:, 0] * first
    for column, multiplier in ((1, second), (2, third)):
        mixed ^= mixed >> _HALF  # or ids that count up together would cancel out
        mixed += ids[:, column]
        mixed *= multiplier
    for shift, multiplier in _FINISH:
        mixed ^= mixed >> shift
        mixed *= multiplier
    mixed ^= mixed >> np.uint64(31)
    mixed[mixed == 0] = 1
    return mixed


def owner_word(tenant: str) -> int:
    """Give a word for a tenant, of 63 bits, above 0."""
    digest = hashlib.blake2b(tenant.encode(errors="replace"), digest_size=8).digest()
    return (int.from_bytes(digest, "little") >> 1) | 1


def owned(ids: Words, owners: Words) -> Words:
    """Tell the calls of one owner from those of others that have their ids; 0 is no owner."""
    told_apart: Words = np.maximum(ids ^ owners, np.uint64(1))
    return told_apart
