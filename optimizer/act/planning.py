"""Planning: what a rollout would take, worked out beforehand for a candidate that is no worse."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from optimizer.act.gates import LEAST_CALLS
from optimizer.act.margins import Margins
from optimizer.act.needs import Course, MeanNeed, Need, ShareNeed
from optimizer.act.terms import LATENCIES, MEANS, SHARE_OF_SLOW, SHARES, Terms
from optimizer.documents import SLOTS

if TYPE_CHECKING:
    from optimizer.act.terms import Gate


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How a mean varies over calls.

    Attributes:
        sd: Standard deviation over the calls that tell it, of natural logs or of scores.
        told: Share of calls that tell it, in [0, 1].
    """

    sd: float
    told: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Traffic:
    """What a route's traffic was lately.

    Attributes:
        calls_per_minute: How much of it there is.
        spreads: How each mean varies, by metric; a metric nobody told is not in it.
        error_rate: Share of failed calls.
    """

    calls_per_minute: float
    spreads: Mapping[str, Spread]
    error_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedMetric:
    """What one metric takes at one step.

    Attributes:
        metric: The metric.
        margin: How much worse the candidate may be at this step, as the terms count it.
        minutes: Until it is shown; None when it never is.
        calls: Of the route until then; None likewise.
    """

    metric: str
    margin: float
    minutes: float | None
    calls: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """What one step takes.

    Attributes:
        slots: Of 200, the candidate's.
        share: The candidate's share of the traffic, 0 to 1.
        next_share: What it has after that.
        least_minutes: Least time of the step.
        minutes: How long it takes; None when it never ends.
        calls: Calls of the route in that time; None likewise.
        candidate_calls: Those of the candidate; None likewise.
        metrics: What each required metric takes, evidence of earlier steps taken into account.
    """

    slots: int
    share: float
    next_share: float
    least_minutes: float
    minutes: float | None
    calls: int | None
    candidate_calls: int | None
    metrics: tuple[PlannedMetric, ...]


def plan(
    terms: Terms, traffic: Traffic, least_minutes: tuple[float, ...]
) -> tuple[PlannedStep, ...]:
    """Say what each step would take for a candidate that is exactly as good as the incumbent.

    Each call is taken to be independent of every other: where one user makes many, it takes more.

    Args:
        terms: What candidates are judged by.
        traffic: What traffic is expected.
        least_minutes: Least time of each step but the last.

    Returns:
        The steps but the last, up to the first that never ends.
    """
    steps: list[PlannedStep] = []
    needs = {gate: _needs(gate, terms, traffic) for gate in terms.gates if gate.is_required}
    for place, slots in enumerate(terms.ladder[:-1]):
        course = Course(calls_per_minute=traffic.calls_per_minute, share=slots / SLOTS)
        left = {gate: each[place].minutes_left(course) for gate, each in needs.items()}
        fewest = LEAST_CALLS / course.share / course.calls_per_minute
        minutes = max(fewest, least_minutes[place], *left.values())
        told = tuple(_metric(gate, place, terms, each, course) for gate, each in left.items())
        steps.append(
            _step((slots, terms.ladder[place + 1]), course, least_minutes[place], minutes, told)
        )
        if math.isinf(minutes):
            break
        needs = {
            gate: tuple(need.after(minutes, course) for need in each)
            for gate, each in needs.items()
        }
    return tuple(steps)


def _needs(gate: Gate, terms: Terms, traffic: Traffic) -> tuple[Need, ...]:
    """Give what a metric needs at each step: evidence is carried, the margin shrinks."""
    margins, level = Margins.of(terms), -math.log(terms.alpha)
    if gate.metric in SHARES:
        place = SHARES.index(gate.metric)
        rate = (traffic.error_rate, SHARE_OF_SLOW)[place]
        return tuple(
            ShareNeed(level=level, margin=margin, rates=(rate, rate))
            for margin in margins.shares[place].tolist()
        )
    spread = traffic.spreads.get(gate.metric, Spread(sd=1.0, told=0.0))
    return tuple(
        MeanNeed(
            level=level,
            distance=distance,
            scale=distance,
            variances=(spread.sd**2, spread.sd**2),
            told=spread.told,
            wander_sd=terms.wander_sd if gate.metric in LATENCIES else 0.0,
        )
        for distance in margins.means[MEANS.index(gate.metric)].tolist()
    )


def _metric(gate: Gate, place: int, terms: Terms, minutes: float, course: Course) -> PlannedMetric:
    return PlannedMetric(
        metric=gate.metric,
        margin=gate.margin * SLOTS / terms.ladder[place + 1],
        minutes=None if math.isinf(minutes) else minutes,
        calls=None if math.isinf(minutes) else math.ceil(minutes * course.calls_per_minute),
    )


def _step(
    slots: tuple[int, int],
    course: Course,
    least_minutes: float,
    minutes: float,
    metrics: tuple[PlannedMetric, ...],
) -> PlannedStep:
    ends = not math.isinf(minutes)
    calls = minutes * course.calls_per_minute
    return PlannedStep(
        slots=slots[0],
        share=course.share,
        next_share=slots[1] / SLOTS,
        least_minutes=least_minutes,
        minutes=minutes if ends else None,
        calls=math.ceil(calls) if ends else None,
        candidate_calls=math.ceil(calls * course.share) if ends else None,
        metrics=metrics,
    )
