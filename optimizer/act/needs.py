"""Needs: how long a metric takes to be shown, at a traffic and a share."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from optimizer.act.terms import WANDER_MINUTES
from optimizer.statistics.binary_evidence import Block, non_inferiority
from optimizer.statistics.normal_mixture import calls_to_prove
from optimizer.statistics.wander import share_left

if TYPE_CHECKING:
    from collections.abc import Callable

_MOST_MINUTES = 60 * 24 * 365.0
_LEAST_VARIANCE = 1e-12  # of calls that are all alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """What traffic is expected.

    Attributes:
        calls_per_minute: Of the route.
        share: The candidate's, in (0, 1).
    """

    calls_per_minute: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanNeed:
    """A mean that is to be shown to keep a distance, from calls that all tell it.

    Attributes:
        level: Log of the e-value that is asked for.
        distance: How much worse it may be at most, on its scale.
        scale: Scale of the mixture.
        variances: Of a call of the candidate and of control, design effect included.
        told: Share of calls that tell it, above 0.
        wander_sd: Standard deviation of what the candidate does by itself.
        precision: What is known already: one over the variance of the effect.
        minutes: Over which that was learnt.
    """

    level: float
    distance: float
    scale: float
    variances: tuple[float, float]
    told: float = 1.0
    wander_sd: float = 0.0
    precision: float = 0.0
    minutes: float = 0.0

    def after(self, minutes: float, course: Course) -> MeanNeed:
        """Give the need that is left after some minutes."""
        own, control = self.variances
        of_one_call = own / course.share + control / (1 - course.share)
        gained = self.told * course.calls_per_minute * minutes / max(of_one_call, _LEAST_VARIANCE)
        return replace(self, precision=self.precision + gained, minutes=self.minutes + minutes)

    def minutes_left(self, course: Course) -> float:
        """Give the minutes until a candidate at the present estimate is shown; may be infinite."""
        asked = calls_to_prove(self.distance, 1.0, self.scale, self.level)
        if math.isinf(asked):
            return math.inf
        return _least(lambda minutes: self.after(minutes, course).variance() <= 1 / asked)

    def variance(self) -> float:
        """Give the variance of the effect, wandering included."""
        level = self.wander_sd**2 * float(share_left(np.array(self.minutes), WANDER_MINUTES))
        return 1 / max(self.precision, 1e-12) + level


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareNeed:
    """A share of bad calls that is to be shown to keep a margin.

    Attributes:
        level: Log of the e-value that is asked for, design effect included.
        margin: How much worse it may be at most.
        rates: Expected of the candidate and of control.
        known: Log e-value so far.
    """

    level: float
    margin: float
    rates: tuple[float, float]
    known: float = 0.0

    def after(self, minutes: float, course: Course) -> ShareNeed:
        """Give the need that is left after some minutes."""
        gained = self._gain(course) * course.calls_per_minute * minutes
        return replace(self, known=self.known + gained)

    def minutes_left(self, course: Course) -> float:
        """Give the minutes until a candidate with its rate is shown; infinity beyond a year."""
        left = max(self.level - self.known, 0.0)
        gain = self._gain(course) * course.calls_per_minute
        if not left:
            return 0.0
        return left / gain if left < gain * _MOST_MINUTES else math.inf

    def _gain(self, course: Course) -> float:
        """Give what a call of the route adds on average."""
        rate, control_rate = self.rates
        calls, others = course.share, 1 - course.share
        parts = (calls * rate, calls, others * control_rate, others)
        block = Block(*(np.array(part) for part in parts))
        return float(non_inferiority(block, np.array(control_rate), np.array(self.margin)))


Need = MeanNeed | ShareNeed


def _least(suffices: Callable[[float], bool]) -> float:
    """Give the least minutes that suffice, to a thousandth; infinity beyond a year."""
    if suffices(0.0):
        return 0.0
    if not suffices(_MOST_MINUTES):
        return math.inf
    low, high = 1e-3, _MOST_MINUTES
    while high > low * 1.001:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if suffices(middle) else (middle, high)
    return high
