"""A panel: rollouts judged together by the gates, begun and ended each at its own time."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from optimizer.act.trials import Outcome, Trials
from tests.benchmarks.gates.evidence import Limits, instant_of, minute_of
from tests.benchmarks.gates.outcomes import Served

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from optimizer.act.terms import Terms
    from tests.benchmarks.gates.post import Scores

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]

State = TypeVar("State")


class Panel:
    """Those of n rollouts that are judged by the same terms.

    Args:
        terms: The terms.
        rollouts: How many there are in all, n.
        slotted: Calls carry their slot.

    Attributes:
        rows: (k,) which of the n are judged here.
        trials: What judges them, in the order of `rows`.
    """

    def __init__(self, terms: Terms, rollouts: int, *, slotted: bool = True) -> None:
        self._terms = terms
        self._slotted = slotted
        self._limits = Limits.of(terms)
        self._n = rollouts
        self.rows = np.zeros(0, np.int64)
        self.trials = Trials.begin(terms, 0)

    def join(self, rows: Ints, slots: int, next_slots: int) -> None:
        """Begin to judge some of the n, with so many slots for the candidate."""
        fresh = Trials.begin(self._terms, len(rows))
        fresh.begin_step(slots, next_slots)
        self.trials = _each(lambda *parts: np.concatenate(parts), self.trials, fresh)
        self.rows = np.concatenate((self.rows, rows))

    def leave(self, gone: Flags) -> None:
        """Judge some, (n,), no longer."""
        stay = ~gone[self.rows]
        if not stay.all():
            self.trials = _each(lambda part: part[stay], self.trials)
            self.rows = self.rows[stay]

    def begin_step(self, mine: Flags, slots: int, next_slots: int) -> None:
        """Give more slots to the candidates of some, (n,)."""
        if mine[self.rows].any():
            self.trials.begin_step(slots, next_slots, mine[self.rows])

    def take(self, served: Served) -> None:
        """Add ten seconds of calls of the n."""
        here = self._here(served)
        slots = self.trials.gates.slots
        instant, slot_calls = instant_of(here, slots, self._limits)
        if not self._slotted:
            instant = instant._replace(strays=0 * instant.strays, slotted=0 * instant.slotted)
            slot_calls *= 0
        self.trials.take_instant(instant, slot_calls)

    def take_minute(self, ticks: Sequence[Served], scores: Scores) -> None:
        """Add the minute that is over: its calls, and the scores that came."""
        calls = Served(*map(np.concatenate, zip(*map(self._here, ticks), strict=True)))
        calls = Served(*(column[~calls.stale] if len(column) else column for column in calls))
        came = self._here(scores)
        minute = minute_of(calls, came, len(self.rows), self._limits)
        if not self._slotted:
            minute = minute._replace(
                slot_calls=0 * minute.slot_calls, slot_total=0 * minute.slot_total
            )
        self.trials.take_minute(minute)

    def outcomes(self) -> Ints:
        """Give (n,) what the gates find; `Outcome.OPEN` for those not judged here."""
        found = np.full(self._n, Outcome.OPEN)
        found[self.rows] = self.trials.outcomes()[0]
        return found

    def log_harm(self) -> NDArray[np.float64]:
        """Give (k, metrics) what speaks for harm, in the order of `rows`."""
        return self.trials.gates.log_harm()

    def _here(self, columns: State) -> State:
        """Keep the calls or scores of those judged here, and name rows by their place here."""
        place = np.full(self._n, -1)
        place[self.rows] = np.arange(len(self.rows))
        row = place[columns.row]
        kept = type(columns)(*(part[row >= 0] if len(part) else part for part in columns))
        return kept._replace(row=row[row >= 0])


def _each(change: Callable[..., NDArray[np.float64]], *states: State) -> State:
    """Give a state like these, each of its arrays made from theirs; what is no array is shared."""
    made = {}
    for field in fields(states[0]):
        parts = [getattr(state, field.name) for state in states]
        if isinstance(parts[0], np.ndarray):
            made[field.name] = change(*parts)
        elif is_dataclass(parts[0]) and field.name != "terms":
            made[field.name] = _each(change, *parts)
    return replace(states[0], **made)
