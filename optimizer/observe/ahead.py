"""What says that it happened after anybody could have known: it is set aside and moves nothing."""

from __future__ import annotations

from typing import NamedTuple

from optimizer.observe.columns import DeadLetter, Record, RecordKind

REASON = "future_timestamp"


class Part(NamedTuple):
    """A part of a record, as a record of its own.

    Attributes:
        at_ns: When it says that it happened.
        verb: What then happened, as in `ends`.
        body: Its bytes.
        kind: What they are, a `RecordKind`.
    """

    at_ns: int
    verb: str
    body: bytes
    kind: int


def ahead(record: Record, part: Part, skew_ns: int) -> DeadLetter:
    """Set a part of a record aside that is more than `skew_ns` ahead of the record's stamp."""
    return DeadLetter(
        partition=record.partition,
        offset=record.offset,
        reason=REASON,
        detail=f"{part.verb} {(part.at_ns - record.stamp_ns) / 1e9:.0f} s after it arrived;"
        f" at most {skew_ns / 1e9:.0f} s are allowed (stream.max_skew_secs)",
        body=part.body,
        kind=RecordKind(part.kind),
        stamp_ns=record.stamp_ns,
    )
