"""Links: what a call and a later judgement of it have in common, one word for each way to tell.

A score names the trace, the span or the response it is about. Both sides turn that name into the
same 64 bits, so a join compares integers and keeps no text.
"""

from __future__ import annotations

import hashlib
from binascii import unhexlify
from enum import IntEnum

from optimizer.observe.call_ids import SPAN_ID_BYTES, TRACE_ID_BYTES

NO_LINK = 0
TRACE, SPAN, RESPONSE = range(3)  # the columns of `Columns.links`
_WORD = 8  # bytes


class Links(IntEnum):
    """Which links are wanted."""

    NONE = 0
    TRACES = 1  # of trace and span
    RESPONSES = 2  # those, and of the response; its id is read of every call


def trace_link(trace_id: str) -> int:
    """Give the link of a trace: the second half of its id, a little-endian word.

    The half that is never zero where a producer has ids of 64 bits only.

    Args:
        trace_id: 32 hexadecimal digits of any case.

    Returns:
        `NO_LINK` for a text that is no such id.
    """
    return _last_word(trace_id, TRACE_ID_BYTES)


def span_link(span_id: str) -> int:
    """Give the link of a span: its id as a little-endian word.

    Args:
        span_id: 16 hexadecimal digits of any case.

    Returns:
        `NO_LINK` for a text that is no such id.
    """
    return _last_word(span_id, SPAN_ID_BYTES)


def response_link(response_id: str) -> int:
    """Give the link of a response: 64 bits of a hash of its provider's id for it.

    Args:
        response_id: Any text; blanks around it do not count.

    Returns:
        `NO_LINK` for a text that is blank.
    """
    octets = response_id.strip().encode(errors="replace")
    if not octets:
        return NO_LINK
    digest = hashlib.blake2b(octets, digest_size=_WORD).digest()
    return int.from_bytes(digest, "little")


def octets_link(octets: bytes, length: int) -> int:
    """Give the link of an id by its octets; `NO_LINK` if these are not so many."""
    return int.from_bytes(octets[-_WORD:], "little") if len(octets) == length else NO_LINK


def _last_word(digits: str, length: int) -> int:
    try:
        octets = unhexlify(digits.strip())
    except ValueError:  # not hexadecimal, or not ASCII
        return NO_LINK
    return octets_link(octets, length)
