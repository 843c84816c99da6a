"""Small records in a row, read together: hundreds of spans cost hardly more than a few."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from optimizer.observe.columns import Record, RecordKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from optimizer.observe.observer import Decoded

SMALL = 1 << 15  # bytes of a record that may be read with others
MOST = 64  # records that are read together


class DecodedRun(NamedTuple):
    """What small records say.

    Attributes:
        together: All of them, as if they were one record.
        each: Gives what each of them says.
    """

    together: Decoded
    each: Callable[[], Sequence[Decoded]]


def runs_of(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Give records in their order, small ones of calls together."""
    for is_small, group in groupby(records, _is_small):
        alike = list(group)
        width = MOST if is_small else 1
        yield from (alike[start : start + width] for start in range(0, len(alike), width))


def _is_small(record: Record) -> bool:
    body = record.body
    return record.kind is RecordKind.OTLP and isinstance(body, bytes) and len(body) <= SMALL
