"""Noisy traffic of one route, as window summaries: weeks of it in a second.

Only what the controller sees is drawn: sums by minute, from their exact distributions (normal and
chi-squared sums of logs, binomial and multinomial counts), not call by call.

The noise: lognormal latency with sigma .6, a common load that wanders as AR(1) (phi .95 a minute,
stationary sd .08 on the log), a daily rhythm of 25 % in level and 50 % in rate, 2 % errors,
lognormal cost with sd .8, one answer in five scored (0, .5 or 1; mean .8).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from optimizer.controller import Observation
from optimizer.windows import WindowKind, WindowSummary

if TYPE_CHECKING:
    from collections.abc import Iterator

START = datetime(2025, 3, 3, tzinfo=UTC)
ROUTE = "acme/shop/answer"
ARM = "gpt-4o-11111111"
DAY = 1440
LENGTHS = {
    WindowKind.MINUTE: 1,
    WindowKind.SLIDING: 5,
    WindowKind.QUARTER: 15,
    WindowKind.HOUR: 60,
}
MEDIAN_MS, SIGMA = 800.0, 0.6
COST_LOG, COST_SD = math.log(5000.0), 0.8
LIMIT_MS = 5000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """What changes from one minute on until another.

    Attributes:
        start: First minute of it.
        stop: First minute after it.
        latency: Factor.
        errors: Share of calls that fail; None for the usual.
        cost: Factor.
        quality: Added to the mean score; at most 0.
        rate: Factor.
    """

    start: int = 0
    stop: int = 10**9
    latency: float = 1.0
    errors: float | None = None
    cost: float = 1.0
    quality: float = 0.0
    rate: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Noise:
    """How noisy a route is, and what happens to it.

    Attributes:
        minutes: How long it lives.
        rate: Calls a minute on average.
        seed: Of all that is random.
        load_sd: Stationary sd of the log load.
        level: Amplitude of the daily rhythm of latency.
        swing: Amplitude of the daily rhythm of the rate.
        scored: Share of successful calls that are scored.
        incident: What happens.
        arm: The arm that serves all of it.
    """

    minutes: int
    rate: float
    seed: int
    load_sd: float = 0.08
    level: float = 0.25
    swing: float = 0.5
    scored: float = 0.2
    incident: Incident = field(default_factory=Incident)
    arm: str = ARM


class Traffic:
    """The sums of each minute of a route's life."""

    def __init__(self, noise: Noise) -> None:
        self._arm = noise.arm
        # One generator for each quantity: an incident changes nothing that came before it.
        rng = [np.random.default_rng([noise.seed, number]) for number in range(12)]
        minute = np.arange(noise.minutes)
        event = noise.incident
        during = (minute >= event.start) & (minute < event.stop)
        phase = rng[0].uniform(0, 2 * np.pi)
        turn = 2 * np.pi * minute / DAY + phase
        expected = noise.rate * (1 + noise.swing * np.sin(turn + 1))
        calls = rng[1].poisson(expected * np.where(during, event.rate, 1))
        share = np.where(during & (event.errors is not None), event.errors or 0, 0.02)
        errors = rng[2].binomial(calls, share)
        good = calls - errors
        level = np.log(MEDIAN_MS) + np.log1p(noise.level * np.sin(turn))
        level = level + _load(rng[3], noise) + during * np.log(event.latency)
        slow = 0.5 * _erfc((np.log(LIMIT_MS) - level) / SIGMA / np.sqrt(2))
        cost_level = COST_LOG + during * np.log(event.cost)
        usd = np.exp(cost_level + COST_SD**2 / 2) / 1e6
        scores = rng[4].binomial(good, noise.scored)
        best = 0.7 + np.where(during, event.quality, 0)
        worst, half = _multinomial(rng[5], scores, 1 - best - 0.2, 0.2)
        log_sum, log_square = _sums(rng[6], rng[7], good, level, SIGMA)
        cost_sum, cost_square = _sums(rng[8], rng[9], calls, cost_level, COST_SD)
        wobble = 1 + rng[10].standard_normal(len(minute)) * 0.9 / np.sqrt(np.maximum(calls, 1))
        score_sum = scores - worst - half / 2
        self._sums = np.cumsum(
            np.stack(
                [
                    calls, errors, rng[11].binomial(good, slow), log_sum, log_square,
                    calls * usd * np.maximum(wobble, 0.1), cost_sum, cost_square,
                    scores, score_sum, scores - worst - half * 0.75,
                ],
                axis=1,
            ),
            axis=0,
        )  # fmt: skip
        self._sums = np.concatenate((np.zeros((1, self._sums.shape[1])), self._sums))

    def observations(self, start: int, stop: int) -> Iterator[Observation]:
        """Give what the controller sees at the end of each minute from `start` on."""
        for minute in range(start + 1, stop + 1):
            at = START + timedelta(minutes=minute)
            summaries = []
            for kind, length in LENGTHS.items():
                whole = kind is WindowKind.SLIDING or minute % length == 0
                if whole:
                    sums = self._sums[minute] - self._sums[max(minute - length, 0)]
                    if sums[0]:
                        summaries.append(_summary(self._arm, kind, at, sums.tolist()))
            yield Observation(route=ROUTE, at=at, summaries=tuple(summaries))


