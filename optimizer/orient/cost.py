"""Money: dear calls, a spent budget, calls dearer than usual."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from optimizer.findings import Evidence, Severity
from optimizer.orient.baselines import Sample, Scale
from optimizer.orient.signs import Sign, Truth
from optimizer.orient.tracking import MINUTES, Tracked
from optimizer.orient.wording import evidence, figure, magnitude, percent, span
from optimizer.statistics.rounding import rounded
from optimizer.statistics.tails import MOST_SURE, confidence, normal_tail
from optimizer.windows import WindowKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.orient.baselines import Departure
    from optimizer.orient.signs import Memory, Scene
    from optimizer.windows import WindowSummary

LEAST_PRICED = 20
BUDGET_WARNING = 0.8  # of the day's budget
CLEARLY_BELOW = 0.9  # of the cost limit: a mean that hovers at the limit is one finding, not ten
INCREASE_Z = 4.0
DAY_MINUTES = 24 * 60
# Accounts close at midnight and a price list is a fact: neither needs to be over for some minutes.
AT_ONCE = 0


def log_cost(summary: WindowSummary) -> Sample | None:
    """Give the log costs of a window's billed calls."""
    if summary.cost_log is None or summary.biased:
        return None
    return Sample(summary.billed, summary.cost_log, summary.cost_log_sd)


COST = Tracked(
    rule="cost_increase",
    scale=Scale(wander_sd=0.15, least_wander_sd=0.05, call_sd=0.8),
    read=log_cost,
    teacher=WindowKind.QUARTER,
    kinds=(WindowKind.QUARTER, WindowKind.HOUR),
    least=LEAST_PRICED,
)


class Cost:
    """Finds `cost_per_request` and `cost_increase` per arm, `daily_budget` per route.

    Its numbers: the UTC day (days since the epoch) and what the route spent in it, USD; none while
    that is nothing.
    """

    name = "cost"

    def step(self, memory: Memory, scene: Scene) -> tuple[Memory, tuple[Sign, ...]]:
        """Add up what was spent, compare with limits and with what is usual, then learn."""
        numbers = _spent(memory, scene)
        signs = (
            *_dear_calls(scene),
            *_budget(numbers[1], scene),
            *_increases(memory, scene),
        )
        baselines = COST.learn(memory.baselines, scene)
        kept = numbers if numbers[1] else ()
        if baselines is memory.baselines and kept == memory.numbers:
            return memory, signs
        return replace(memory, baselines=baselines, numbers=kept), signs


def spent_today(memory: Memory, minute: int) -> float:
    """Give what the route spent in the UTC day of a minute so far, USD."""
    if len(memory.numbers) == 2 and memory.numbers[0] == _day(minute):  # noqa: PLR2004 - a pair
        return memory.numbers[1]
    return 0.0


def _day(minute: int) -> int:
    """Give the UTC day of the minute that ends there."""
    return (minute - 1) // DAY_MINUTES


def _spent(memory: Memory, scene: Scene) -> tuple[int, float]:
    minute = scene.windows.get(WindowKind.MINUTE, {})
    before = spent_today(memory, scene.minute)
    return _day(scene.minute), before + math.fsum(one.spend_usd for one in minute.values())


def _dear_calls(scene: Scene) -> Iterator[Sign]:
    limit = scene.thresholds.cost_per_request
    for arm, summary in scene.windows.get(WindowKind.QUARTER, {}).items():
        if summary.priced < LEAST_PRICED or summary.biased:
            continue
        mean = summary.cost_usd / summary.priced
        if mean > limit or ("cost_per_request", arm) in scene.open:
            below = Truth.OFF if mean <= CLEARLY_BELOW * limit else Truth.UNSURE
            yield Sign(
                rule="cost_per_request",
                arm=arm,
                truth=Truth.ON if mean > limit else below,
                severity=Severity.WARNING,
                magnitude=magnitude(mean, limit, "USD"),
                confidence=MOST_SURE,
                evidence=evidence(summary, "cost_per_request_usd", mean, limit, summary.priced),
                hold_minutes=AT_ONCE,
                title=f"A call costs {figure(mean)} USD, the limit is {figure(limit)} USD",
                detail=(
                    f"{summary.priced} priced calls {span(summary)} cost"
                    f" {figure(summary.cost_usd)} USD together, {figure(mean)} USD each;"
                    f" the limit is {figure(limit)} USD."
                ),
            )


def _budget(spent: float, scene: Scene) -> Iterator[Sign]:
    budget = scene.thresholds.daily_budget
    if spent <= BUDGET_WARNING * budget and ("daily_budget", "") not in scene.open:
        return
    midnight = scene.at - timedelta(minutes=(scene.minute - 1) % DAY_MINUTES + 1)
    title = f"{percent(spent / budget)} of the day's budget is spent"
    yield Sign(
        rule="daily_budget",
        arm="",
        truth=Truth.ON if spent > BUDGET_WARNING * budget else Truth.OFF,
        severity=Severity.ERROR if spent > budget else Severity.WARNING,
        magnitude=magnitude(spent, budget, "USD"),
        confidence=MOST_SURE,
        evidence=Evidence(
            metric="spent_today_usd",
            value=rounded(spent),
            reference=rounded(budget),
            n=(scene.minute - 1) % DAY_MINUTES + 1,
            window=None,
            start=midnight,
            end=scene.at,
        ),
        hold_minutes=AT_ONCE,
        title=title,
        detail=(
            f"The route spent {figure(spent)} USD of {figure(budget)} USD"
            f" from {midnight:%Y-%m-%d} 00:00 to {scene.at:%H:%M} UTC."
        ),
    )


def _increases(memory: Memory, scene: Scene) -> Iterator[Sign]:
    least = math.log1p(scene.thresholds.cost_increase_pct / 100)
    for summary, sample, found in COST.departures(memory.baselines, scene):
        on = found.difference >= least and found.z >= INCREASE_Z
        if on or (COST.rule, summary.arm) in scene.open:
            off = Truth.OFF if found.difference < least / 2 else Truth.UNSURE
            yield _cost_increase(summary, sample, found, Truth.ON if on else off)


def _cost_increase(summary: WindowSummary, sample: Sample, found: Departure, truth: Truth) -> Sign:
    usual, now = math.exp(found.usual) / 1e6, math.exp(sample.mean) / 1e6
    rise = now / usual - 1
    word = "dearer" if rise >= 0 else "cheaper"
    return Sign(
        rule=COST.rule,
        arm=summary.arm,
        truth=truth,
        severity=Severity.ERROR,
        magnitude=magnitude(now, usual, "USD"),
        confidence=confidence(normal_tail(found.z)),
        evidence=evidence(summary, "cost_geometric_mean_usd", now, usual, sample.n),
        hold_minutes=MINUTES[summary.kind],
        title=f"Calls are {percent(abs(rise))} {word} than usual",
        detail=(
            f"{sample.n} priced calls {span(summary)} cost {figure(now)} USD (geometric mean),"
            f" {percent(abs(rise))} {word} than the usual {figure(usual)} USD at this hour:"
            f" {figure(abs(found.z))} standard deviations from it."
        ),
    )
