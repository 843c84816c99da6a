"""Numbers out of undecoded attribute values, a column at a time.

A value is one of: absent; plain, which is read here; odd, which is left to the reference reading
(text, a negative or a huge number, an unusual encoding).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from connectors.otlp.any_value import REAL, WHOLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Bools = NDArray[np.bool_]

_BYTE = np.uint64(0xFF)
_MORE = np.uint64(0x80808080808080)  # the bits that say a varint goes on, in seven bytes
_GROUPS = [(np.uint64(0x7F << 8 * place), np.uint64(place)) for place in range(7)]
_8, _56, _1 = np.uint64(8), np.uint64(56), np.uint64(1)


class Numbers(NamedTuple):
    """A column of numbers.

    Attributes:
        values: The plain ones; -1 where it is absent or odd.
        odd: Where the reference reading must be asked.
    """

    values: NDArray[np.int64] | NDArray[np.float64]
    odd: Bools


def wholes(raws: Sequence[Sequence[bytes]], rows: int) -> Numbers:
    """Read whole numbers up to 2**49.

    Args:
        raws: Columns of undecoded values by priority; the first that is not absent counts.
        rows: How many values a column holds.
    """
    found = Numbers(np.full(rows, -1, np.int64), np.zeros(rows, np.bool_))
    for low, high in map(_words, filter(any, raws)):
        tag, content = low & _BYTE, low >> _8
        stop = ~content & _MORE
        stop &= -stop  # the lowest of them ends the number
        rest = content & ~((stop << _1) - _1)
        plain = (tag == WHOLE) & (stop != 0) & (rest == 0) & (high == 0)
        value = content & _GROUPS[0][0]
        for mask, place in _GROUPS[1:]:
            value |= (content & mask) >> place
        found = _prefer(found, np.where(plain, value.view(np.int64), -1), (tag != 0) & ~plain)
    return found


def reals(raws: Sequence[Sequence[bytes]], rows: int) -> Numbers:
    """Read doubles; arguments as `wholes`. A negative one or NaN is odd."""
    found = Numbers(np.full(rows, -1.0), np.zeros(rows, np.bool_))
    for low, high in map(_words, filter(any, raws)):
        tag = low & _BYTE
        value = ((low >> _8) | (high << _56)).view(np.float64)
        plain = (tag == REAL) & (high >> _8 == 0) & (value >= 0)
        found = _prefer(found, np.where(plain, value, -1.0), (tag != 0) & ~plain)
    return found


def _words(raws: Sequence[bytes]) -> tuple[Words, Words]:
    """Give the first and second eight bytes of each value, missing ones as zeros."""
    words = np.array(raws, "S16").view("<u8").reshape(len(raws), 2)
    return words[:, 0], words[:, 1]


def _prefer(found: Numbers, values: NDArray[np.int64] | NDArray[np.float64], odd: Bools) -> Numbers:
    """Keep what was found before; fill in what was absent."""
    return Numbers(np.where(found.values < 0, values, found.values), found.odd | odd)
