"""Ids seen before, held against a Python set."""

from __future__ import annotations

import numpy as np
from hypothesis import given, strategies as st

from optimizer.observe.call_ids import call_ids
from optimizer.observe.deduplicate import SealedIds, SeenIds

few = st.integers(1, 40) | st.integers(1, 2**64 - 1) | st.sampled_from([1, 1025, 2049, 4097])
batches = st.lists(st.lists(few, max_size=30), max_size=12)


@given(batches)
def test_an_id_is_new_exactly_once(batches: list[list[int]]) -> None:
    ids, model = SeenIds(), set()
    for batch in batches:
        expected = []
        for each in batch:
            expected.append(each not in model)
            model.add(each)
        assert ids.add(np.array(batch, np.uint64)).tolist() == expected
        if len(batch) % 3 == 0:
            ids = SeenIds(ids.sorted())
    assert ids.sorted().tolist() == sorted(model)
    assert len(ids) == len(model)


@given(batches, batches)
def test_a_sealed_set_agrees_with_an_open_one(early: list, late: list) -> None:
    ids = SeenIds()
    for batch in early:
        ids.add(np.array(batch, np.uint64))
    sealed = SealedIds(ids.sorted().tobytes())
    for batch in late:
        array = np.array(batch, np.uint64)
        assert sealed.add(array).tolist() == ids.add(array).tolist()
        sealed = SealedIds(sealed.base, sealed.late)


def test_it_holds_many_ids_that_collide_in_their_low_bits() -> None:
    array = np.arange(1, 60_001, dtype=np.uint64) << np.uint64(20)
    ids = SeenIds()
    assert ids.add(array).all()
    assert not ids.add(array[::-1]).any()


def test_ids_made_to_collide_do_not_slow_it_down() -> None:
    inverse = pow(0x9E3779B97F4A7C15, -1, 2**64)
    forged = [(number * inverse) % 2**64 for number in range(1, 20_001)]
    ids = SeenIds()
    assert ids.add(np.array(forged, np.uint64)).all()
    assert not ids.add(np.array(forged, np.uint64)).any()
    assert len(ids) == 20_000


def test_ids_that_count_up_together_stay_apart() -> None:
    count = np.arange(1, 50_001, dtype=np.uint64)
    for steps in ((1, 1, 1), (1, 0, 1), (0, 1, 1), (256, 1, 7), (1 << 40, 1, 1 << 33)):
        words = np.stack([count * np.uint64(step) for step in steps], axis=1)
        assert len(np.unique(call_ids(words))) == len(count)
