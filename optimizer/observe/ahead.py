"""What says that it happened after anybody could have known: it is set aside and moves nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.observe.columns import Columns, DeadLetter, Record, RecordKind

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


def apart(
    record: Record, columns: Columns, at_ns: NDArray[np.int64], verb: str, skew_ns: int
) -> tuple[Columns, list[DeadLetter]]:
    """Set those calls of a record aside that are ahead of its stamp; give all others.

    Args:
        record: The record.
        columns: Its calls.
        at_ns: When each says that it did what the verb says.
        verb: As in `Part`.
        skew_ns: How far ahead one may be.
    """
    future = at_ns > record.stamp_ns + skew_ns
    if not future.any():
        return columns, []
    dead = [
        ahead(record, Part(int(at_ns[row]), verb, body, RecordKind.OTLP), skew_ns)
        for row in np.flatnonzero(future).tolist()
        for body in [columns.raw(row) if columns.raw else b""]
    ]
    return columns.take(~future), dead
