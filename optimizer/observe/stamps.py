"""Stamps: what a gateway writes on a call, and the signature that proves who wrote it.

The attribute `llm.optimizer.signature` holds an HMAC-SHA256, 64 lower-case hexadecimal digits,
under the installation's key (its UTF-8 bytes). What is signed is, one behind the other,

    the text `llm-optimizer stamp 1`, then tenant, route, arm, cell, revision, slot,

each of the seven as the length of its UTF-8 bytes (four bytes, the greatest first) and those bytes.
So no two stamps are signed alike. Names are signed as telemetry is read: without blanks around
them, cut after 128 characters, `-` for what cannot be printed. Numbers are written in decimal. What
is not stamped is empty, a revision 0, a slot -1. The tenant is whoever owns the telemetry by its
source, and the route is the text as it is stamped, whether of one, two or three parts.

A signature proves that whoever holds the key stamped these values together. It does not say for
which call: a producer that sees a signed stamp can write it on other calls of its tenant.
"""

from __future__ import annotations

import hmac
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from optimizer.observe.aliases import ALIASES
from optimizer.observe.values import clean, first, text, whole
from optimizer.observe.words import as_slot
from optimizer.settings import StampCheck

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.observe.values import Value
    from optimizer.observe.words import Words

FORM = "llm-optimizer stamp 1"
_LENGTH_BYTES = 4


class Stamp(NamedTuple):
    """What a gateway stamps on a call.

    Attributes:
        tenant: Who owns the call; not stamped, but signed.
        route: The route, of one, two or three parts.
        arm: The arm that was assigned.
        cell: The cell the call was found in; `""` without one.
        revision: The revision of the document that assigned it; 0 without one.
        slot: The slot of 200 that its unit fell into; -1 without one.
    """

    tenant: str
    route: str
    arm: str
    cell: str = ""
    revision: int = 0
    slot: int = -1


class Proof(IntEnum):
    """What a call's signature says of its stamp."""

    SOUND = 0  # rightly signed, or there is no stamp, or nobody asks
    UNSIGNED = 1
    BADLY_SIGNED = 2


def sign(key: str, stamp: Stamp) -> str:
    """Give the signature of a stamp: 64 hexadecimal digits."""
    fields = (FORM, *(clean(name) for name in stamp[:4]), str(stamp.revision), str(stamp.slot))
    content = b"".join(
        len(field).to_bytes(_LENGTH_BYTES, "big") + field
        for field in (name.encode() for name in fields)
    )
    return hmac.digest(key.encode(), content, "sha256").hex()


def is_signed(key: str, stamp: Stamp, signature: str) -> bool:
    """Tell whether a signature is a stamp's; the time it takes tells nothing of the right one."""
    return hmac.compare_digest(sign(key, stamp).encode(), signature.encode(errors="replace"))


class StampReader:
    """Takes the stamps of a source's calls, or does not.

    Args:
        check: What becomes of stamps by their signature.
        key: What they are signed with; it must be there unless `check` is off.
    """

    def __init__(self, check: StampCheck = StampCheck.OFF, key: str | None = None) -> None:
        self.checks = check is not StampCheck.OFF
        self._required = check is StampCheck.REQUIRED
        self._key = key or ""

    def read(
        self,
        words: Words,
        tenant: str,
        attributes: Mapping[str, Value],
        resource: Mapping[str, Value],
    ) -> tuple[Words, Proof]:
        """Check the stamp of a call, where that is asked for.

        Returns:
            The call's words, with its own slot where it has one, and without a stamp where that
            is not taken; and what its signature says.
        """
        if not self.checks:
            return words, Proof.SOUND
        slot = as_slot(first(attributes, ALIASES["slot"], whole))
        words = words._replace(slot=words.slot if slot < 0 else slot)
        stamp = Stamp(tenant, words.route, words.arm, words.cell, words.revision, words.slot)
        proof = self._proof(stamp, _signature(attributes) or _signature(resource))
        if proof is Proof.BADLY_SIGNED or (proof is Proof.UNSIGNED and self._required):
            words = words._replace(route="", arm="", cell="", revision=0, slot=-1)
        return words, proof

    def _proof(self, stamp: Stamp, signature: str) -> Proof:
        if stamp == Stamp(stamp.tenant, "", ""):
            return Proof.SOUND
        if not signature:
            return Proof.UNSIGNED
        return Proof.SOUND if is_signed(self._key, stamp, signature) else Proof.BADLY_SIGNED


def _signature(values: Mapping[str, Value]) -> str:
    return first(values, ALIASES["signature"], text) or ""
