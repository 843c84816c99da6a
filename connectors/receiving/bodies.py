"""The body of an HTTP request, as long as it says or in chunks, and never more than is allowed.

Source: RFC 9112 (2022), sections 6 (message body) and 7.1 (chunked transfer coding).
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

from connectors.receiving.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message
    from io import BufferedIOBase

    from connectors.receiving.room import Share

_PIECE_BYTES = 1 << 16
_MOST_LINE = 256  # of a chunk's size, or of a trailer
_MOST_TRAILERS = 20
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r\n")


class Gone(Exception):
    """The client left before its body was whole; there is nobody to answer."""


def read_body(head: Message, file: BufferedIOBase, share: Share, most_bytes: int) -> bytes:
    """Read the body that a request's head announces.

    Args:
        head: The head of the request.
        file: What comes behind it.
        share: What its bytes are counted against.
        most_bytes: Most bytes it may have.

    Raises:
        Refused: It has more, or nobody can tell where it ends.
        Gone: The client left in the middle of it.
    """
    coding = head.get("Transfer-Encoding")
    lengths = set(head.get_all("Content-Length", ()))
    if coding is not None and lengths:
        raise Refused(HTTPStatus.BAD_REQUEST, "a body has a length or comes in chunks, not both")
    if coding is not None:
        if coding.strip().lower() != "chunked":
            raise Refused(HTTPStatus.NOT_IMPLEMENTED, "Transfer-Encoding must be chunked")
        return b"".join(_chunks(file, share, most_bytes))
    return b"".join(_pieces(file, _length(lengths, most_bytes), share))


def _length(told: set[str], most_bytes: int) -> int:
    if not told:
        raise Refused(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing")
    (text, *others) = told
    if others or not _LENGTH.fullmatch(text):
        raise Refused(HTTPStatus.BAD_REQUEST, "Content-Length must be one whole number")
    _check_size(int(text), most_bytes)
    return int(text)


def _check_size(size: int, most_bytes: int) -> None:
    if size > most_bytes:
        raise too_large(most_bytes)


def too_large(most_bytes: int) -> Refused:
    """Say that a body has more bytes than are allowed, before or after it is inflated."""
    told = f"a request may have {most_bytes} bytes, inflated (input.otlp_http_max_mb)"
    return Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, told)


def _pieces(file: BufferedIOBase, size: int, share: Share) -> Iterator[bytes]:
    """Give so many bytes, a piece at a time: what a client merely promises takes no room."""
    while size:
        wanted = min(size, _PIECE_BYTES)
        share.grow(wanted)
        piece = file.read(wanted)
        if len(piece) < wanted:
            raise Gone
        size -= wanted
        yield piece


def _chunks(file: BufferedIOBase, share: Share, most_bytes: int) -> Iterator[bytes]:
    read = 0
    while size := _chunk_size(file):
        read += size
        _check_size(read, most_bytes)
        yield from _pieces(file, size, share)
        if _line(file) != b"\r\n":
            raise Refused(HTTPStatus.BAD_REQUEST, "a chunk is longer than it says")
    for _ in range(_MOST_TRAILERS):
        if _line(file) == b"\r\n":
            return
    raise Refused(HTTPStatus.BAD_REQUEST, f"more than {_MOST_TRAILERS} trailers follow the body")


def _chunk_size(file: BufferedIOBase) -> int:
    found = _CHUNK.fullmatch(_line(file))
    if not found:
        raise Refused(HTTPStatus.BAD_REQUEST, "no chunk begins where one must")
    return int(found[1], 16)


def _line(file: BufferedIOBase) -> bytes:
    line = file.readline(_MOST_LINE)
    if not line.endswith(b"\n"):
        if len(line) < _MOST_LINE:
            raise Gone
        raise Refused(HTTPStatus.BAD_REQUEST, "no chunk begins where one must")
    return line
