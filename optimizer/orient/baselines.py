"""Usual levels: what a metric of an arm is by itself, so that a change can be told from a rhythm.

A window's mean is taken as: usual level + rhythm of the hour of day + wandering between windows +
noise of the calls in it. Level, rhythm and the size of the wandering are learnt from disjoint
and hourly windows, exponentially weighted. What is out of the ordinary is clipped before it is
learnt, so that one anomaly does not hide the next.

Without the rhythm an ordinary day (a quarter up and down) hides a lasting rise of a half; without
the wandering, load that comes and goes within the hour is reported daily.

Source: the split into levels of variance, Cochran, "Sampling Techniques", 1977, chapter 10; the
clipping, Huber, "Robust Statistics", 1981, section 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

WARM_WINDOWS = 6  # before so many windows nothing is said
LEVEL_HALF_LIFE = 12 * 60.0  # minutes; much shorter would follow the rhythm, and lag behind it
SPREAD_HALF_LIFE = 24 * 60.0  # minutes; a whole day, so that every hour's wandering is in it
PRIOR_WINDOWS = 12.0  # the assumed wandering counts as much as one hour of clear windows
CLIP_SD = 3.0
SQUARE_CLIP_SD = 2.0
SQUARE_KEPT = 0.9205  # of a normal variance when deviates are clipped at two
LEAST_RHYTHM_GAIN = 0.25  # of a new day, once several days are known
CALLS_REMEMBERED = 500  # for the variance of single calls
HOURS = 24
THOUSANDTHS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """What is assumed of a kind of metric before telemetry shows it, in the metric's own unit.

    Attributes:
        wander_sd: Standard deviation between windows, at first.
        least_wander_sd: The same, at least; without a floor a still metric would cry at a whisper.
        call_sd: Standard deviation between calls, at first.
    """

    wander_sd: float
    least_wander_sd: float
    call_sd: float


class Sample(NamedTuple):
    """A window's mean: how many calls, their mean, their standard deviation."""

    n: int
    mean: float
    sd: float


class Baseline(NamedTuple):
    """The usual level of one metric of one arm. A tuple, because thousands of them are stored.

    Attributes:
        level: Usual mean, without the rhythm.
        weight: Clear windows it rests on.
        wander: Variance between windows.
        wander_weight: Clear windows that rests on.
        call_variance: Variance between calls of one window.
        minute: End of the newest window learnt, minutes since the epoch.
        windows: Windows learnt since it began.
        hours: Hours learnt.
        rhythm: Departure from the level by hour of the day (UTC), thousandths; empty at first.
    """

    level: float
    weight: float
    wander: float
    wander_weight: float
    call_variance: float
    minute: int
    windows: int = 0
    hours: int = 0
    rhythm: tuple[int, ...] = ()


class Departure(NamedTuple):
    """How far a window is from what is usual.

    Attributes:
        usual: What was to be expected.
        difference: The window's mean less that.
        z: The difference in standard deviations.
    """

    usual: float
    difference: float
    z: float


def expected(baseline: Baseline, start: int, end: int) -> float:
    """Give the usual mean of a window, from its first to after its last minute since the epoch.

    Between the middles of two hours the rhythm runs straight.
    """
    rhythm = baseline.rhythm
    if not rhythm:
        return baseline.level
    place = (start + end - 60) / 120 % HOURS
    hour = int(place)
    share = place - hour
    departure = rhythm[hour] * (1 - share) + rhythm[(hour + 1) % HOURS] * share
    return baseline.level + departure / THOUSANDTHS


def departure(
    baseline: Baseline, scale: Scale, sample: Sample, start: int, end: int
) -> Departure | None:
    """Compare a window with what is usual; None while too little is known."""
    if baseline.windows < WARM_WINDOWS:
        return None
    usual = expected(baseline, start, end)
    wander = max(baseline.wander, scale.least_wander_sd**2) * (1 + 1 / baseline.weight)
    difference = sample.mean - usual
    return Departure(
        usual, difference, difference / math.sqrt(baseline.call_variance / sample.n + wander)
    )


