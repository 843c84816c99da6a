"""What is remembered in runs: found as if it stood in one list, forgotten in order, few pieces."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings, strategies as st

from connectors.vaults.memory import MemoryVault
from optimizer.attribute.counting import COUNTED
from optimizer.attribute.runs import Run, Runs
from optimizer.judgements import CALLS
from optimizer.panes import PANE_NS
from optimizer.pieces import Pieces

KEYS = tuple((f"t/s/r{number}", "a", number, "") for number in range(5))
ROWS = st.lists(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 4)), max_size=5), max_size=40)


def a_run(rows: list[tuple[int, int]], pane: int, dtype: np.dtype, field: str) -> Run:
    table = np.zeros(len(rows), dtype)
    used = sorted({KEYS[key] for _, key in rows})
    table[field] = [word for word, _ in rows]
    table["key"] = [used.index(KEYS[key]) for _, key in rows]
    return Run(table, tuple(used), pane)


def found(runs: Runs, word: int) -> list[tuple]:
    wanted = np.array([word], np.uint64)
    return [
        run.keys[run.rows["key"][at]] for run in runs.runs for at in run.find("trace", wanted)[1]
    ]


@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_merging_changes_nothing_that_is_found(panes: list[list[tuple[int, int]]]) -> None:
    runs = Runs(CALLS)
    for pane, rows in enumerate(panes):
        runs.add(a_run(rows, pane, CALLS, "trace"))
    for word in range(1, 10):
        wanted = [KEYS[key] for rows in panes for each, key in rows if each == word]
        assert found(runs, word) == wanted


@given(ROWS)
@settings(deadline=None, max_examples=60)
def test_of_what_must_be_unique_the_last_is_found(panes: list[list[tuple[int, int]]]) -> None:
    runs, last = Runs(COUNTED, unique="identity"), {}
    for pane, rows in enumerate(panes):
        distinct = dict(rows)
        runs.add(a_run(sorted(distinct.items()), pane, COUNTED, "identity"))
        last |= distinct
    for word, key in last.items():
        wanted = np.array([word], np.uint64)
        newest = next(
            run.keys[run.rows["key"][place[0]]]
            for run in reversed(runs.runs)
            if (place := run.find_last("identity", wanted))[0] >= 0
        )
        assert newest == KEYS[key]


def test_many_panes_are_few_pieces_that_are_read_again_as_they_were() -> None:
    vault = MemoryVault()
    runs, pieces = Runs(CALLS), Pieces(vault, "owner")
    for pane in range(2000):
        runs.add(a_run([(pane + 1, pane % 5)], pane, CALLS, "trace"))
        names = runs.dump(pieces)
        pieces.settle(set(names))
    assert len(runs.runs) <= 2000 // 512 + 3 * 7 + 1
    again = Runs(CALLS)
    again.load(names, Pieces(vault, "owner"))
    assert [run.packed for run in again.runs] == [run.packed for run in runs.runs]
    assert found(again, 1234) == found(runs, 1234) == [KEYS[1233 % 5]]


def test_what_is_older_than_an_instant_is_forgotten_and_the_rest_is_not() -> None:
    runs = Runs(CALLS)
    for pane in range(100):
        runs.add(a_run([(pane + 1, 0)], pane, CALLS, "trace"))
    runs.forget(80 * PANE_NS)
    assert all(found(runs, pane + 1) for pane in range(80, 100))
    assert not found(runs, 1)
    assert len(runs) < 40


def test_of_one_word_no_more_are_found_than_matter() -> None:
    runs = Runs(CALLS)
    runs.add(a_run([(7, 0)] * 500, 0, CALLS, "trace"))
    assert len(found(runs, 7)) == 64
