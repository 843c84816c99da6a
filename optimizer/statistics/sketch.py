"""Quantiles and logs of many values in integers, so that no order of adding can change a bit.

Buckets are those of OpenTelemetry exponential histograms at scale 5: 32 an octave, bucket i holds
values above 2^(i/32) and at most 2^((i+1)/32). A value read back from its bucket is off by at most
1.09 %.

Source: OpenTelemetry specification, metrics data model, "ExponentialHistogram".
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

LOG_BITS = 24  # logs are whole multiples of 2^-24
SCALE = 5
BUCKETS = 1 << 11  # 64 octaves of 32, so 11 bits name a bucket of any int64

_TABLE = np.array(
    [round(math.log2(1 + i / 4096) * (1 << LOG_BITS)) for i in range(4098)], dtype=np.int64
)
_STEP = np.diff(_TABLE)


def log2_fixed(values: Ints) -> Ints:
    """Give log2 of whole numbers from 1 to 2^53, in units of 2^-24; the error is below 2^-23.

    A table and an integer interpolation: `np.log2` differs between processors, this does not.
    """
    bits: Ints = values.astype(np.float64).view(np.int64)
    cell = (bits >> 40) & 0xFFF
    part = (bits >> 16) & 0xFFFFFF
    whole: Ints = (bits >> 52) - 1023
    log2: Ints = (whole << LOG_BITS) + _TABLE[cell] + ((_STEP[cell] * part) >> 24)
    return log2


def bucket_of(log2: Ints) -> Ints:
    """Give the bucket of values by their fixed-point log: the OpenTelemetry index plus 1."""
    return ((log2 - 1) >> (LOG_BITS - SCALE)) + 1


def value_of(bucket: Ints | int) -> Any:
    """Give the value that stands for a bucket: the harmonic mean of its bounds.

    Source: the point of least relative error in an interval, Masson, Rim, Lee 2019 (DDSketch).
    """
    upper = np.exp2(np.asarray(bucket, np.float64) / (1 << SCALE))
    return upper * 2 / (1 + 2 ** (1 / (1 << SCALE)))


def group(codes: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Sort codes below 2^31 and add up the counts, below 2^32, of equal ones.

    Args:
        codes: (n,) what is counted.
        counts: (n,) how often.

    Returns:
        The distinct codes in rising order, and their counts.
    """
    if not len(codes):
        return codes, counts
    packed = (codes << 32) | counts
    packed.sort(kind="stable")  # inputs are runs already sorted: merging them is cheap
    codes = packed >> 32
    first = np.flatnonzero(np.concatenate(([True], codes[1:] != codes[:-1])))
    return codes[first], np.add.reduceat(packed & 0xFFFFFFFF, first)


def count_runs(codes: NDArray[np.int32]) -> tuple[Ints, Ints]:
    """Give the distinct codes of (n,) in rising order and how often each stands there."""
    codes.sort()
    first = np.flatnonzero(
        np.concatenate((np.ones(min(len(codes), 1), np.bool_), np.diff(codes) != 0))
    )
    return codes[first].astype(np.int64), np.diff(first, append=len(codes))


def rank_of(counts: Ints, start: Ints, stop: Ints, share: float) -> NDArray[np.intp]:
    """Find where a quantile stands in many sketches laid end to end.

    Args:
        counts: (n,) counts of all buckets, those of one sketch together, in rising order.
        start: (m,) first bucket of each sketch.
        stop: (m,) first bucket after it; a sketch may be empty.
        share: The quantile, in (0, 1]; the nearest rank is taken.

    Returns:
        (m,) the place of the quantile's bucket; meaningless where a sketch is empty.
    """
    running = np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))
    total = running[stop] - running[start]
    target = running[start] + np.maximum(np.ceil(share * total).astype(np.int64), 1)
    place = np.searchsorted(running, target, side="left") - 1
    clipped: NDArray[np.intp] = np.minimum(place, max(len(counts) - 1, 0))
    return clipped
