"""Trials: all that judges n rollouts, and what it finds, in one order of precedence."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from optimizer.act.gates import LEAST_CALLS, LEAST_EFFECTIVE_SLOTS, Gates, Precision
from optimizer.act.hard_limits import Breaches, HardLimits
from optimizer.act.margins import Margins
from optimizer.act.minutes import SLOT_KINDS
from optimizer.act.share_check import ShareCheck
from optimizer.act.slot_watch import SlotWatch
from optimizer.act.terms import METRICS, Terms
from optimizer.statistics.slot_ratio import log_holding_enough

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.act.minutes import Instant, Minute

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]
    Bools = NDArray[np.bool_]

LEAST_MINUTES = 3.0  # of a step, before it may pass
TICK_SECS = 10.0
_HANG_RISK, _FIRST_HANG_LOOK = 1e-4, 100.0  # looks at 100, 150, 225 calls and so on
_COVERAGE_RISK, _FIRST_COVERAGE_LOOK = 5e-4, 50.0
_QUALITY = METRICS.index("quality")
_SCORES = SLOT_KINDS.index("quality")


class Outcome(IntEnum):
    """What a look finds; where several hold, the first one."""

    HARD_LIMIT = 0  # the candidate surely breaks one, and control does not
    SHARE_MISMATCH = 1
    HANG = 2
    HARM = 3
    COMMON_CAUSE = 4  # one arm surely breaks a limit, and the other is above it too
    LIMIT_UNCLEAR = 5  # the candidate surely breaks one; control has had too few calls meanwhile
    TOO_EARLY = 6
    FEW_UNITS = 7
    UNVERIFIED = 8
    SCORE_COVERAGE = 9  # quality is required, and one arm is scored more than the other
    PASSED = 10
    WATCHED = 11  # a holdback in which nothing was found
    UNFINISHED = 12  # it is not shown yet that enough of the candidate's calls end
    OPEN = 13  # some metric is not shown yet to keep its margin


@dataclass
class Trials:
    """n rollouts that share their terms.

    Attributes:
        gates: Their comparisons.
        limits: What no arm may do.
        breaches: What the newest look at them found.
        share: Whether traffic is where it should be.
        completed: Calls by slot: candidates that hang.
        scored: Scores by slot: scores that one arm gets more of.
        age_secs: (n,) since the step began.
        harmed: (n,) proved by the newest whole minute.
        passed: (n,) metrics were, likewise.
        finished: (n,) and that calls end.
    """

    gates: Gates
    limits: HardLimits
    breaches: Breaches
    share: ShareCheck
    completed: SlotWatch
    scored: SlotWatch
    age_secs: Floats
    harmed: Bools
    passed: Bools
    finished: Bools

    @classmethod
    def begin(cls, terms: Terms, n: int = 1) -> Trials:
        """Begin n rollouts with nothing seen."""
        nothing = np.zeros(n, np.bool_)
        return cls(
            Gates.begin(terms, n),
            HardLimits.empty(n),
            HardLimits.empty(n).look(terms),
            ShareCheck.empty(n),
            SlotWatch.empty(n, _FIRST_HANG_LOOK),
            SlotWatch.empty(n, _FIRST_COVERAGE_LOOK),
            np.zeros(n),
            nothing,
            nothing.copy(),
            nothing.copy(),
        )

    def begin_step(self, slots: int, next_slots: int, mine: Bools | None = None) -> None:
        """Begin a step, as `Gates.begin_step`; everywhere by default."""
        mine = np.ones(len(self.age_secs), np.bool_) if mine is None else mine
        self.gates.begin_step(slots, next_slots, mine)
        self.share.begin_step(mine)
        self.completed.begin_step(mine, _FIRST_HANG_LOOK)
        self.scored.begin_step(mine, _FIRST_COVERAGE_LOOK)
        self.age_secs[mine] = 0
        self.harmed[mine] = False
        self.passed[mine] = False
        self.finished[mine] = False

    def take_instant(self, instant: Instant, slot_calls: Floats) -> None:
        """Add ten seconds, and look at what waits for no minute.

        Args:
            instant: What was seen.
            slot_calls: (n, slots) calls of the step's revision by slot.
        """
        terms = self.gates.terms
        settled = self.age_secs >= terms.grace_secs
        # Until calls as slow as they come have ended, a slower arm lacks some.
        even = self.age_secs >= max(terms.grace_secs, terms.first_look_secs)
        self.limits.add(instant)
        self.breaches = self.limits.look(terms)
        self.limits.wait(self.breaches)
        self.share.add(instant, self.gates.slots, settled, even)
        self.completed.add(slot_calls * even[:, None], self.gates.owned(), _HANG_RISK)
        self.age_secs += TICK_SECS

    def take_minute(self, minute: Minute) -> None:
        """Add a whole minute, and compare."""
        self.gates.add(minute)
        scores = np.maximum(minute.slot_calls[..., _SCORES], 0)
        self.scored.add(scores, self.gates.owned(), _COVERAGE_RISK)
        level, precision = -math.log(self.gates.terms.alpha), self.gates.precision()
        harm = self.gates.log_harm(precision)
        self.harmed = self.gates.log_total(harm, self._unusable()) >= level
        if not self.gates.terms.is_holdback:
            self.passed = self._is_safe(level, precision)
            self.finished = self._is_finishing(level)

    def outcomes(self) -> tuple[Ints, Breaches]:
        """Give (n,) what a look finds now, and the limits it found broken."""
        found = self._found(self.breaches)
        order = sorted(found)
        return np.select([found[each] for each in order], order, Outcome.OPEN), self.breaches

    def _found(self, breaches: Breaches) -> dict[Outcome, Bools]:
        terms, few = self.gates.terms, self.gates.effective_slots() < LEAST_EFFECTIVE_SLOTS
        early = self.age_secs < terms.first_look_secs
        return {
            Outcome.HARD_LIMIT: breaches.alone | self.limits.is_patience_over(),
            Outcome.SHARE_MISMATCH: self.share.is_mismatched(terms.unit),
            Outcome.HANG: self.completed.scarce | self.share.is_lacking(terms.unit),
            Outcome.HARM: self.harmed & ~few & ~early,
            Outcome.COMMON_CAUSE: breaches.shared,
            Outcome.LIMIT_UNCLEAR: breaches.broken[:, 0].max(-1),
            Outcome.TOO_EARLY: early | ~self._has_enough(),
            Outcome.FEW_UNITS: few,
            Outcome.UNVERIFIED: ~self.share.is_verified(terms.unit),
            Outcome.SCORE_COVERAGE: self._unusable()[:, _QUALITY] & self._needs_quality(),
            Outcome.PASSED: self.passed & self.finished & ~breaches.suspect,
            Outcome.UNFINISHED: self.passed & ~self.finished,
            Outcome.WATCHED: np.full(len(few), terms.is_holdback),
        }

    def _has_enough(self) -> Bools:
        enough: Bools = self.share.stamped[:, 0] >= LEAST_CALLS
        return enough & (self.gates.minutes[:, 1] >= LEAST_MINUTES)

    def _needs_quality(self) -> bool:
        gate = self.gates.terms.gate("quality")
        return gate is not None and gate.is_required

    def _unusable(self) -> Bools:
        """Tell (n, metrics) which comparisons are biased."""
        unusable = np.zeros((len(self.age_secs), len(METRICS)), np.bool_)
        unusable[:, _QUALITY] = self.scored.scarce | self.scored.control_scarce
        return unusable

    def _is_safe(self, level: float, precision: Precision) -> Bools:
        gates = self.gates.terms.gates
        required = [METRICS.index(gate.metric) for gate in gates if gate.is_required]
        safe: Bools = (self.gates.log_safe(precision)[:, required] >= level).min(-1)
        return safe

    def _is_finishing(self, level: float) -> Bools:
        """Tell (n,) where it is shown that enough calls end.

        Calls that never end are in no metric, and chance alone hides for long that half of them
        are missing. Without slots the share check would miss them.
        """
        lost = Margins.of(self.gates.terms).lost[self.gates.step]
        proof = log_holding_enough(self.completed.held, self.gates.owned(), lost)
        finishing: Bools = (proof >= level) | ~self.share.is_slotted()
        return finishing
