"""Which call a score is about: its links looked up among the calls that were seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from optimizer.attribute.runs import Run
    from optimizer.judgements import Key, Rows

    Codes = NDArray[np.int64]

UNKNOWN, AMBIGUOUS = -1, -2  # in place of a key's code


class Keys:
    """Codes of the keys, arms and tenants that a step meets, in order of first sight."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.arms: list[int] = []
        self.tenants: list[int] = []
        self._codes: dict[Key, int] = {}
        self._parts: dict[object, int] = {}

    def code(self, key: Key) -> int:
        """Give the code of a key."""
        code = self._codes.get(key)
        if code is None:
            code = self._codes[key] = len(self.keys)
            self.keys.append(key)
            self.arms.append(self._parts.setdefault(key[:3], len(self._parts)))
            self.tenants.append(self.tenant(key[0].partition("/")[0]))
        return code

    def tenant(self, name: str) -> int:
        """Give the code of a tenant."""
        return self._parts.setdefault(name, len(self._parts))

    def codes(self, keys: Sequence[Key], places: NDArray[np.int32]) -> Codes:
        """Give the codes of keys named by their places in a table."""
        used, which = np.unique(places, return_inverse=True)
        return np.array([self.code(keys[at]) for at in used.tolist()], np.int64)[which]


class Answers(NamedTuple):
    """What was found for some scores.

    Attributes:
        keys: (n,) the codes of their keys, `UNKNOWN` or `AMBIGUOUS`.
        slots: (n,) the slots of their calls; -1 without one.
    """

    keys: Codes
    slots: NDArray[np.int16]

    def fill(self, rows: NDArray[np.bool_] | NDArray[np.intp], found: Answers) -> None:
        """Put in what was found for some of the scores."""
        self.keys[rows] = found.keys
        self.slots[rows] = found.slots


def nothing(count: int) -> Answers:
    """Give no answers."""
    return Answers(np.full(count, UNKNOWN, np.int64), np.full(count, -1, np.int16))


class Question(NamedTuple):
    """What is looked up.

    Attributes:
        scores: (n,) of `SCORES`.
        tenants: (n,) codes of the tenants that gave them: nobody finds calls of another.
        since_ns: Calls that ended before that are not found.
    """

    scores: Rows
    tenants: Codes
    since_ns: int

    def take(self, rows: NDArray[np.bool_]) -> Question:
        """Ask for some of the scores."""
        return Question(self.scores[rows], self.tenants[rows], self.since_ns)


def look_up_exactly(asked: Question, runs: Iterable[Run], keys: Keys) -> Answers:
    """Find the span, else the response; only what names neither is looked up by its trace."""
    runs = list(runs)
    answers = nothing(len(asked.scores))
    if not runs:
        return answers
    named = (asked.scores["span"] != 0) | (asked.scores["response"] != 0)
    for link, rows in (("span", named), ("response", named), ("trace", ~named)):
        left = rows & (answers.keys == UNKNOWN) & (asked.scores[link] != 0)
        if left.any():
            answers.fill(left, look_up(asked.take(left), link, runs, keys))
    return answers


def look_up(asked: Question, link: str, runs: Iterable[Run], keys: Keys) -> Answers:
    """Find the calls that have a link; of several of one arm the last counts."""
    whose: list[NDArray[np.intp]] = []
    codes: list[Codes] = []
    calls: list[Rows] = []
    for run in runs:
        which, places = run.find(link, asked.scores[link])
        if len(which):
            found = run.rows[places]
            whose.append(which)
            calls.append(found)
            codes.append(keys.codes(run.keys, found["key"]))
    if not whose:
        return nothing(len(asked.scores))
    return _decide(asked, np.concatenate(whose), np.concatenate(calls), np.concatenate(codes), keys)


def _decide(
    asked: Question, which: NDArray[np.intp], calls: Rows, codes: Codes, keys: Keys
) -> Answers:
    """Choose among what was found; what does not agree on route, arm and revision is ambiguous."""
    trace = asked.scores["trace"][which]
    fits = (trace == 0) | (trace == calls["trace"])
    fits &= np.array(keys.tenants, np.int64)[codes] == asked.tenants[which]
    fits &= calls["end_ns"] >= asked.since_ns
    answers = nothing(len(asked.scores))
    order = np.flatnonzero(fits)
    if not len(order):
        return answers
    order = order[np.lexsort((calls["slot"][order], calls["end_ns"][order], which[order]))]
    which, codes = which[order], codes[order]
    arms = np.array(keys.arms, np.int64)[codes]
    first = np.flatnonzero(np.diff(which, prepend=-1))
    last = np.append(first[1:], len(which)) - 1
    agreed = np.minimum.reduceat(arms, first) == np.maximum.reduceat(arms, first)
    found = which[first]
    answers.keys[found] = np.where(agreed, codes[last], AMBIGUOUS)
    answers.slots[found] = calls["slot"][order][last]
    return answers
