"""Scores: too low, lower than usual."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from optimizer.findings import Severity
from optimizer.orient.baselines import Sample, Scale
from optimizer.orient.signs import Sign, Truth
from optimizer.orient.tracking import MINUTES, Tracked
from optimizer.orient.wording import evidence, figure, magnitude, percent, span
from optimizer.statistics.means import bounded_mean_limits
from optimizer.statistics.tails import confidence, normal_tail
from optimizer.windows import WindowKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from optimizer.orient.baselines import Departure
    from optimizer.orient.signs import Memory, Scene
    from optimizer.windows import WindowSummary

LEAST_SCORES = 30
LEAST_SCORES_OF_A_DROP = 50  # fewer have too skewed a mean: good scores are many, bad ones far off
MIN_DEVIATE = 3.719  # one-sided, a risk of 1e-4 at a look
DROP_Z = 4.0


def score(summary: WindowSummary) -> Sample | None:
    """Give the scores of a window."""
    if summary.score_mean is None:
        return None
    return Sample(summary.scores, summary.score_mean, summary.score_sd)


SCORE = Tracked(
    rule="quality_drop",
    scale=Scale(wander_sd=0.03, least_wander_sd=0.0125, call_sd=0.35),
    read=score,
    teacher=WindowKind.QUARTER,
    kinds=(WindowKind.QUARTER, WindowKind.HOUR),
    least=LEAST_SCORES_OF_A_DROP,
)


class Quality:
    """Finds `quality_min` and `quality_drop`, each per arm."""

    name = "quality"

    def step(self, memory: Memory, scene: Scene) -> tuple[Memory, tuple[Sign, ...]]:
        """Compare what closed with the limit and with what is usual, then learn from it."""
        signs = (*_poor(scene), *_drops(memory, scene))
        baselines = SCORE.learn(memory.baselines, scene)
        if baselines is memory.baselines:
            return memory, signs
        return replace(memory, baselines=baselines), signs


def _poor(scene: Scene) -> Iterator[Sign]:
    limit = scene.thresholds.quality_score_min
    for kind in SCORE.kinds:
        for arm, summary in scene.windows.get(kind, {}).items():
            sample = score(summary)
            if sample is None or sample.n < LEAST_SCORES:
                continue
            is_open = ("quality_min", arm) in scene.open
            if sample.mean < limit or is_open:
                _, most = bounded_mean_limits(sample.mean, sample.sd, sample.n, MIN_DEVIATE)
                if most < limit or is_open:
                    yield _quality_min(summary, sample, most, limit)


def _quality_min(summary: WindowSummary, sample: Sample, most: float, limit: float) -> Sign:
    off = Truth.OFF if sample.mean >= limit else Truth.UNSURE
    return Sign(
        rule="quality_min",
        arm=summary.arm,
        truth=Truth.ON if most < limit else off,
        severity=Severity.ERROR,
        magnitude=magnitude(sample.mean, limit, "score"),
        confidence=confidence(normal_tail(MIN_DEVIATE)),
        evidence=evidence(summary, "score_mean", sample.mean, limit, sample.n),
        hold_minutes=MINUTES[summary.kind],
        title=f"Mean score is {figure(sample.mean)}, the least allowed is {figure(limit)}",
        detail=(
            f"{sample.n} scores {span(summary)} have a mean of {figure(sample.mean)},"
            f" at most {figure(most)} with all allowance for chance;"
            f" the least allowed is {figure(limit)}."
        ),
    )


def _drops(memory: Memory, scene: Scene) -> Iterator[Sign]:
    for summary, sample, found in SCORE.departures(memory.baselines, scene):
        least = found.usual * scene.thresholds.quality_drop_pct / 100
        on = -found.difference >= least and found.z <= -DROP_Z
        if on or (SCORE.rule, summary.arm) in scene.open:
            off = Truth.OFF if -found.difference < least / 2 else Truth.UNSURE
            yield _quality_drop(summary, sample, found, Truth.ON if on else off)


def _quality_drop(summary: WindowSummary, sample: Sample, found: Departure, truth: Truth) -> Sign:
    change = found.difference / found.usual if found.usual > 0 else 0.0
    word = "below" if change <= 0 else "above"
    return Sign(
        rule=SCORE.rule,
        arm=summary.arm,
        truth=truth,
        severity=Severity.ERROR,
        magnitude=magnitude(sample.mean, found.usual, "score"),
        confidence=confidence(normal_tail(-found.z)),
        evidence=evidence(summary, "score_mean", sample.mean, found.usual, sample.n),
        hold_minutes=MINUTES[summary.kind],
        title=f"Mean score is {percent(abs(change))} {word} its usual level",
        detail=(
            f"{sample.n} scores {span(summary)} have a mean of {figure(sample.mean)},"
            f" {percent(abs(change))} {word} the usual {figure(found.usual)}:"
            f" {figure(abs(found.z))} standard deviations from it."
        ),
    )
