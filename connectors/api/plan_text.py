"""A plan as a person reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.api.rendering import as_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from connectors.api.planning import Plan
    from optimizer.act.planning import PlannedMetric, PlannedStep

_HOUR, _DAY = 60, 1440
_POINTS = {"errors", "slow"}


def as_text(plan: Plan) -> str:
    """Give a plan as lines, each ending in a newline."""
    return "".join(f"{line}\n" for line in _lines(plan))


def _lines(plan: Plan) -> Iterator[str]:
    candidate = plan.candidate or "another model"
    yield f"{plan.route}: {candidate} instead of {plan.incumbent}"
    yield f"at {plan.calls_per_hour:,.0f} calls an hour, for a candidate that is no worse"
    yield ""
    head = ("step", "calls", "of the candidate", "time", "slowest", "next")
    yield as_table(head, [_row(step) for step in plan.steps])
    yield ""
    yield as_table(
        ("until it is shown", *(f"{step.share:.1%}" for step in plan.steps)), _metrics(plan)
    )
    yield ""
    yield from _ending(plan)


def _row(step: PlannedStep) -> tuple[str, ...]:
    slowest = max(step.metrics, key=lambda each: _order(each.minutes))
    waits = step.minutes is not None and _order(slowest.minutes) < step.minutes
    return (
        f"{step.share:.1%}",
        _count(step.calls),
        _count(step.candidate_calls),
        _time(step.minutes),
        "least time" if waits else slowest.metric,
        f"{step.next_share:.1%}",
    )


def _metrics(plan: Plan) -> list[tuple[str, ...]]:
    names = [metric.metric for metric in plan.steps[0].metrics]
    return [
        (name, *(_metric(step.metrics[place]) for step in plan.steps))
        for place, name in enumerate(names)
    ]


def _metric(metric: PlannedMetric) -> str:
    match metric.metric:
        case "quality":
            margin = f"-{metric.margin:.2f}"
        case name if name in _POINTS:
            margin = f"+{100 * metric.margin:.1f} points"
        case _:
            margin = f"+{metric.margin:.0%}"
    if metric.minutes is None:
        return f"{margin} cannot be shown"
    return f"{margin} in {_time(metric.minutes)}"


def _ending(plan: Plan) -> Iterator[str]:
    if plan.impossible:
        yield "cannot be shown at this traffic:"
        yield from (f"  {each}" for each in plan.impossible)
        return
    minutes = sum(step.minutes or 0 for step in plan.steps)
    calls = sum(step.calls or 0 for step in plan.steps)
    yield f"together {calls:,} calls, {_time(minutes)}"
    yield "where few users or conversations make most of the calls, it takes more"


def _order(minutes: float | None) -> float:
    return float("inf") if minutes is None else minutes


def _count(calls: int | None) -> str:
    return "never" if calls is None else f"{calls:,}"


def _time(minutes: float | None) -> str:
    if minutes is None:
        return "never"
    if minutes >= _DAY:
        return f"{minutes / _DAY:.1f} days"
    return f"{minutes / _HOUR:.1f} h" if minutes >= 2 * _HOUR else f"{minutes:.0f} min"
