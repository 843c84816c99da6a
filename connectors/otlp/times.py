"""The greatest time of a record, for recordings that were made without stamps."""

from __future__ import annotations

from google.protobuf.message import DecodeError

from connectors.otlp import json_spans, wire
from optimizer.errors import DecodeFailed

_LAST_NS = 1 << 62


def latest_end_ns(body: bytes) -> int | None:
    """Give the greatest end of a record's spans, nanoseconds since the epoch.

    None when there are no spans, or the bytes cannot be read.
    """
    ends = [end for end in _ends(body) if 0 < end < _LAST_NS]
    return max(ends, default=None)


def _ends(body: bytes) -> list[int]:
    try:
        if body[:1] == b"{":
            return [
                json_spans.read_span(raw, (), resource).end_ns
                for resource, _, spans in json_spans.raw_spans(body)
                for raw in spans
            ]
        return list(
            wire.Transposed.FromString(body).resource_spans.scope_spans.spans.end_time_unix_nano
        )
    except (DecodeFailed, DecodeError):
        return []
