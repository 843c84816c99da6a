"""Rivals in the loop: what others would have done with the same candidates at the same times.

A rival tries the candidates that the documents tried, from the same instants on, on the same units
with the same salts, with telemetry and changes as late as ours. It tries them one after another:
what is proposed while it is still busy with another waits. Its share is of slots, as ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.documents import SLOTS
from optimizer.simulate.arrivals import MINUTE_NS
from optimizer.simulate.rivals import Minute, Standing, Usual
from optimizer.simulate.users import unit_names
from optimizer.slots import slots_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from optimizer.documents import Document
    from optimizer.simulate.potential import Potential
    from optimizer.simulate.rivals import Rival
    from optimizer.simulate.steering import Steering
    from optimizer.simulate.worth import Worth

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Rows = NDArray[np.intp]

_USUAL_NS = 60 * MINUTE_NS  # of the incumbent's calls before a trial tell what is usual
_CANDIDATE, _INCUMBENT = 0, 1


class Trial(NamedTuple):
    """A candidate that documents tried.

    Attributes:
        start_ns: When they were first followed, from the start of the world.
        arm: Place of the candidate.
        document: The first of them.
    """

    start_ns: int
    arm: int
    document: Document


def trials(steering: Steering, drawn: Potential) -> list[Trial]:
    """Give the candidates that were tried: arms given slots by a new decision, beside another."""
    places = {item.arm.id: place for place, item in enumerate(drawn.route.arms)}
    found: dict[tuple[str, str], Trial] = {}
    follow_ns = steering.effective_ns(steering.replicas)
    for document, at_ns in zip(steering.documents, follow_ns.tolist(), strict=True):
        candidate = document.allotments[0].arm
        if candidate != document.incumbent and len(document.allotments) > 1:
            key = (document.decision_id, document.salt)
            start_ns = at_ns - drawn.start_ns
            found.setdefault(key, Trial(start_ns, places[candidate], document))
    return list(found.values())


class Rivalry(NamedTuple):
    """Who else tries the candidates.

    Attributes:
        makes: By name, what makes a rival of what is usual for the incumbent.
        lag_ns: From the end of a minute until what a rival makes of it is followed.
    """

    makes: Mapping[str, Callable[[Usual], Rival]]
    lag_ns: int


class Contest:
    """One rival on one route; one owner, changed in place.

    Args:
        drawn: The route's calls, and what each arm would make of them.
        valued: What that would be worth.
        make: Makes the rival.
        lag_ns: From the end of a minute until what is made of it is followed.

    Attributes:
        arm: (n,) who serves each call; -1 for those not made.
    """

    def __init__(
        self, drawn: Potential, valued: Worth, make: Callable[[Usual], Rival], lag_ns: int
    ) -> None:
        self.arm = np.full(len(drawn.asked), -1, np.int16)
        self._drawn = drawn
        self._valued = valued
        self._make = make
        self._lag_ns = lag_ns
        self._rows = drawn.made
        self._at_ns = drawn.asked.at_ns[drawn.made]
        self._incumbent = 0
        self._served = 0

    def play(self, tried: Sequence[Trial]) -> NDArray[np.int16]:
        """Play the trials one after another; give who serves each call."""
        end_ns = int(self._at_ns[-1]) + 1 if len(self._at_ns) else 0
        for trial in tried:
            if trial.arm != self._incumbent:
                self._serve(trial.start_ns)
                self._try(trial, end_ns)
        self._serve(end_ns)
        return self.arm

    def _serve(self, until_ns: int) -> Rows:
        """Let the incumbent serve the calls until an instant; give them."""
        end = max(self._served, int(np.searchsorted(self._at_ns, until_ns)))
        rows = self._rows[self._served : end]
        self.arm[rows] = self._incumbent
        self._served = end
        return rows

    def _try(self, trial: Trial, end_ns: int) -> None:
        start_ns = max(trial.start_ns, int(self._at_ns[max(self._served - 1, 0)]))
        rival = self._make(self._usual(start_ns))
        minutes = max(0, (end_ns - start_ns) // MINUTE_NS)
        sums = np.zeros((len(Minute._fields), minutes + 2, 2))
        for minute in range(minutes):
            follow_ns = start_ns + (minute + 1) * MINUTE_NS + self._lag_ns
            self._share(trial, float(rival.share[0]), follow_ns, start_ns, sums)
            rival.take(Minute(*(column[minute][None, :] for column in sums)))
            if rival.standing[0] != Standing.RUNNING:
                break
        else:
            self._share(trial, float(rival.share[0]), end_ns, start_ns, sums)
        if rival.standing[0] == Standing.PROMOTED:
            self._incumbent = trial.arm

    def _share(
        self, trial: Trial, share: float, until_ns: int, start_ns: int, sums: Floats
    ) -> None:
        """Deal the calls until an instant, and add what came of them to the minutes they end in."""
        rows = self._serve(until_ns)
        slot = self._slots(trial.document, rows)
        mine = slot < round(share * SLOTS)
        self.arm[rows[mine]] = trial.arm
        for side, part in ((_CANDIDATE, rows[mine]), (_INCUMBENT, rows[~mine])):
            _add(sums[:, :, side], self._ended(part, start_ns), self._columns(part))

    def _slots(self, document: Document, rows: Rows) -> Ints:
        units, place = np.unique(self._drawn.callers.unit(document.unit)[rows], return_inverse=True)
        names = unit_names(document.unit, self._drawn.index, units)
        return np.array(slots_of(document.salt, names), np.int64)[place]

    def _ended(self, rows: Rows, start_ns: int) -> Ints:
        """Give the minute each call ends in, counted from the start of the trial."""
        latency_ns = np.zeros(len(rows), np.int64)
        for place in np.unique(self.arm[rows]).tolist():
            mine = self.arm[rows] == place
            latency_ns[mine] = self._drawn.outcomes[place].latency_ns[rows[mine]]
        return (self._drawn.asked.at_ns[rows] + latency_ns - start_ns) // MINUTE_NS

    def _columns(self, rows: Rows) -> Floats:
        """Give (4, calls) what a rival's minute sums; a call that never ends is in none."""
        arm, valued = self.arm[rows], self._valued
        ended = ~valued.hung[arm, rows]
        failed = valued.failed[arm, rows]
        latency_ms = np.nan_to_num(valued.latency_ms[arm, rows])
        cost_usd = np.where(failed, 0.0, valued.cost_usd[arm, rows])
        return np.stack((np.ones(len(rows)), failed, latency_ms, cost_usd)) * ended

    def _usual(self, start_ns: int) -> Usual:
        """Tell what the incumbent did before a trial."""
        at_ns = self._drawn.asked.at_ns
        rows = self._rows[: self._served]
        lately = rows[at_ns[rows] >= start_ns - _USUAL_NS]
        calls, failed, latency_ms, cost_usd = self._columns(lately).sum(axis=1).tolist()
        good = max(calls - failed, 1.0)
        return Usual(failed / max(calls, 1.0), latency_ms / good, cost_usd / good)


def _add(sums: Floats, minute: Ints, columns: Floats) -> None:
    """Add (metrics, calls) to the (metrics, minutes) they belong to, those after the last apart."""
    inside = minute < sums.shape[1]
    for row, column in enumerate(columns[:, inside]):
        np.add.at(sums[row], minute[inside], column)
