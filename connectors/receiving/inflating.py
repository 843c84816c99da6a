"""Compressed bodies: inflated piece by piece, and not a byte past what is allowed."""

from __future__ import annotations

import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING

from connectors.receiving.bodies import too_large
from connectors.receiving.refusals import Refused
from optimizer.errors import DecodeFailed

if TYPE_CHECKING:
    from connectors.receiving.room import Share

_PIECE_BYTES = 1 << 18
_MOST_MEMBERS = 16
# What zlib is told of each coding: RFC 1952 (gzip), RFC 1950 (which HTTP calls deflate).
_WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}
ENCODINGS = "gzip, deflate, identity"


def check_encoding(name: str) -> None:
    """Find, before a body is read, that it can be inflated.

    Args:
        name: How it is compressed, in lower case; `identity` and `""` for not at all.

    Raises:
        Refused: It cannot.
    """
    if name not in {*_WINDOWS, "identity", ""}:
        told = f"Content-Encoding is {name[:40]}: must be one of {ENCODINGS}"
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, told)


def inflate(body: bytes, name: str, share: Share, most_bytes: int) -> bytes:
    """Give what was compressed; a body that is not compressed as it is.

    Args:
        body: The body.
        name: How it is compressed, in lower case.
        share: What its bytes are counted against.
        most_bytes: Most bytes there may be.

    Raises:
        DecodeFailed: It is damaged or cut short.
        Refused: There are more.
    """
    window = _WINDOWS.get(name)
    if window is None:
        return body
    pieces: list[bytes] = []
    left, rest = most_bytes, body
    for _ in range(_MOST_MEMBERS):  # one behind another is one body
        rest, left = _member(rest, window, pieces, share, left)
        if left < 0:
            raise too_large(most_bytes)
        if not rest:
            return b"".join(pieces)
    raise DecodeFailed("not_inflated", f"more than {_MOST_MEMBERS} compressed members")


def _member(
    body: bytes, window: int, pieces: list[bytes], share: Share, left: int
) -> tuple[bytes, int]:
    """Inflate one member; give what stands behind it, and how many bytes may still come."""
    inflater = zlib.decompressobj(window)
    try:
        while not inflater.eof and left >= 0:
            piece = inflater.decompress(body, min(_PIECE_BYTES, left + 1))
            body = inflater.unconsumed_tail
            if not piece and not body and not inflater.eof:
                raise DecodeFailed("not_inflated", "the compressed body is cut short")
            share.grow(len(piece))
            pieces.append(piece)
            left -= len(piece)
    except zlib.error as error:
        raise DecodeFailed("not_inflated", str(error)) from None
    return inflater.unused_data, left
