"""What both encodings of a metrics request are read into: metrics, and the samples in them."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from optimizer.observe.values import Value

NO_RECORDED_VALUE = 1  # a flag: the series has ended, the sample says nothing else


class Temporality(IntEnum):
    """What a sample's value is counted since."""

    UNSPECIFIED = 0
    DELTA = 1  # the sample before it
    CUMULATIVE = 2  # its start


class Buckets(NamedTuple):
    """The buckets of an exponential histogram.

    Attributes:
        scale: 2^scale of them an octave.
        first: Index of the first.
        counts: How many stand in each.
        zeros: How many are too small for any.
        negative: Some stand below zero.
    """

    scale: int
    first: int
    counts: Sequence[int]
    zeros: int
    negative: bool


class Sample(NamedTuple):
    """A data point as it stands.

    Attributes:
        attributes: Those that are read.
        identity: All of them, in a form that is equal when they are.
        start_ns: Since when it counts; 0 where that is not told.
        time_ns: Until when.
        flags: Its flags.
        calls: How many measurements it is about; None for a number.
        total: Their sum, or the number; None where it is not told.
        bounds: Explicit bounds; None without.
        counts: How many stand between them.
        buckets: Exponential buckets; None without.
    """

    attributes: Mapping[str, Value]
    identity: bytes
    start_ns: int
    time_ns: int
    flags: int
    calls: int | None
    total: float | None
    bounds: Sequence[float] | None = None
    counts: Sequence[int] = ()
    buckets: Buckets | None = None


class Metric(NamedTuple):
    """A metric of one scope.

    Attributes:
        resource: The attributes of its resource that are read.
        scope: The name of its scope.
        origin: Resource and scope, in a form that is equal when they are.
        name: Its name.
        unit: Its unit.
        temporality: What its values are counted since.
        monotonic: Its values never fall.
        samples: Its data points, unread.
        read: Reads one of them, given the attributes to read; DecodeFailed when it is none.
        alone: Gives a request of one of them alone.
    """

    resource: Mapping[str, Value]
    scope: str
    origin: bytes
    name: str
    unit: str
    temporality: Temporality
    monotonic: bool
    samples: Sequence[bytes]
    read: Callable[[bytes, frozenset[str]], Sample]
    alone: Callable[[bytes], bytes]
