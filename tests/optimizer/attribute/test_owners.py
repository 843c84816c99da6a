"""Tenants in attribution: nobody finds, hides or crowds out what belongs to another."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from optimizer.attribute.lookup import UNKNOWN, Keys, Question, look_up_exactly
from optimizer.attribute.owners import beyond_shares, least_of_each, with_own_links
from optimizer.attribute.runs import Run
from optimizer.judgements import CALLS, LINKS, SCORES, least

KEYS = (("acme/s/r", "m", 0, ""), ("rival/s/r", "m", 0, ""))
OWNERS = ("acme", "rival")


def calls(*owners: int, trace: int = 7) -> np.ndarray:
    """Calls of one trace, each of a span of its own."""
    rows = np.zeros(len(owners), CALLS)
    rows["key"], rows["trace"], rows["end_ns"] = owners, trace, 1
    rows["span"] = np.arange(1, len(owners) + 1)
    return rows


def found_by(owner: int, rows: np.ndarray) -> str:
    """Name the tenant of the call that a score of a trace finds."""
    keys, scores = Keys(), np.zeros(1, SCORES)
    scores["trace"] = 7
    run = Run(with_own_links(rows, OWNERS, rows["key"]), KEYS, 0)
    tenants = np.array([keys.tenant(OWNERS[owner])])
    asked = Question(with_own_links(scores, OWNERS, np.array([owner])), tenants, 0)
    (code,) = look_up_exactly(asked, [run], keys).keys
    return "" if code == UNKNOWN else keys.keys[code][0].partition("/")[0]


def test_calls_that_share_a_trace_with_another_tenants_hide_nothing_from_it() -> None:
    rows = calls(*[0] * 100, 1)
    assert found_by(0, rows) == "acme"
    assert found_by(1, rows) == "rival"
    assert found_by(1, rows[:100]) == ""


def test_absent_links_stay_absent_and_others_are_told_apart_by_owner() -> None:
    rows = calls(0, 1)
    own = with_own_links(rows, OWNERS, rows["key"])
    assert own["response"].tolist() == [0, 0]
    assert own["trace"][0] != own["trace"][1]
    assert with_own_links(own, OWNERS, rows["key"])[[*LINKS]].tolist() == rows[[*LINKS]].tolist()


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 20))
def test_a_tenant_keeps_what_it_would_keep_alone(owners: list[int], share: int) -> None:
    which = np.array(owners, np.int64)
    rows = np.concatenate([calls(0), *(calls(0, trace=n + 1) for n in range(len(owners)))])[1:]
    kept = least_of_each(rows, which, share, 1000)
    alone = [least(rows[which == owner], share) for owner in range(4)]
    assert kept.tolist() == np.concatenate(alone).tolist()
    assert len(least_of_each(rows, which, share, 5)) <= 5


@given(st.lists(st.integers(0, 3), max_size=60), st.integers(1, 20))
def test_of_each_tenant_the_newest_may_wait(owners: list[int], share: int) -> None:
    which = np.array(owners, np.int64)
    beyond = beyond_shares(which, share)
    for owner in range(4):
        own = beyond[which == owner].tolist()
        assert own == [True] * max(len(own) - share, 0) + [False] * min(len(own), share)
