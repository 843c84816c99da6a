"""Histograms of durations: merged as OpenTelemetry merges them, spread over our own buckets."""

from __future__ import annotations

import math
from bisect import bisect_left

import numpy as np
import pytest
from hypothesis import given, strategies as st

from optimizer.observe.histograms import Histogram, difference, explicit, exponential, spread
from optimizer.statistics.sketch import bucket_of, log2_fixed, value_of

SECOND = 1_000_000_000
ADVISED_NS = [round(0.01 * 2**k * SECOND) for k in range(14)]
SDK_DEFAULT_NS = [
    second * SECOND
    for second in (0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10_000)
]

durations = st.lists(st.floats(0.011, 80), min_size=1, max_size=60)


def counted(bounds_ns: list[int], seconds: list[float]) -> Histogram:
    counts = [0] * (len(bounds_ns) + 1)
    for duration in seconds:
        counts[bisect_left(bounds_ns, duration * SECOND)] += 1
    return explicit(bounds_ns, counts)


def index_at(scale: int, seconds: float) -> int:
    """The bucket of a value by definition: above 2^(i / 2^scale), at most the next."""
    return math.ceil(math.log2(seconds) * 2**scale) - 1


def exponentially(scale: int, seconds: list[float]) -> Histogram:
    indices = [index_at(scale, duration) for duration in seconds]
    first = min(indices)
    counts = [indices.count(index) for index in range(first, max(indices) + 1)]
    return exponential(scale, first, counts)


def told(histogram: Histogram) -> list[float]:
    """Each call's duration as our sketch tells it, seconds, rising."""
    found = spread(histogram)
    return sorted(np.repeat(value_of(found.buckets), found.counts) / SECOND)


@given(durations)
def test_a_call_of_an_advised_bucket_is_told_within_a_factor_of_two(seconds: list[float]) -> None:
    histogram = counted(ADVISED_NS, seconds)
    assert spread(histogram).blurred == 0
    for known, exact in zip(told(histogram), sorted(seconds), strict=True):
        assert exact / 2.05 <= known <= exact * 2.05


@given(durations)
def test_a_call_of_an_exponential_bucket_is_told_within_two_of_ours(seconds: list[float]) -> None:
    for scale in (5, 6, 12):
        for known, exact in zip(told(exponentially(scale, seconds)), sorted(seconds), strict=True):
            assert known == pytest.approx(exact, rel=0.045)


@given(durations, st.integers(6, 9))
def test_finer_buckets_are_merged_to_those_that_values_have_at_our_scale(
    seconds: list[float], scale: int
) -> None:
    assert exponentially(scale, seconds) == exponentially(5, seconds)


@given(durations, durations, st.integers(0, 5), st.integers(0, 5))
def test_what_came_between_is_told_also_when_buckets_were_merged_meanwhile(
    before: list[float], since: list[float], scale: int, lower: int
) -> None:
    earlier = exponentially(max(scale, lower), before)
    later = exponentially(min(scale, lower), before + since)
    assert difference(later, earlier) == exponentially(min(scale, lower), since)
    assert difference(counted(ADVISED_NS, before + since), counted(ADVISED_NS, before)) == counted(
        ADVISED_NS, since
    )


@pytest.mark.parametrize(
    ("later", "earlier"),
    [
        pytest.param(explicit([1], [2, 0]), explicit([1], [1, 1]), id="a count fell"),
        pytest.param(explicit([1], [2, 0]), explicit([2], [1, 0]), id="other bounds"),
        pytest.param(explicit([1], [2, 0]), exponential(5, 0, [1]), id="another form"),
        pytest.param(exponential(5, 0, [2]), exponential(5, 1, [1]), id="a bucket emptied"),
        pytest.param(exponential(5, 0, [2]), exponential(5, 0, [1], 1), id="zeros fell"),
    ],
)
def test_what_cannot_have_grown_has_no_difference(later: Histogram, earlier: Histogram) -> None:
    assert difference(later, earlier) is None


@pytest.mark.parametrize(
    ("bounds_ns", "seconds", "blurred"),
    [
        pytest.param(ADVISED_NS, [0.005], 1, id="below the first bound"),
        pytest.param(ADVISED_NS, [100.0], 1, id="above the last bound"),
        pytest.param(ADVISED_NS, [0.5, 1.0, 2.0], 0, id="an octave each"),
        pytest.param(SDK_DEFAULT_NS, [0.5, 1.0, 2.0], 3, id="all of it in (0, 5 s]"),
        pytest.param(SDK_DEFAULT_NS, [7.0, 20.0], 1, id="5 to 10 s is an octave, 10 to 25 s not"),
        pytest.param([], [1.0, 2.0], 2, id="no bounds at all"),
    ],
)
def test_buckets_wider_than_a_factor_of_two_tell_no_quantile(
    bounds_ns: list[int], seconds: list[float], blurred: int
) -> None:
    assert spread(counted(bounds_ns, seconds)).blurred == blurred


def test_a_blurred_call_keeps_its_rank() -> None:
    assert told(counted(ADVISED_NS, [0.005, 0.5, 100.0])) == pytest.approx(
        [0.01, 0.45, 81.92], rel=0.03
    )


@given(st.integers(-10, 20), st.integers(-2_000, 2_000), st.lists(st.integers(0, 9), max_size=40))
def test_every_call_of_any_histogram_stands_somewhere_that_can_be(
    scale: int, first: int, counts: list[int]
) -> None:
    found = spread(exponential(scale, first, counts, zeros=3))
    assert found.counts.sum() == sum(counts) + 3
    assert (found.counts > 0).all()
    day = int(bucket_of(log2_fixed(np.array([86_400 * SECOND])))[0])
    assert ((found.buckets >= 0) & (found.buckets <= day)).all()


def test_many_calls_of_one_bucket_fill_it_evenly() -> None:
    found = spread(explicit([SECOND, 2 * SECOND], [0, 1_000_000, 0]))
    assert found.counts.sum() == 1_000_000
    assert 32 <= len(found.buckets) <= 33
    inner = found.counts[1:-1]
    assert inner.max() - inner.min() <= 1
