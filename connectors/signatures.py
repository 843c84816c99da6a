"""Signatures of webhooks: whether what was sent is what arrived."""

from __future__ import annotations

import hashlib
import hmac

import msgspec

from connectors.members import raw_members
from optimizer.errors import DecodeFailed


def check_signature(body: bytes, key: str) -> None:
    """Check a webhook's signature: HMAC-SHA256 of its compact JSON before it was signed.

    Raises:
        DecodeFailed: It has none, or another one than the key gives.
    """
    members = raw_members(body)
    try:
        signature = msgspec.json.decode(members.pop("signature", b"null"), type=str)
    except msgspec.DecodeError as error:
        raise DecodeFailed("bad_signature", "it is not signed (sentinel.webhook_key)") from error
    signed = b",".join(msgspec.json.encode(name) + b":" + raw for name, raw in members.items())
    compact = msgspec.json.format(b"{" + signed + b"}", indent=-1)
    wanted = hmac.new(key.encode(), compact, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted.encode(), signature.strip().lower().encode()):
        raise DecodeFailed("bad_signature", "sentinel.webhook_key gives another one")
