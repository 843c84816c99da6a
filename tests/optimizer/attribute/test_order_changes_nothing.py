"""What attribution says depends on event times alone: not on interleaving, batches or crashes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings, strategies as st

from optimizer.attribute.attribution import Attribution
from tests.optimizer.attribute.a_stream import (
    NAMES,
    RULES,
    SECOND,
    Step,
    attributed,
    beat,
    call,
    end,
    items_of,
    merged,
    score,
    split_up,
)

SECONDS = st.integers(0, 200)
LINKS = st.integers(0, 4)
CALLS = st.builds(
    call,
    SECONDS,
    trace=st.integers(1, 4),
    span=st.integers(1, 4),
    arm=st.sampled_from("ab"),
    arrives_s=st.integers(0, 250),
    response=LINKS,
    slot=st.integers(-1, 2),
)
SCORES = st.builds(
    score,
    SECONDS,
    value=st.sampled_from([0.0, 0.3, 1.0]),
    identity=st.integers(1, 12),
    trace=LINKS,
    span=LINKS,
    response=LINKS,
    key=st.sampled_from([None, None, ("t/s/r", "a", 0, ""), ("t/s/q", "b", 2, "x")]),
    tenant=st.sampled_from(["t", "t", "other"]),
    slot=st.integers(-1, 2),
)
BEATS = st.builds(beat, SECONDS)
WAITS = st.sampled_from([0, 30, 60])  # seconds that a score waits for its span
STEPS = st.lists(st.one_of(CALLS, SCORES, SCORES, BEATS), max_size=12)


@given(
    st.fixed_dictionaries(dict.fromkeys(NAMES, STEPS)),
    st.lists(st.integers(0, 2), max_size=60),
    st.sets(st.integers(0, 40), max_size=4),
    st.integers(1, 3),
    WAITS,
)
@settings(deadline=None, max_examples=150)
def test_neither_interleaving_nor_batches_nor_crashes_change_what_is_said(
    steps: dict[str, list[Step]], order: list[int], crashes: set[int], sizes: int, wait_s: int
) -> None:
    rules = replace(RULES, span_wait_ns=wait_s * SECOND)
    whole = {name: items_of(name, [*mine, end()]) for name, mine in steps.items()}
    broken = {
        name: split_up(items_of(name, [*mine, end()], sorted(crashes)), sizes)
        for name, mine in steps.items()
    }
    one = attributed(merged(whole, ()), NAMES, rules)
    other = attributed(merged(broken, order), NAMES, rules, resume_at=sorted(crashes))
    assert one.plain() == other.plain()
    assert [mark.watermark_ns for mark in one.marks][-1:] == [
        mark.watermark_ns for mark in other.marks
    ][-1:]


@given(st.fixed_dictionaries(dict.fromkeys(NAMES, STEPS)), st.lists(st.integers(0, 2), max_size=60))
@settings(deadline=None, max_examples=80)
def test_no_pane_comes_after_the_mark_that_promised_there_is_none(
    steps: dict[str, list[Step]], order: list[int]
) -> None:
    streams = {name: items_of(name, [*mine, end()]) for name, mine in steps.items()}
    attribution, promised = Attribution(RULES, NAMES), -1
    for item in merged(streams, order):
        for output in attribution.take(item):
            if hasattr(output, "watermark_ns"):
                promised = output.watermark_ns
            elif hasattr(output, "start_ns"):
                assert output.start_ns >= promised


def test_a_tie_between_partitions_is_settled_by_their_names() -> None:
    told = {
        name: items_of(name, [score(5, value, identity=1, key=("t/s/r", "a", 0, "")), end()])
        for name, value in (("feed", 0.25), ("more", 1.0))
    }
    for first, second in (("feed", "more"), ("more", "feed")):
        said = attributed([*told[first], *told[second]], ["feed", "more"])
        assert [sums[3] for sums in said.sums()] == [1.0]