def _load(rng: np.random.Generator, noise: Noise) -> np.ndarray:
    steps = rng.standard_normal(noise.minutes) * noise.load_sd
    scale = math.sqrt(1 - 0.95**2)
    walk, value = [], 0.0
    for number, step in enumerate(steps.tolist()):
        value = step if number == 0 else 0.95 * value + scale * step
        walk.append(value)
    return np.array(walk)


def _sums(
    rng: np.random.Generator,
    other: np.random.Generator,
    n: np.ndarray,
    level: np.ndarray,
    sd: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the sum of n normal values and the sum of their squares."""
    total = n * level + rng.standard_normal(len(n)) * np.sqrt(n) * sd
    within = other.chisquare(np.maximum(n - 1, 1)) * sd * sd * (n > 1)
    return total, within + total**2 / np.maximum(n, 1)


def _multinomial(
    rng: np.random.Generator, n: np.ndarray, first: np.ndarray, second: float
) -> tuple[np.ndarray, np.ndarray]:
    one = rng.binomial(n, np.clip(first, 0, 1))
    return one, rng.binomial(n - one, np.clip(second / np.maximum(1 - first, 1e-9), 0, 1))


def _erfc(values: np.ndarray) -> np.ndarray:
    from scipy.special import erfc  # noqa: PLC0415 - only here

    return erfc(values)


def _moments(n: float, total: float, square: float) -> tuple[float | None, float]:
    if not n:
        return None, 0.0
    mean = total / n
    return mean, math.sqrt(max(square - n * mean * mean, 0) / max(n - 1, 1))


def _summary(arm: str, kind: WindowKind, at: datetime, sums: list[float]) -> WindowSummary:
    calls, errors, slow, log_sum, log_square, usd, cost_sum, cost_square, *judged = sums
    scores, score_sum, score_square = judged
    good = int(calls - errors)
    latency = _moments(good, log_sum, log_square)
    cost = _moments(calls, cost_sum, cost_square)
    score = _moments(scores, score_sum, score_square)
    median = math.exp(latency[0]) if latency[0] is not None else None
    return WindowSummary(
        route=ROUTE,
        arm=arm,
        revision=0,
        kind=kind,
        start=at - timedelta(minutes=LENGTHS[kind]),
        end=at,
        calls=int(calls),
        errors=int(errors),
        latency_mean_ms=median and median * 1.2,
        latency_p50_ms=median,
        latency_p95_ms=median and median * math.exp(1.645 * SIGMA),
        latency_p99_ms=median and median * math.exp(2.326 * SIGMA),
        latency_slow=int(slow),
        latency_log=latency[0],
        latency_log_sd=latency[1],
        ttft_calls=0,
        ttft_p95_ms=None,
        priced=int(calls),
        billed=int(calls),
        cost_usd=usd,
        cost_log=cost[0],
        cost_log_sd=cost[1],
        tokens_in=int(calls) * 1000,
        tokens_out=int(calls) * 250,
        tokens_cached=0,
        scores=int(scores),
        score_mean=score[0],
        score_sd=score[1],
        calls_estimated=calls,
        spend_usd=usd,
    )
