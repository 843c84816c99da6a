"""How often a finding is opened for nothing, a route-metric and week, and how late a true one is.

The traffic is `tests.noisy_traffic`: autocorrelated, with a daily rhythm, never a fault in it; then
the same with a planted fault. A metric of a route is latency, errors, cost, quality or traffic.
"""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from optimizer.controller import Controller, RouteState
from optimizer.findings import Finding
from optimizer.settings import Settings
from tests.benchmarks.figures import Figure, share
from tests.builders import PriceList
from tests.noisy_traffic import DAY, START, Incident, Noise, Traffic

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

METRICS = {
    "latency_threshold": "latency",
    "latency_increase": "latency",
    "error_rate": "errors",
    "cost_per_request": "cost",
    "cost_increase": "cost",
    "quality_min": "quality",
    "quality_drop": "quality",
    "traffic_stop": "traffic",
    "traffic_surge": "traffic",
}
INCIDENTS = {
    "latency_x1.5": (Incident(latency=1.5), {"latency_increase"}),
    "latency_x3": (Incident(latency=3.0), {"latency_increase", "latency_threshold"}),
    "errors_20pct": (Incident(errors=0.2), {"error_rate"}),
    "price_x2": (Incident(cost=2.0), {"cost_increase"}),
    "quality_-0.2": (Incident(quality=-0.2), {"quality_drop", "quality_min"}),
    "traffic_stop": (Incident(rate=0.0), {"traffic_stop"}),
    "traffic_x4": (Incident(rate=4.0), {"traffic_surge"}),
}
RATES = (10, 60)
HOURS = 3


def a_controller() -> Controller:
    """Give a controller for which no budget is ever spent: that would be no false alarm."""
    settings = Settings()
    thresholds = replace(settings.strategies.thresholds, daily_budget=1e9)
    strategies = replace(settings.strategies, thresholds=thresholds)
    return Controller(replace(settings, strategies=strategies), PriceList())


def false_findings(rate: float, seed: int, weeks: int) -> list[Finding]:
    """Give every finding of a route without a fault, as it was at its worst."""
    controller, state = a_controller(), None
    worst: dict[str, Finding] = {}
    minutes = weeks * 7 * DAY
    for seen in Traffic(Noise(minutes=minutes, rate=rate, seed=seed)).observations(0, minutes):
        state, said = controller.step(state, seen)
        worst |= {one.id: one for one in said if isinstance(one, Finding)}
    return list(worst.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route that has lived for days and whose fault is to come.

    Attributes:
        noise: Its traffic, without the fault.
        state: What the controller remembers at the minute of the fault.
        minute: That minute.
    """

    noise: Noise
    state: RouteState
    minute: int


def route_after(rate: float, seed: int, days: int) -> Route:
    """Let a route live for some days and part of another."""
    minute = days * DAY + int(np.random.default_rng(seed).integers(0, DAY))
    noise = Noise(minutes=minute + HOURS * 60, rate=rate, seed=5000 + seed)
    controller, state = a_controller(), RouteState()
    for seen in Traffic(noise).observations(0, minute):
        state, _ = controller.step(state, seen)
    return Route(noise=noise, state=state, minute=minute)


def delay_of(name: str, route: Route) -> float | None:
    """Give the minutes from a fault to its first finding; None when three hours do not show it."""
    incident, rules = INCIDENTS[name]
    noise = replace(route.noise, incident=replace(incident, start=route.minute))
    controller, state = a_controller(), route.state
    for seen in Traffic(noise).observations(route.minute, noise.minutes):
        state, said = controller.step(state, seen)
        if any(isinstance(one, Finding) and one.rule in rules for one in said):
            return (seen.at - START).total_seconds() / 60 - route.minute
    return None


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - needs none
    """Measure false alarms over many route-weeks, and the delays of planted faults."""
    routes, weeks, faults = (1, 1, 1) if small else (50, 8, 40)
    counts: Counter[tuple[float, str, bool]] = Counter()
    for rate in RATES:
        for seed in range(routes):
            for one in false_findings(rate, 1000 + seed, weeks):
                counts[rate, METRICS[one.rule], one.severity.pages] += 1
    yield from _rates(counts, routes * weeks)
    for rate in RATES:
        lived = [route_after(rate, seed, 1 if small else 6) for seed in range(faults)]
        for name in INCIDENTS:
            yield from _delays(name, rate, [delay_of(name, route) for route in lived])


def _rates(counts: Counter[tuple[float, str, bool]], weeks: int) -> Iterator[Figure]:
    metrics = sorted(set(METRICS.values()))
    paging = sum(number for (_, _, pages), number in counts.items() if pages)
    per = weeks * len(RATES) * len(metrics)
    note = f"{weeks} route-weeks at each of {RATES} calls/min, {len(metrics)} metrics"
    yield Figure("false_paging_per_route_metric_week", paging / per, "1/week", note)
    yield Figure("false_any_per_route_metric_week", counts.total() / per, "1/week", note)
    for metric in metrics:
        for rate in RATES:
            pages, other = counts[rate, metric, True], counts[rate, metric, False]
            name = f"{metric}_at_{rate}_a_minute"
            yield Figure(f"false_paging_{name}", pages / weeks, "1/week")
            yield Figure(f"false_any_{name}", (pages + other) / weeks, "1/week")


def _delays(name: str, rate: float, delays: list[float | None]) -> Iterator[Figure]:
    found = [delay for delay in delays if delay is not None]
    label = f"{name}_at_{rate}_a_minute"
    yield Figure(
        f"found_{label}", len(found) / len(delays), "share", f"{HOURS} h, {len(delays)} faults"
    )
    if found:
        yield Figure(f"delay_{label}", statistics.median(found), "min", "median of those found")
        yield Figure(f"delay_p90_{label}", share(found, 0.9), "min")