def learn(
    baseline: Baseline | None, scale: Scale, sample: Sample, start: int, end: int
) -> Baseline:
    """Learn level and wandering from a window, disjoint from those learnt before."""
    if baseline is None:
        baseline = Baseline(0.0, 0.0, scale.wander_sd**2, PRIOR_WINDOWS, scale.call_sd**2, end)
    clear = _clarity(baseline, scale, sample)
    weight = baseline.weight * 0.5 ** ((end - baseline.minute) / LEVEL_HALF_LIFE) + clear
    step = sample.mean - expected(baseline, start, end)
    if baseline.windows:
        baseline = _wandered(baseline, scale, sample, step, end)
        step = _clipped(step, CLIP_SD * _window_sd(baseline, scale, sample)) * clear / weight
    more = sample.n - 1
    gain = more / (more + CALLS_REMEMBERED)
    return baseline._replace(
        level=baseline.level + step,
        weight=weight,
        call_variance=baseline.call_variance + gain * (sample.sd**2 - baseline.call_variance),
        minute=end,
        windows=baseline.windows + 1,
    )


def learn_rhythm(baseline: Baseline, scale: Scale, sample: Sample, end: int) -> Baseline:
    """Learn the rhythm from an hourly window that ends at a minute."""
    rhythm = baseline.rhythm or (0,) * HOURS
    hour = (end // 60 - 1) % HOURS
    # An hour's mean of a course that runs straight between the middles of hours.
    here = (rhythm[hour - 1] + 6 * rhythm[hour] + rhythm[(hour + 1) % HOURS]) / 8 / THOUSANDTHS
    most = CLIP_SD * _window_sd(baseline, scale, sample)
    step = _clipped(sample.mean - baseline.level - here, most)
    gain = max(1 / (1 + baseline.hours // HOURS), LEAST_RHYTHM_GAIN)
    learnt = rhythm[hour] + round(gain * _clarity(baseline, scale, sample) * step * THOUSANDTHS)
    return baseline._replace(
        hours=baseline.hours + 1, rhythm=(*rhythm[:hour], learnt, *rhythm[hour + 1 :])
    )


def _wandered(baseline: Baseline, scale: Scale, sample: Sample, step: float, end: int) -> Baseline:
    """Learn the wandering from a window's departure from what is usual."""
    known = _clarity(baseline, scale, sample) ** 2
    most = SQUARE_CLIP_SD * _window_sd(baseline, scale, sample)
    square = _clipped(step, most) ** 2 / SQUARE_KEPT
    surplus = square - baseline.call_variance / sample.n - baseline.wander
    weight = baseline.wander_weight * 0.5 ** ((end - baseline.minute) / SPREAD_HALF_LIFE) + known
    return baseline._replace(
        wander=max(baseline.wander + known / weight * surplus, 0.0), wander_weight=weight
    )


def _clarity(baseline: Baseline, scale: Scale, sample: Sample) -> float:
    """Give how much of a window's departure is not the noise of its calls.

    By the wandering assumed, not by the one learnt: else what raises the wandering also raises its
    own weight, and an anomaly excuses itself.
    """
    return 1 / (1 + baseline.call_variance / sample.n / scale.wander_sd**2)


def _window_sd(baseline: Baseline, scale: Scale, sample: Sample) -> float:
    """Give the standard deviation of a window's mean."""
    wander = max(baseline.wander, scale.least_wander_sd**2)
    return math.sqrt(baseline.call_variance / sample.n + wander)


def renewed(baseline: Baseline, scale: Scale) -> Baseline:
    """Give a baseline that takes the next window as its level, and keeps its rhythm."""
    return baseline._replace(
        weight=0.0, windows=0, wander=scale.wander_sd**2, wander_weight=PRIOR_WINDOWS
    )


def _clipped(step: float, most: float) -> float:
    return min(max(step, -most), most)
