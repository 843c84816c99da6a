"""Histograms of durations as producers export them, turned into the buckets of our own sketches.

Two forms are read: explicit bounds, and exponential buckets of any scale, which are merged down to
scale 5 exactly as OpenTelemetry merges them. Theirs count seconds and ours nanoseconds, so that
bounds do not coincide: the calls of a bucket are spread evenly over the logarithms in it, in whole
numbers, and each counts in the bucket of ours where it comes to stand.

A bucket wider than a factor of two tells nothing one could call a quantile: its calls keep their
rank, at the bound that is known, and are counted as blurred.

Source: OpenTelemetry specification, metrics data model, "ExponentialHistogram".
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.statistics.sketch import LOG_BITS, SCALE, bucket_of, log2_fixed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

MOST_BUCKETS = 512  # exporters make 160 at most
MOST_SCALE, LEAST_SCALE = 20, -10
SECOND_NS = 1_000_000_000
MOST_NS = 86_400 * SECOND_NS
OCTAVE = 1 << LOG_BITS
ROUNDING = 1 << 10  # of bounds that are meant to be a factor of two apart
_BUCKET_BITS = LOG_BITS - SCALE
_SECOND_LOG = int(log2_fixed(np.array([SECOND_NS]))[0])
_MOST_LOG = int(log2_fixed(np.array([MOST_NS]))[0])


class Histogram(NamedTuple):
    """The buckets of a histogram.

    Attributes:
        scale: Of exponential buckets, at most 5; None for explicit bounds.
        first: Index of the first exponential bucket.
        counts: How many stand in each bucket.
        bounds_ns: Upper bounds of all explicit buckets but the last, rising.
        zeros: How many are too short for any exponential bucket.
    """

    scale: int | None
    first: int
    counts: tuple[int, ...]
    bounds_ns: tuple[int, ...] = ()
    zeros: int = 0


class Spread(NamedTuple):
    """Where the calls of a histogram come to stand.

    Attributes:
        buckets: Buckets of our sketches, some perhaps twice.
        counts: How many calls stand in each.
        blurred: How many of them stand in buckets too wide to tell a quantile.
    """

    buckets: Ints
    counts: Ints
    blurred: int


def explicit(bounds_ns: Sequence[int], counts: Sequence[int]) -> Histogram:
    """Make a histogram of explicit bounds, one fewer than counts."""
    return Histogram(None, 0, tuple(counts), tuple(bounds_ns))


def exponential(scale: int, first: int, counts: Sequence[int], zeros: int = 0) -> Histogram:
    """Make a histogram of exponential buckets of seconds, merged down to our scale."""
    return _merged(Histogram(scale, first, tuple(counts), (), zeros), min(scale, SCALE))


def _merged(histogram: Histogram, scale: int) -> Histogram:
    """Give the same at a lower scale: each step down makes one bucket of two."""
    if histogram.scale is None or histogram.scale == scale:
        return _trimmed(histogram)
    down = histogram.scale - scale
    first = histogram.first >> down
    counts = [0] * (((histogram.first + len(histogram.counts) - 1) >> down) - first + 1)
    for index, count in enumerate(histogram.counts, histogram.first):
        counts[(index >> down) - first] += count
    return _trimmed(histogram._replace(scale=scale, first=first, counts=tuple(counts)))


def _trimmed(histogram: Histogram) -> Histogram:
    """Leave empty buckets at both ends out, so that equal histograms are equal values."""
    if histogram.scale is None:
        return histogram
    full = [at for at, count in enumerate(histogram.counts) if count]
    if not full:
        return histogram._replace(first=0, counts=())
    counts = histogram.counts[full[0] : full[-1] + 1]
    return histogram._replace(first=histogram.first + full[0], counts=counts)


def difference(later: Histogram, earlier: Histogram) -> Histogram | None:
    """Give what came between two states of one growing histogram.

    Returns:
        None where it cannot have grown from one to the other: some count fell, or its form or
        bounds are others. An exponential one may have merged its buckets meanwhile.
    """
    if later.bounds_ns != earlier.bounds_ns or (later.scale is None) != (earlier.scale is None):
        return None
    if later.scale is not None and earlier.scale is not None:
        scale = min(later.scale, earlier.scale)
        later, earlier = _merged(later, scale), _merged(earlier, scale)
    before = dict(enumerate(earlier.counts, earlier.first))
    now = dict(enumerate(later.counts, later.first))
    if any(count > now.get(index, 0) for index, count in before.items()):
        return None
    if later.zeros < earlier.zeros:
        return None
    counts = tuple(count - before.get(index, 0) for index, count in now.items())
    return _trimmed(later._replace(counts=counts, zeros=later.zeros - earlier.zeros))


def spread(histogram: Histogram) -> Spread:
    """Give the buckets of our sketches that a histogram's calls stand in."""
    buckets: list[Ints] = [np.zeros(0, np.int64)]
    counts: list[Ints] = [np.zeros(0, np.int64)]
    blurred = 0
    for low, high, count in _spans(histogram):
        blurred += count if low is None or high is None or _is_wide(low, high) else 0
        known = high if low is None else low
        if known is not None:
            found, held = _even(known, known if high is None else high, count)
            buckets.append(found)
            counts.append(held)
    return Spread(np.concatenate(buckets), np.concatenate(counts), blurred)


def _spans(histogram: Histogram) -> Iterator[tuple[int | None, int | None, int]]:
    """Give the logs of the bounds of each bucket that holds something, and how many it holds.

    A bound is None where there is none: below all, above all.
    """
    if histogram.scale is None:
        logs = log2_fixed(np.clip(np.array(histogram.bounds_ns, np.int64), 1, MOST_NS)).tolist()
        told = [log if ns > 0 else None for log, ns in zip(logs, histogram.bounds_ns, strict=True)]
        bounds: list[int | None] = [None, *told, None]
    else:
        indices = range(histogram.first, histogram.first + len(histogram.counts) + 1)
        bounds = [_log_of(index, histogram.scale) for index in indices]
        if histogram.zeros:
            yield 0, 0, histogram.zeros
    for (low, high), count in zip(pairwise(bounds), histogram.counts, strict=False):
        if count:
            yield low, high, count


def _log_of(index: int, scale: int) -> int:
    """Give the log of 2^(index / 2^scale) seconds, in nanoseconds, within what can be."""
    bits = LOG_BITS - scale
    return min(max((index << bits) + _SECOND_LOG, 0), _MOST_LOG)


def _is_wide(low: int, high: int) -> bool:
    return high - low > OCTAVE + ROUNDING


def _even(low: int, high: int, count: int) -> tuple[Ints, Ints]:
    """Spread calls evenly over the logs from `low` to `high`, each in the middle of its part.

    Returns:
        The buckets that get some, and how many each gets.
    """
    first, last = bucket_of(np.array([low, high])).tolist()
    # Up to an edge stand those whose middle, low + (2 i + 1) / (2 count) of the width, is below.
    reached = [
        min(max((2 * count * (edge - low) + high - low) // (2 * (high - low)), 0), count)
        for edge in (bucket << _BUCKET_BITS for bucket in range(first, last))
    ]
    held: Ints = np.diff(np.array([0, *reached, count], np.int64)).astype(np.int64)
    full = np.flatnonzero(held)
    return full + first, held[full]
