"""Integer arrays as few bytes: what is small most of the time takes one byte each."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

_ESCAPE = 255
_HEAD = struct.Struct("<II")


def pack(values: Ints) -> bytes:
    """Pack whole numbers from 0 on: one byte each, nine for those from 255 on."""
    large = np.flatnonzero((values >= _ESCAPE) | (values < 0))
    small = values.astype(np.uint8)
    small[large] = _ESCAPE
    return _HEAD.pack(len(small), len(large)) + small.tobytes() + values[large].tobytes()


def unpack(packed: bytes) -> Ints:
    """Give back what `pack` was given."""
    count, escaped = _HEAD.unpack_from(packed)
    values = np.frombuffer(packed, np.uint8, count, _HEAD.size).astype(np.int64)
    if escaped:
        values[values == _ESCAPE] = np.frombuffer(packed, np.int64, escaped, _HEAD.size + count)
    return values


def pack_rising(values: Ints) -> bytes:
    """Pack numbers that never fall: small steps take one byte each."""
    return pack(np.diff(values, prepend=np.int64(0)))


def unpack_rising(packed: bytes) -> Ints:
    """Give back what `pack_rising` was given."""
    values: Ints = np.cumsum(unpack(packed))
    return values


def pack_table(table: Ints) -> bytes:
    """Pack a (rows, columns) table: each column takes as many bytes as its largest number."""
    parts = [_HEAD.pack(*table.shape)]
    for column in table.T:
        kind = _narrowest(column)
        parts += [kind.encode(), column.astype(kind).tobytes()]
    return b"".join(parts)


def unpack_table(packed: bytes) -> Ints:
    """Give back what `pack_table` was given."""
    rows, columns = _HEAD.unpack_from(packed)
    table = np.zeros((rows, columns), np.int64)
    at = _HEAD.size
    for column in range(columns):
        kind = np.dtype(packed[at : at + 2].decode())
        table[:, column] = np.frombuffer(packed, kind, rows, at + 2)
        at += 2 + rows * kind.itemsize
    return table


def _narrowest(column: Ints) -> str:
    if not len(column) or column.min() < 0:
        return "i8"
    largest = int(column.max())
    return next((kind for kind in ("u1", "u2", "u4") if largest <= np.iinfo(kind).max), "i8")
