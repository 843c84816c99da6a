"""Numbers out of undecoded attribute values, whole columns at a time.

A value is one of: absent; plain, which is read here; odd, which is left to the reference reading
(text, a negative or a huge number, an unusual encoding).
"""

from __future__ import annotations

from itertools import chain, compress
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

import numpy as np

from connectors.otlp.any_value import REAL, WHOLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Raws = Sequence[Sequence[bytes]]

Number = TypeVar("Number", np.int64, np.float64)

MAX_WHOLE = (1 << 28) - 1
MAX_REAL = 86_400.0  # a day, as seconds; and much money

# The first bytes of a value, missing ones zero: its tag, a varint of up to four bytes or a double,
# and one more, which is zero unless something follows.
_WHOLE = np.dtype([("tag", "u1"), ("content", "<u4"), ("rest", "u1")])
_REAL = np.dtype([("tag", "u1"), ("content", "<f8"), ("rest", "u1")])
_MORE = np.uint32(0x80808080)  # in each byte of a varint, the bit that says it goes on


class Numbers(NamedTuple, Generic[Number]):
    """Columns of numbers.

    Attributes:
        values: For each column the plain ones, -1 where one is absent or odd; None for a column
            without any value.
        odd: (rows,) where the reference reading must be asked.
    """

    values: list[NDArray[Number] | None]
    odd: NDArray[np.bool_]

    def first(self, columns: Sequence[int]) -> NDArray[Number] | None:
        """Give, for each row, the first of some columns that is not absent there; -1 for none."""
        found = None
        for values in (self.values[column] for column in columns):
            if found is None:
                found = values
            elif values is not None:
                found = np.where(found < 0, values, found)
        return found


def wholes(parts: Sequence[Raws], rows: int) -> Numbers[np.int64]:
    """Read whole numbers below 2**28.

    Args:
        parts: The same columns of undecoded values for some rows, then for more rows.
        rows: How many rows the parts have together.
    """
    told = _told(parts)
    first = _first_bytes(parts, told, rows, _WHOLE)
    tag, content = first["tag"], first["content"]
    stop = ~content & _MORE
    stop &= -stop  # the lowest of them ends the number
    kept = content & (stop + stop - np.uint32(1))
    # Whatever stands behind the number makes it odd, and so does a number that does not end.
    plain = (tag == WHOLE) & (kept == content) & (first["rest"] == 0)
    pairs = (kept & 0x7F007F) | (kept & 0x7F007F00) >> 1  # seven bits of each byte, two by two
    value = (pairs & 0x3FFF) | (pairs & 0x3FFF0000) >> 2
    return _numbers(told, np.where(plain, value, np.int64(-1)), (tag != 0) & ~plain)


def reals(parts: Sequence[Raws], rows: int) -> Numbers[np.float64]:
    """Read doubles from 0 to `MAX_REAL`, all others (and NaN) are odd; arguments as `wholes`."""
    told = _told(parts)
    first = _first_bytes(parts, told, rows, _REAL)
    tag, content = first["tag"], first["content"]
    plain = (tag == REAL) & (content >= 0) & (content <= MAX_REAL) & (first["rest"] == 0)
    return _numbers(told, np.where(plain, content, -1.0), (tag != 0) & ~plain)


def _told(parts: Sequence[Raws]) -> list[bool]:
    """Tell of each column whether it has any value at all."""
    return [any(map(any, columns)) for columns in zip(*parts, strict=True)]


def _first_bytes(
    parts: Sequence[Raws], told: list[bool], rows: int, layout: np.dtype[np.void]
) -> NDArray[np.void]:
    """Give (columns told, rows) the first bytes of each value."""
    columns = compress(zip(*parts, strict=True), told)
    raws = chain.from_iterable(chain.from_iterable(columns))
    found = np.fromiter(raws, f"S{layout.itemsize}", sum(told) * rows)
    return found.view(layout).reshape(sum(told), rows)


def _numbers(told: list[bool], values: NDArray[Number], odd: NDArray[np.bool_]) -> Numbers[Number]:
    """Put the columns that are told in their places."""
    column = iter(values)
    return Numbers([next(column) if is_told else None for is_told in told], np.any(odd, axis=0))
