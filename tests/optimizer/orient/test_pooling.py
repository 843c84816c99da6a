import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, strategies as st

from optimizer.orient.pooling import pooled
from optimizer.windows import WindowKind
from tests.builders import ARM, a_summary


def summary_of(latencies, scores, revision):
    logs = np.log(latencies) if latencies else None
    return a_summary(
        revision=revision,
        calls=len(latencies),
        latency_mean_ms=float(np.mean(latencies)) if latencies else None,
        latency_log=float(logs.mean()) if latencies else None,
        latency_log_sd=float(logs.std(ddof=1)) if len(latencies) > 1 else 0.0,
        scores=len(scores),
        score_mean=float(np.mean(scores)) if scores else None,
        score_sd=float(np.std(scores, ddof=1)) if len(scores) > 1 else 0.0,
    )


latencies = st.lists(st.floats(1, 1e5), min_size=1, max_size=30)
scores = st.lists(st.floats(0, 1), max_size=30)


@given(latencies, latencies, scores, scores)
def test_pooling_two_revisions_equals_summarizing_them_together(one, other, first, second):
    both = pooled([summary_of(one, first, 1), summary_of(other, second, 2)])
    whole = summary_of(one + other, first + second, 0)
    got = both[WindowKind.SLIDING][ARM]
    assert (got.calls, got.scores) == (whole.calls, whole.scores)
    for name in ("latency_mean_ms", "latency_log", "score_mean"):
        wanted = getattr(whole, name)
        assert getattr(got, name) == (wanted if wanted is None else pytest.approx(wanted))
    for name in ("latency_log_sd", "score_sd"):
        assert getattr(got, name) == pytest.approx(getattr(whole, name), abs=1e-6)


def test_quantiles_are_those_of_the_window_with_more_calls():
    few = a_summary(revision=1, calls=10, latency_p95_ms=9000.0)
    many = a_summary(revision=2, calls=100, latency_p95_ms=1000.0)
    assert pooled([few, many])[WindowKind.SLIDING][ARM].latency_p95_ms == 1000.0


def test_a_revision_without_successful_calls_changes_no_latency():
    bad = a_summary(revision=1, calls=10, errors=10)
    good = a_summary(revision=2, calls=100)
    got = pooled([bad, good])[WindowKind.SLIDING][ARM]
    assert (got.calls, got.errors) == (110, 10)
    assert got.latency_log == pytest.approx(math.log(800))


@given(st.permutations(range(6)))
def test_the_order_of_windows_changes_nothing(order):
    windows = [
        replace(a_summary(calls=10 + number, latency_log=0.1 * number), arm=arm, revision=number)
        for number, arm in enumerate("aabbca")
    ]
    sorted_once = pooled(windows)
    again = pooled([windows[place] for place in order])
    assert again == sorted_once
    assert list(again[WindowKind.SLIDING]) == ["a", "b", "c"]
