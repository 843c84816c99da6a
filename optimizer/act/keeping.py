"""Arrays as bytes and back, bit for bit; counts, which most are, take a byte each."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from optimizer.act.terms import Terms
from optimizer.statistics.packing import pack, unpack

if TYPE_CHECKING:
    from numpy.typing import NDArray

_COUNTS = "counts"  # floats that are whole numbers from 0 on
_MOST = 2.0**53


def keep(value: Any) -> list[tuple[str, bytes]]:
    """Give all arrays of a tree of dataclasses and tuples, in the order of their fields."""
    return [_kept(array) for array in _arrays(value)]


def fill(value: Any, kept: list[tuple[str, bytes]]) -> None:
    """Put kept arrays back into a tree of the same shape.

    Raises:
        ValueError: There are more or fewer arrays than the tree has, or one has another size.
    """
    for array, (kind, packed) in zip(_arrays(value), kept, strict=True):
        array[...] = _given_back(kind, packed).reshape(array.shape)


def _arrays(value: Any) -> list[NDArray[Any]]:
    match value:
        case np.ndarray():
            return [value]
        case tuple():
            return [array for part in value for array in _arrays(part)]
        case Terms():
            return []
        case _ if is_dataclass(value):
            parts = (getattr(value, field.name) for field in fields(value))
            return [array for part in parts for array in _arrays(part)]
        case _:
            return []


def _kept(array: NDArray[Any]) -> tuple[str, bytes]:
    if array.dtype == np.float64 and _are_counts(array):
        return _COUNTS, pack(array.ravel().astype(np.int64))
    return array.dtype.str, array.tobytes()


def _are_counts(array: NDArray[np.float64]) -> bool:
    whole = (array == np.floor(array)) & (array >= 0) & (array < _MOST) & ~np.signbit(array)
    return bool(whole.all())


def _given_back(kind: str, packed: bytes) -> NDArray[Any]:
    if kind == _COUNTS:
        return unpack(packed).astype(np.float64)
    return np.frombuffer(packed, np.dtype(kind))
