"""Slots: which of the 200 a unit falls into, the same here as at every evaluator of flagd flags.

Source: flagd, "Harden Hashing Consistency ... in Fractional Evaluation" (architecture decision,
accepted 2026): the value that is bucketed is encoded as canonical CBOR, hashed with MurmurHash3
x86 32 bit, seed 0, and the hash scaled to the sum of the weights, `hash * weights >> 32`. Here the
value is the text salt + unit and the weights are 200 times one. So a document's targeting,
`fractional` over `{"cat": [salt, {"var": "targetingKey"}]}` with slots as weights, gives each unit
the arm that owns its slot.

Evaluators that agree: those of flagd's third fractional algorithm, such as openfeature-flagd-core
2.0 (openfeature-provider-flagd 0.6 on). The second one hashes the text without the CBOR head in
front (flagd core up to 0.17, its JavaScript core up to 4.0, openfeature-provider-flagd 0.4 and
0.5): its cohorts are as large, and nest as well, but hold other units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import mmh3

from optimizer.documents import SLOTS

if TYPE_CHECKING:
    from collections.abc import Iterable

_TEXT = 0x60  # CBOR's major type 3, a text, in the upper three bits
_IN_THE_HEAD = 24  # lengths below stand in the head's lower five bits
_LENGTHS = ((1 << 8, 24, 1), (1 << 16, 25, 2), (1 << 32, 26, 4))  # below, told by, in bytes


def slot_of(salt: str, unit: str) -> int:
    """Give the slot of a unit, in [0, 200).

    Args:
        salt: The document's.
        unit: What an assignment sticks to: the id of a conversation, a user or a call.
    """
    text = (salt + unit).encode(errors="replace")
    return mmh3.hash(_head(len(text)) + text, signed=False) * SLOTS >> 32


def slots_of(salt: str, units: Iterable[str]) -> list[int]:
    """Give the slots of many units, in their order."""
    return [slot_of(salt, unit) for unit in units]


def _head(length: int) -> bytes:
    """Give what CBOR puts in front of a text of so many bytes.

    Source: RFC 8949, section 3 and 4.2.1 (the shortest form).
    """
    if length < _IN_THE_HEAD:
        return bytes((_TEXT + length,))
    for beyond, told, size in _LENGTHS:
        if length < beyond:
            return bytes((_TEXT + told,)) + length.to_bytes(size, "big")
    raise ValueError(f"a unit of {length} bytes is too long")
