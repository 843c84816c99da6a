"""Protobuf's wire format, written: just what a batch of spans is made of.

Source: Protocol Buffers documentation, "Encoding"; opentelemetry-proto, `common.proto`.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]

_SEVEN_BITS = 0x7F
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5

Value = str | bool | int | float | list[str]


def varint(number: int) -> bytes:
    """Encode a number that is at least 0."""
    groups = bytearray()
    while number > _SEVEN_BITS:
        groups.append(number & _SEVEN_BITS | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)


def tag(field: int, wire_type: int) -> bytes:
    """Encode what stands before a field's value."""
    return varint(field << 3 | wire_type)


def block(field: int, payload: bytes) -> bytes:
    """Encode a field of known length: a string, bytes, a message."""
    return tag(field, _LENGTH) + varint(len(payload)) + payload


def number(field: int, value: int) -> bytes:
    """Encode an integer, enum or bool field."""
    return tag(field, _VARINT) + varint(value)


def fixed32(field: int, value: int) -> bytes:
    """Encode a field of four bytes."""
    return tag(field, _FIXED32) + struct.pack("<I", value)


def before_fixed64(field: int) -> bytes:
    """Encode what stands before a field of eight bytes."""
    return tag(field, _FIXED64)


def any_value(value: Value) -> bytes:
    """Encode an AnyValue; integers are at least 0."""
    match value:
        case str():
            return block(1, value.encode())
        case bool():
            return number(2, int(value))
        case int():
            return number(3, value)
        case float():
            return before_fixed64(4) + struct.pack("<d", value)
        case list():
            return block(5, b"".join(block(1, any_value(item)) for item in value))


def attribute(field: int, key: str, value: Value) -> bytes:
    """Encode one attribute, as a KeyValue in the repeated `field`."""
    return block(field, block(1, key.encode()) + block(2, any_value(value)))


class IntegerAttributes(dict[int, bytes]):
    """The encoded attribute of each integer asked for so far; nothing for those below 0."""

    def __init__(self, field: int, key: str) -> None:
        super().__init__({-1: b""})
        self._field, self._key = field, key

    def __missing__(self, value: int) -> bytes:
        encoded = self[value] = attribute(self._field, self._key, value)
        return encoded


class Lengths(dict[int, bytes]):
    """What stands before a field of each length asked for so far."""

    def __init__(self, field: int) -> None:
        super().__init__()
        self._tag = tag(field, _LENGTH)

    def __missing__(self, length: int) -> bytes:
        encoded = self[length] = self._tag + varint(length)
        return encoded


def before_text(field: int, key: str, length: int) -> bytes:
    """Encode what stands before the text of a string attribute, `length` bytes long."""
    return attribute(field, key, "x" * length)[:-length]


def before_double(field: int, key: str) -> bytes:
    """Encode what stands before the eight bytes of a double attribute."""
    return attribute(field, key, 0.0)[:-8]


def little_endian(column: NDArray[np.int64] | NDArray[np.float64]) -> Bytes:
    """Give the eight bytes of each number, `(n, 8)`."""
    return column.astype(column.dtype.newbyteorder("<")).view(np.uint8).reshape(-1, 8)


_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


def hexadecimal(octets: Bytes) -> Bytes:
    """Give lower-case hexadecimal text, `(n, 2k)` for `(n, k)`."""
    digits = np.stack((_HEX[octets >> 4], _HEX[octets & 15]), axis=-1)
    return digits.reshape(len(octets), -1)


def rows(count: int, *parts: bytes | Bytes) -> list[bytes]:
    """Put parts side by side: constants, and `(count, k)` bytes that differ from row to row."""
    wide = [
        np.broadcast_to(np.frombuffer(part, np.uint8), (count, len(part)))
        if isinstance(part, bytes)
        else part
        for part in parts
    ]
    table = np.concatenate(wide, axis=1)
    rows_of_bytes: list[bytes] = table.view(f"V{table.shape[1]}")[:, 0].tolist()
    return rows_of_bytes
