"""Small records in a row, read at once and dealt back.

Reading a request of a few spans costs hardly less than one of hundreds. But nothing must tell what
was read together from what was read one by one, so every record must be whole by itself.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from connectors.otlp.rows import Calls

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from connectors.otlp.letters import RunLetters
    from optimizer.observe.columns import Columns

RESOURCE_SPANS = 0x0A  # the only tag a request has at its top
_MORE = 0x80  # in each byte of a length, the bit that says it goes on
_MAX_SHIFT = 28  # longer lengths than of five bytes there are none


class Run(NamedTuple):
    """Records read as one.

    Attributes:
        bodies: The records.
        spans: How many spans each holds.
    """

    bodies: Sequence[bytes]
    spans: list[int]

    @property
    def bounds(self) -> list[int]:
        """The place of each record's first span among all, and how many spans there are."""
        return list(accumulate(self.spans, initial=0))


def resources_in(body: bytes) -> int:
    """Count the resources of a request; -1 where anything else stands at its top."""
    found = position = 0
    while position < len(body):
        if body[position] != RESOURCE_SPANS:
            return -1
        length = shift = 0
        more = _MORE
        while more:
            position += 1
            if position == len(body) or shift > _MAX_SHIFT:
                return -1
            byte = body[position]
            more = byte & _MORE
            length |= (byte ^ more) << shift
            shift += 7
        position += 1 + length
        found += 1
    return found if position == len(body) else -1


def deal(calls: Calls, run: Run, letters: RunLetters) -> Iterator[Calls]:
    """Give each record's share of what a run of them says."""
    bounds = run.bounds
    rows = np.searchsorted(calls.place, bounds).tolist()
    refused = [place for place, _ in calls.refused]
    lines = [bisect_left(refused, bound) for bound in bounds]
    hidden = np.searchsorted(calls.shadowed, bounds).tolist()
    begun = np.searchsorted(calls.assigned_place, bounds).tolist()
    for number, spans in enumerate(run.spans):
        start, stop = rows[number : number + 2]
        place = calls.place[start:stop]
        yield Calls(
            spans,
            place,
            calls.kind[start:stop],
            calls.columns.part(start, stop, partial(_raw, letters, place)),
            calls.shadowed[slice(*hidden[number : number + 2])],
            calls.refused[lines[number] : lines[number + 1]],
            *_assigned(calls, slice(*begun[number : number + 2]), letters),
        )


def _assigned(
    calls: Calls, rows: slice, letters: RunLetters
) -> tuple[Columns | None, NDArray[np.int64]]:
    """Give the calls, and their places, that some spans tell the start of."""
    place = calls.assigned_place[rows]
    if calls.assigned is None:
        return None, place
    begun = calls.assigned.part(rows.start, rows.stop, partial(_raw, letters, place))
    return begun, place


def _raw(letters: RunLetters, place: NDArray[np.int64], row: int) -> bytes:
    return letters(int(place[row]))
