"""Proofs: that a file is whole, and who wrote it.

A file is its body with one member more at the end, `proof`: the SHA-256 of the body and, where a
key is configured, an Ed25519 signature of the body behind a line that says what it is. The body is
the file's bytes up to `,"proof":` and a closing brace, so nobody needs to write JSON anew to check
it.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.documents.rules import MOST_BYTES
from optimizer.errors import DocumentInvalid, SettingsInvalid

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCUMENT, LEASE = "llm-optimizer document 1\n", "llm-optimizer lease 1\n"
_MARK = b',"proof":'
_HEX = {"sha256": 64, "key": 16, "ed25519": 128}  # digits
_KEY = re.compile(r"[0-9a-fA-F]{64}")


class KeyPair(NamedTuple):
    """An Ed25519 key pair, each 64 hexadecimal digits."""

    private: str
    public: str


def new_key_pair() -> KeyPair:
    """Draw a key pair."""
    from cryptography.hazmat.primitives.asymmetric import (  # noqa: PLC0415 - only signers load it
        ed25519,
    )

    private = ed25519.Ed25519PrivateKey.generate()
    return KeyPair(private.private_bytes_raw().hex(), private.public_key().public_bytes_raw().hex())


def public_key_of(private: str) -> str:
    """Give the public key of a private one.

    Raises:
        SettingsInvalid: It is none.
    """
    public: bytes = _signer(private).public_key().public_bytes_raw()
    return public.hex()


def key_id(public: str) -> str:
    """Give the short name of a public key, 16 hexadecimal digits."""
    return hashlib.sha256(bytes.fromhex(public)).hexdigest()[: _HEX["key"]]


def check_public_keys(keys: Sequence[str]) -> tuple[str, ...]:
    """Give public keys in small letters.

    Raises:
        SettingsInvalid: One is none.
    """
    wrong = [key for key in keys if not _KEY.fullmatch(key)]
    if wrong:
        raise SettingsInvalid(
            [f"the public key {key[:80]!r}: must be 64 hexadecimal digits" for key in wrong]
        )
    return tuple(key.lower() for key in keys)


def digest_of(body: bytes) -> str:
    """Give the SHA-256 of a body, 64 hexadecimal digits."""
    return hashlib.sha256(body).hexdigest()


def seal(body: bytes, private: str | None = None, *, what: str = DOCUMENT) -> bytes:
    """Give the file of a body: a JSON object, one line.

    Args:
        body: A JSON object that is not empty.
        private: The key that signs; None leaves it unsigned.
        what: Stands before the body in what is signed.

    Raises:
        SettingsInvalid: The key is none.
    """
    proof = {"sha256": digest_of(body)}
    if private is not None:
        signer = _signer(private)
        proof["key"] = key_id(signer.public_key().public_bytes_raw().hex())
        proof["ed25519"] = signer.sign(what.encode() + body).hex()
    return body[:-1] + _MARK + json.dumps(proof, separators=(",", ":")).encode() + b"}\n"


def unseal(data: bytes, public_keys: Sequence[str] = (), *, what: str = DOCUMENT) -> bytes:
    """Give the body of a file.

    Args:
        data: The file.
        public_keys: Who may have signed it; empty when nobody asks.
        what: Stands before the body in what is signed.

    Raises:
        DocumentInvalid: It is torn, changed, too large, or not signed by one of these keys.
    """
    if len(data) > MOST_BYTES:
        raise DocumentInvalid([f"it has {len(data)} bytes: must be at most {MOST_BYTES}"])
    head, mark, tail = data.rpartition(_MARK)
    if not mark or not tail.endswith(b"}}\n"):
        raise DocumentInvalid(["it has no proof at its end: it is torn, or nobody published it"])
    body, proof = head + b"}", _proof(tail[: -len(b"}\n")])
    if proof["sha256"] != digest_of(body):
        raise DocumentInvalid(["its SHA-256 is not the one it claims: it is torn or was changed"])
    if public_keys and not _is_signed(what.encode() + body, proof, public_keys):
        raise DocumentInvalid([_unsigned(proof, public_keys)])
    return body


def _proof(text: bytes) -> dict[str, str]:
    try:
        proof: Any = json.loads(text)
    except ValueError:
        proof = None
    if not isinstance(proof, dict) or not _is_well_formed(proof):
        raise DocumentInvalid(["its proof is none: it is torn, or nobody published it"])
    return proof


def _is_well_formed(proof: dict[str, Any]) -> bool:
    return set(proof) in ({"sha256"}, set(_HEX)) and all(
        isinstance(value, str) and re.fullmatch(rf"[0-9a-f]{{{_HEX[name]}}}", value)
        for name, value in proof.items()
    )


def _is_signed(content: bytes, proof: dict[str, str], public_keys: Sequence[str]) -> bool:
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only who checks loads it
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415

    if "ed25519" not in proof:
        return False
    for public in public_keys:
        if key_id(public) != proof["key"]:
            continue
        key = ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(public))
        try:
            key.verify(bytes.fromhex(proof["ed25519"]), content)
        except InvalidSignature:
            return False
        return True
    return False


def _unsigned(proof: dict[str, str], public_keys: Sequence[str]) -> str:
    wanted = " or ".join(map(key_id, public_keys))
    if "ed25519" not in proof:
        return f"it is not signed: the key {wanted} must sign it"
    if proof["key"] not in map(key_id, public_keys):
        return f"it is signed with the key {proof['key']}: must be {wanted}"
    return f"its signature is not one of the key {proof['key']}: it was changed"


def _signer(private: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric import ed25519  # noqa: PLC0415 - only signers

    if not _KEY.fullmatch(private):
        way_out = "as `llm-optimizer documents keygen` draws them (OPTIMIZER_GATEWAY__SIGNING_KEY)"
        raise SettingsInvalid([f"gateway.signing_key must be 64 hexadecimal digits, {way_out}"])
    return ed25519.Ed25519PrivateKey.from_private_bytes(bytes.fromhex(private))
