"""The greatest time of a record, for recordings that were made without stamps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError

from connectors.otlp import json_columns, wire
from optimizer.errors import DecodeFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

_LAST_NS = 1 << 62


def latest_end_ns(body: bytes) -> int | None:
    """Give the greatest end of a record's spans, nanoseconds since the epoch.

    None when there are no spans, or the bytes cannot be read.
    """
    ends = [end for end in _ends(body) if 0 < end < _LAST_NS]
    return max(ends, default=None)


def _ends(body: bytes) -> Sequence[int]:
    try:
        if body[:1] == b"{":
            return json_columns.ends(body)
        merged = wire.Transposed.FromString(body).resource_spans.scope_spans.spans
        return list(merged.end_time_unix_nano)
    except (DecodeFailed, DecodeError):
        return []
