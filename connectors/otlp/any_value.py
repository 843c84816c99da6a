"""Attribute values out of undecoded `AnyValue` bytes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimizer.observe.values import Value

TEXT, TRUTH, WHOLE, REAL = 0x0A, 0x10, 0x18, 0x21  # tags: field number and wire type
_TEXT = bytes((TEXT,))
_VALUES = range(1, 8)  # field numbers; the last three are lists, maps and bytes
_BY_LENGTH = 2
# Bytes of a field by wire type; those without a fixed length are read, groups end it all.
_LENGTHS = {1: 8, 3: -1, 4: -1, 5: 4, 6: -1, 7: -1}
_LOW_BITS = 0x7F


def any_value(raw: bytes) -> Value:
    """Read a scalar value.

    Of several values in one the last counts, as protobuf has it. A damaged one is read as far as
    it goes, its missing bytes as zeros, for the columns of the fast path are padded like that.

    Returns:
        None for a list, a map, bytes, or nothing.
    """
    if raw[:1] == _TEXT:
        size, start = _varint(raw, 1)
        if start + size == len(raw):  # nothing but a text, as nearly always
            return raw[start:].decode(errors="replace")
    value: Value = None
    position = 0
    while position < len(raw) and raw[position]:
        tag, position = _varint(raw, position)
        number = 0
        length = _LENGTHS.get(tag & 7)
        if length is None:
            number, position = _varint(raw, position)
            length = number if tag & 7 == _BY_LENGTH else 0
        elif length < 0:
            break
        content = raw[position : position + length]
        position += length
        if tag >> 3 in _VALUES:
            value = _scalar(tag, content, number)
    return value


def _scalar(tag: int, content: bytes, number: int) -> Value:
    if tag == TEXT:
        return content.decode(errors="replace")
    if tag == REAL:
        (real,) = struct.unpack("<d", content.ljust(8, b"\0"))
        return float(real)
    if tag == TRUTH:
        return bool(number)
    return number - (number >> 63 << 64) if tag == WHOLE else None


def _varint(raw: bytes, position: int) -> tuple[int, int]:
    """Read a varint of up to 64 bits and the position after it."""
    number = 0
    for shift in range(0, 70, 7):
        byte = raw[position] if position < len(raw) else 0
        position += 1
        number |= (byte & _LOW_BITS) << shift
        if byte <= _LOW_BITS:
            break
    return number & 0xFFFF_FFFF_FFFF_FFFF, position
