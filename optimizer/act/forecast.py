"""Forecast: what the slowest open metric of a rollout still needs, and when that comes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from optimizer.act.gates import LEAST_CALLS
from optimizer.act.margins import Margins
from optimizer.act.minutes import KIND_OF_MEAN
from optimizer.act.needs import Course, MeanNeed, Need, ShareNeed
from optimizer.act.terms import LATENCIES, MEANS, SHARES
from optimizer.documents import SLOTS

if TYPE_CHECKING:
    from optimizer.act.terms import Gate
    from optimizer.act.trials import Trials

_PSEUDO_CALLS = 200.0  # at control's rate, so that one early error does not look like a habit


class Forecast(NamedTuple):
    """What is still needed.

    Attributes:
        metric: The slowest open one; `""` when calls as such are short.
        minutes: At the present traffic; infinity when it cannot be shown.
        calls: Of the route, in these minutes.
    """

    metric: str
    minutes: float
    calls: float


def course_of(trials: Trials) -> Course | None:
    """Give the traffic of the first rollout's step; None before its first call."""
    calls, minutes = float(trials.share.stamped[0].sum()), float(trials.age_secs[0]) / 60
    if not calls or not minutes:
        return None
    return Course(calls_per_minute=calls / minutes, share=float(trials.gates.slots[0]) / SLOTS)


def forecast(trials: Trials) -> Forecast | None:
    """Say what the first rollout of trials still needs to pass; None before its first call."""
    course = course_of(trials)
    if course is None or trials.gates.terms.is_holdback:
        return None
    fewest = _calls_left(trials, course)
    # What no call has told is unknown while calls are few, and never shown once they are enough.
    untold = 0.0 if fewest else math.inf
    left = [("", fewest)]
    for gate in trials.gates.terms.gates:
        if gate.is_required:
            need = _need(trials, gate)
            left.append((gate.metric, need.minutes_left(course) if need else untold))
    metric, minutes = max(left, key=lambda each: each[1])
    return Forecast(metric, minutes, minutes * course.calls_per_minute)


def _calls_left(trials: Trials, course: Course) -> float:
    """Give the minutes until the candidate has the calls that any look needs."""
    missing = max(LEAST_CALLS - float(trials.share.stamped[0, 0]), 0.0)
    return missing / course.share / course.calls_per_minute


def _need(trials: Trials, gate: Gate) -> Need | None:
    """Give what a metric needs; None while too little is known of it to tell."""
    return _share_need(trials, gate) if gate.metric in SHARES else _mean_need(trials, gate)


def _share_need(trials: Trials, gate: Gate) -> ShareNeed:
    gates, place, step = trials.gates, SHARES.index(gate.metric), int(trials.gates.step[0])
    rates = gates.rates
    control = float(rates.control_rates(gates.terms)[0, place])
    hits, calls = float(rates.hits[0, place, 0]), float(rates.trials[0, place, 0])
    own = (hits + _PSEUDO_CALLS * control) / (calls + _PSEUDO_CALLS)
    return ShareNeed(
        level=-math.log(gates.terms.alpha) * float(gates.precision().design[0, place]),
        margin=float(Margins.of(gates.terms).shares[place, step]),
        rates=(max(own, control), control),
        known=float(rates.safe[0, place, step]),
    )


def _mean_need(trials: Trials, gate: Gate) -> MeanNeed | None:
    gates, place, step = trials.gates, MEANS.index(gate.metric), int(trials.gates.step[0])
    known = gates.contrast.calls[0, place]
    calls = float(gates.clusters.calls.sum())
    if not known.all() or not calls:
        return None
    design = float(gates.clusters.design()[0, KIND_OF_MEAN[place]])
    own, control = (gates.contrast.variances()[0, place] * design).tolist()
    variance = float(gates.contrast.effects().variance[0, 0, place]) * design
    distance = float(Margins.of(gates.terms).means[place, step])
    # An estimate from few calls is drawn towards no effect, as far as it may be chance.
    worse = max(float(gates.signed_effects()[0, 0, place]), 0.0)
    worse *= distance**2 / (distance**2 + variance)
    return MeanNeed(
        level=-math.log(gates.terms.alpha),
        distance=distance - worse,
        scale=distance,
        variances=(own, control),
        told=min(float(known.sum()) / calls, 1.0),
        wander_sd=gates.terms.wander_sd if gate.metric in LATENCIES else 0.0,
        precision=1 / variance,
        minutes=float(gates.minutes[0, 0]),
    )
