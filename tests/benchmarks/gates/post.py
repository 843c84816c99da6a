"""Scores on their way: each comes some time after the call it judges."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.benchmarks.gates.outcomes import Served

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


class Scores(NamedTuple):
    """Scores that came.

    Attributes:
        row: (scores,) rollout of each.
        slot: (scores,) of the call that is judged.
        arm: (scores,) which served it.
        value: (scores,) in [0, 1].
        step: (scores,) in which the call was made.
        new: (scores,) that is the present one.
    """

    row: Ints
    slot: Ints
    arm: Ints
    value: Floats
    step: Ints
    new: Flags


class Post:
    """Holds scores back until they come."""

    def __init__(self) -> None:
        self._waiting: dict[int, list[Scores]] = {}

    def send(self, served: Served, step: Ints, tick: int) -> None:
        """Take the scores of calls of ten seconds.

        Args:
            served: The calls.
            step: (n,) step of each rollout.
            tick: When.
        """
        chosen = np.flatnonzero(served.scored >= 0)
        if not len(chosen):
            return
        due = tick + served.scored[chosen]
        chosen, due = chosen[order := np.argsort(due, kind="stable")], due[order]
        first = np.flatnonzero(np.diff(due, prepend=-1))
        for start, part in zip(first, np.split(chosen, first[1:]), strict=True):
            row, new = served.row[part], np.ones(len(part), np.bool_)
            columns = (row, served.slot[part], served.arm[part], served.score[part], step[row], new)
            self._waiting.setdefault(int(due[start]), []).append(Scores(*columns))

    def arriving(self, ticks: range) -> Scores:
        """Give what comes in some ticks."""
        parts = [part for tick in ticks for part in self._waiting.pop(tick, [])]
        return Scores(*map(np.concatenate, zip(_NONE, *parts, strict=True)))


_NONE = Scores(*(np.zeros(0, kind) for kind in "iiidi?"))
