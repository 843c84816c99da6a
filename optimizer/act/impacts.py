"""What a change brought: candidate against incumbent, compared within the same ten seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from optimizer.decisions import ActualImpact
from optimizer.panes import AT
from optimizer.statistics.rounding import rounded
from optimizer.summaries import instant

if TYPE_CHECKING:
    from optimizer.panes import Ints
    from optimizer.rollouts import Rows, Tick

_METRICS = (("priced", "cost_nusd"), ("timed", "latency_ns"), ("scores", "score"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Weighted sums over ticks in which both arms had calls.

    A tick counts with `n_c n_k / (n_c + n_k)`, so load and incidents that hit both cancel.
    Source: Mantel and Haenszel (1959), weights of the common difference.

    Attributes:
        weights: Of cost, latency and score.
        differences: Weighted sums of the candidate's mean less the incumbent's.
        levels: Weighted sums of the incumbent's mean.
        calls: Calls of the candidate.
        first_ns: When the first tick began; 0 before it.
    """

    weights: tuple[float, float, float] = (0.0, 0.0, 0.0)
    differences: tuple[float, float, float] = (0.0, 0.0, 0.0)
    levels: tuple[float, float, float] = (0.0, 0.0, 0.0)
    calls: int = 0
    first_ns: int = 0


def added(effects: Effects, tick: Tick, candidate: str, incumbent: str) -> Effects:
    """Add a tick of a rollout."""
    if tick.rows is None:
        return effects
    mine, theirs = _sums(tick.rows, candidate), _sums(tick.rows, incumbent)
    each = [_contrast(mine, theirs, *metric) for metric in _METRICS]
    weights, differences, levels = zip(*each, strict=True)
    return replace(
        effects,
        weights=_plus(effects.weights, weights),
        differences=_plus(effects.differences, differences),
        levels=_plus(effects.levels, levels),
        calls=effects.calls + int(mine[AT["calls"]]),
        first_ns=effects.first_ns or tick.end_ns,
    )


def impact_of(effects: Effects, at_ns: int) -> ActualImpact:
    """Give what was measured until an instant; None of what was not."""
    cost, latency, quality = (
        rounded(100 * difference / level) if weight and level else None
        for weight, difference, level in zip(
            effects.weights, effects.differences, effects.levels, strict=True
        )
    )
    return ActualImpact(
        cost_reduction_pct=None if cost is None else 0.0 - cost,
        quality_delta_pct=quality,
        latency_delta_pct=latency,
        requests_affected=effects.calls,
        measured_from=instant(effects.first_ns or at_ns),
        measured_until=instant(at_ns),
    )


def _sums(rows: Rows, arm: str) -> Ints:
    mine = [row for row, (name, _) in enumerate(rows.names) if name == arm]
    sums: Ints = rows.sums[mine].sum(axis=0)
    return sums


def _contrast(mine: Ints, theirs: Ints, count: str, total: str) -> tuple[float, float, float]:
    ours, others = int(mine[AT[count]]), int(theirs[AT[count]])
    if ours <= 0 or others <= 0:
        return 0.0, 0.0, 0.0
    weight = ours * others / (ours + others)
    level = int(theirs[AT[total]]) / others
    return weight, weight * (int(mine[AT[total]]) / ours - level), weight * level


def _plus(
    some: tuple[float, float, float], more: tuple[float, float, float]
) -> tuple[float, float, float]:
    return some[0] + more[0], some[1] + more[1], some[2] + more[2]
