"""Attribute values out of undecoded `AnyValue` bytes."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimizer.observe.values import Value

TEXT, TRUTH, WHOLE, REAL = 0x0A, 0x10, 0x18, 0x21  # tags: field number and wire type
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_KINDS = range(1, 8)  # field numbers of the values: the last three are lists, maps and bytes


def any_value(raw: bytes) -> Value:
    """Read a scalar value.

    Of several values in one the last counts, as protobuf has it. A damaged one is read as far as
    it goes, its missing bytes as zeros, for the columns of the fast path are padded like that.

    Returns:
        None for a list, a map, bytes, or nothing.
    """
    value: Value = None
    position = 0
    while position < len(raw) and raw[position]:
        tag, position = _varint(raw, position)
        wire, length = tag & 7, 0
        if wire == _VARINT:
            number, position = _varint(raw, position)
        elif wire == _LENGTH:
            length, position = _varint(raw, position)
        elif wire in {_FIXED64, _FIXED32}:
            length = 8 if wire == _FIXED64 else 4
        else:
            return value
        content = raw[position : position + length]
        position += length
        if tag == TEXT:
            value = content.decode(errors="replace")
        elif tag == REAL:
            value = struct.unpack("<d", content.ljust(8, b"\0"))[0]
        elif tag == TRUTH:
            value = bool(number)
        elif tag == WHOLE:
            value = number - (1 << 64) if number >> 63 else number
        elif tag >> 3 in _KINDS:
            value = None
    return value


def _varint(raw: bytes, position: int) -> tuple[int, int]:
    """Read a varint of up to 64 bits and the position after it."""
    number = shift = 0
    while position < len(raw) and shift < 70:
        byte = raw[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
    return number & 0xFFFF_FFFF_FFFF_FFFF, position
