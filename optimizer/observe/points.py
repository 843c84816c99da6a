"""Data points of metrics: what exporters say of many calls at once."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from optimizer.observe.histograms import Histogram
    from optimizer.observe.keys import CallKey

UNCOUNTED = -1  # the calls of a point that is a mere sum


class Measure(IntEnum):
    """What a point measures."""

    CALLS = 0  # how many, and how long they took
    TOKENS_IN = 1
    TOKENS_OUT = 2
    TOKENS_CACHED = 3  # of those in


class Point(NamedTuple):
    """One data point.

    Attributes:
        stream: What tells its stream from all others, 16 bytes.
        start_ns: Since when a cumulative one counts; 0 where its producer does not say.
        time_ns: Until when it counts.
        cumulative: It says what came since the start, not since the point before.
        key: What its calls are summed by.
        measure: What it measures.
        failed: Its calls failed.
        calls: How many it is about, or `UNCOUNTED`.
        total: Their nanoseconds or tokens.
        histogram: How long they took; None where that is not told.
        rate_pusd: What a token adds to the cost, pico-dollars, negative for one that is cheaper
            than it was counted for; None where that is not known.
        alone: Gives a request of this point alone, for a dead letter.
    """

    stream: bytes
    start_ns: int
    time_ns: int
    cumulative: bool
    key: CallKey
    measure: Measure
    failed: bool
    calls: int
    total: int
    histogram: Histogram | None
    rate_pusd: int | None
    alone: Callable[[], bytes]


class Delta(NamedTuple):
    """What a point adds to those before it; as in `Point`."""

    calls: int
    total: int
    histogram: Histogram | None
