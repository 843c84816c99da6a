"""Thresholds, for all routes and for one: stories of a route told to the whole job."""

from __future__ import annotations

from functools import cache, partial
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from optimizer.findings import Finding
from tests.builders import ROUTE
from tests.settings_probes.probe import Probe
from tests.settings_probes.telemetry import Traffic, minutes, outputs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optimizer.observe.columns import Record
    from optimizer.settings import Settings


class Story(NamedTuple):
    """What happens to a route, and which rule finds it.

    Attributes:
        rule: The rule.
        threshold: Its key, below `thresholds`.
        values: A value under which it is found, and one under which it is not.
        tell: Gives the records.
    """

    rule: str
    threshold: str
    values: tuple[float, float]
    tell: Callable[[], Sequence[Record]]


USUAL = Traffic()
JUDGED = Traffic(score=0.9)


@cache
def steady(count: int, traffic: Traffic) -> Sequence[Record]:
    """So many minutes of the same."""
    return minutes(0, count, traffic)


@cache
def turning(count: int, before: Traffic, after: Traffic) -> Sequence[Record]:
    """So many minutes of the one, then a quarter of an hour of the other."""
    return [*minutes(0, count, before), *minutes(count, 16, after)]


STORIES = (
    Story(
        "latency_threshold",
        "latency_p95_ms",
        (1900, 2100),
        partial(steady, 6, Traffic(latency_ms=2000)),
    ),
    Story(
        "latency_increase",
        "latency_increase_pct",
        (90, 110),
        partial(turning, 60, USUAL, Traffic(latency_ms=1600)),
    ),
    Story("error_rate", "error_rate_pct", (20, 35), partial(steady, 6, Traffic(failed=0.3))),
    Story("cost_per_request", "cost_per_request", (0.004, 0.006), partial(steady, 16, USUAL)),
    # Its whole minutes spend 1.5 dollars, and four fifths of a budget are reason to warn.
    Story("daily_budget", "daily_budget", (1.8, 1.9), partial(steady, 6, USUAL)),
    Story(
        "cost_increase",
        "cost_increase_pct",
        (200, 400),
        partial(turning, 120, USUAL, Traffic(cost_usd=0.02)),
    ),
    Story("quality_min", "quality_score_min", (0.7, 0.4), partial(steady, 16, Traffic(score=0.5))),
    Story(
        "quality_drop",
        "quality_drop_pct",
        (30, 40),
        partial(turning, 120, JUDGED, Traffic(score=0.6)),
    ),
)


def finds(rule: str, tell: Callable[[], Sequence[Record]], settings: Settings) -> bool:
    """Tell whether the job finds what a rule looks for in a story."""
    outputs = outputs_of(settings, tell())
    return any(isinstance(each, Finding) and each.rule == rule for each in outputs)


def _probes(story: Story) -> tuple[Probe, Probe]:
    """A threshold for all routes, and one for this route that wins over that."""
    see, key = partial(finds, story.rule, story.tell), f"thresholds.{story.threshold}"
    everywhere = {"strategies": {"thresholds": {story.threshold: story.values[1]}}}
    return (
        Probe(f"strategies.{key}", story.values, see, (True, False)),
        Probe(
            f"routes[].{key}",
            story.values,
            see,
            (True, False),
            everywhere | {"routes": [{"route": ROUTE}]},
        ),
    )


PROBES = tuple(chain.from_iterable(map(_probes, STORIES)))
