"""Seeded randomness: independent streams by name, and hashes of integers."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]


def stream(seed: int, *names: str) -> np.random.Generator:
    """Give the random stream of a purpose.

    Streams of different names are independent, so drawing more for one purpose changes no other:
    a world with an incident equals the world without it wherever the incident does not reach.
    """
    key = tuple(zlib.crc32(name.encode()) for name in names)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def name_hash(name: str) -> int:
    """Give 32 bits of a name, the same on every machine."""
    return zlib.crc32(name.encode())


def mixed(*values: NDArray[np.int64] | int) -> Hashes:
    """Hash one or several integers a row to 64 bits.

    Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014 (the
    finalizer of SplitMix64), chained over the values.
    """
    state = np.zeros(1, np.uint64)
    for value in values:
        with np.errstate(over="ignore"):  # wrapping around is what the hash is made of
            row = np.atleast_1d(np.asarray(value)).astype(np.int64).view(np.uint64)
            state = (state ^ row) + np.uint64(0x9E3779B97F4A7C15)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            state ^= state >> np.uint64(31)
    return state
