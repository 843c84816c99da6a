"""The sketch, held against numpy and the OpenTelemetry SDK."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, strategies as st
from opentelemetry.sdk.metrics._internal.exponential_histogram.mapping.logarithm_mapping import (
    LogarithmMapping,
)

from optimizer.statistics.packing import (
    pack,
    pack_rising,
    pack_table,
    unpack,
    unpack_rising,
    unpack_table,
)
from optimizer.statistics.sketch import (
    LOG_BITS,
    SCALE,
    bucket_of,
    group,
    log2_fixed,
    rank_of,
    value_of,
)

amounts = st.lists(st.integers(1, 2**53), min_size=1, max_size=200)


@given(amounts)
def test_the_fixed_point_log_is_within_two_units_of_log2(values: list[int]) -> None:
    logs = log2_fixed(np.array(values, np.int64))
    exact = [math.log2(value) * 2**LOG_BITS for value in values]
    assert np.abs(logs - np.array(exact)).max() < 2


@given(amounts)
def test_a_value_read_back_is_off_by_at_most_1_1_percent(values: list[int]) -> None:
    array = np.array(values, np.int64)
    read = value_of(bucket_of(log2_fixed(array)))
    assert np.abs(read / array - 1).max() <= 0.011


def test_buckets_are_those_of_the_opentelemetry_sdk() -> None:
    rng = np.random.default_rng(7)
    values = np.concatenate(
        [
            np.exp2(rng.uniform(0, 53, 20_000)).astype(np.int64),
            1 << np.arange(53),
            (1 << np.arange(2, 53)) + 1,
        ]
    )
    ours = bucket_of(log2_fixed(values)) - 1
    mapping = LogarithmMapping(SCALE)
    theirs = np.array([mapping.map_to_index(float(value)) for value in values])
    differs = ours != theirs
    # only values within the log's own error of a bound may fall on its other side
    distance = np.abs(np.log2(values.astype(float)) * 32 - np.round(np.log2(values) * 32)) / 32
    assert (distance[differs] < 2**-23).all()
    assert differs.mean() < 0.01


@given(st.lists(st.lists(st.integers(1, 10**12), max_size=80), min_size=1, max_size=6))
def test_quantiles_of_many_sketches_at_once_are_numpys_nearest_rank(rows: list[list[int]]) -> None:
    codes = np.concatenate(
        [(row << 11) + bucket_of(log2_fixed(np.array(v, np.int64))) for row, v in enumerate(rows)]
    )
    codes, counts = group(codes, np.ones(len(codes), np.int64))
    start = np.searchsorted(codes, np.arange(len(rows)) << 11)
    stop = np.searchsorted(codes, (np.arange(len(rows)) + 1) << 11)
    for share in (0.01, 0.5, 0.95, 1.0):
        place = rank_of(counts, start, stop, share)
        for row, values in enumerate(rows):
            if values:
                exact = np.quantile(values, share, method="inverted_cdf")
                assert value_of(int(codes[place[row]] & 2047)) == pytest.approx(exact, rel=0.011)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9)), max_size=60), st.randoms())
def test_grouping_adds_counts_whatever_the_order(pairs: list, rng) -> None:
    expected: dict[int, int] = {}
    for code, count in pairs:
        expected[code] = expected.get(code, 0) + count
    rng.shuffle(pairs)
    codes, counts = group(*(np.array([p[i] for p in pairs], np.int64) for i in (0, 1)))
    assert dict(zip(codes.tolist(), counts.tolist(), strict=True)) == expected
    assert codes.tolist() == sorted(expected)


wide = st.lists(st.integers(-(2**62), 2**62) | st.integers(0, 300), max_size=100)


@given(wide)
def test_packing_and_unpacking_is_identity(values: list[int]) -> None:
    array = np.array(values, np.int64)
    assert unpack(pack(array)).tolist() == values
    rising = np.sort(np.abs(array))
    assert unpack_rising(pack_rising(rising)).tolist() == rising.tolist()


@given(wide, st.integers(1, 5))
def test_packing_a_table_is_identity(values: list[int], width: int) -> None:
    table = np.array(values[: len(values) // width * width], np.int64).reshape(-1, width)
    assert unpack_table(pack_table(table)).tolist() == table.tolist()
