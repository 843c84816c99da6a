"""Incidents: what is done to a world, when, and the arithmetic of several at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class IncidentKind(StrEnum):
    """What an incident touches."""

    LATENCY = "latency"  # latency and time to first token times `factor`
    ERRORS = "errors"  # the error rate becomes `value`, or is taken times `factor`
    PRICE = "price"  # the model's price times `factor`, on every route that uses the model
    QUALITY = "quality"  # a share 1 - `factor` of the answers is judged 0
    OUTAGE = "outage"  # every call fails
    HANG = "hang"  # no call ever ends, so none is told of
    TRAFFIC = "traffic"  # the route's arrivals times `factor`; 0 is silence


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """Something that happens to a route for a while.

    Attributes:
        kind: What it touches.
        route: The route, `tenant/service/route`.
        arm: Name of the arm; `""` for all of the route's.
        start: From the start of the world; the first instant in it.
        length: How long, above zero; `start + length` is the first instant after it.
        factor: What it multiplies by, at least 0; None when `value` says what it becomes.
        value: What it becomes.
    """

    kind: IncidentKind
    route: str
    arm: str = ""
    start: timedelta
    length: timedelta
    factor: float | None = None
    value: float | None = None

    @property
    def end(self) -> timedelta:
        """First instant after it, from the start of the world."""
        return self.start + self.length


def concerning(
    incidents: Sequence[Incident], kind: IncidentKind, route: str, arm: str = ""
) -> list[Incident]:
    """Give the incidents that touch a quantity of an arm, or of the whole route."""
    return [
        item
        for item in incidents
        if item.kind is kind and item.route == route and item.arm in {"", arm}
    ]


def nanoseconds(span: timedelta) -> int:
    """Give a duration in whole nanoseconds, exactly."""
    return (span // timedelta(microseconds=1)) * 1000


def covers(incident: Incident, at_ns: Ints) -> NDArray[np.bool_]:
    """Tell which instants lie in an incident."""
    return (at_ns >= nanoseconds(incident.start)) & (at_ns < nanoseconds(incident.end))


def levels(base: Floats | float, incidents: Sequence[Incident], at_ns: Ints) -> Floats:
    """Give what a quantity is at each instant.

    Incidents act in order of their starts: a value replaces what is there, a factor multiplies it.

    Args:
        base: What it is without incidents, one number or `(n,)`.
        incidents: Those that concern the quantity.
        at_ns: `(n,)` nanoseconds from the start of the world.
    """
    result = np.broadcast_to(np.asarray(base, np.float64), at_ns.shape).copy()
    for incident in sorted(incidents, key=lambda item: item.start):
        active = covers(incident, at_ns)
        if incident.value is not None:
            result[active] = incident.value
        if incident.factor is not None:
            result[active] *= incident.factor
    return result


def steps(incidents: Sequence[Incident], length: timedelta) -> list[tuple[timedelta, float]]:
    """Give the factor in force over a world, as (since, factor), only where it changes.

    The first entry stands at zero; a change at or after `length` is left out.
    """
    edges = {timedelta()} | {edge for item in incidents for edge in (item.start, item.end)}
    instants = sorted(edge for edge in edges if edge < length)
    at_ns = np.array([nanoseconds(instant) for instant in instants], np.int64)
    factors = levels(1.0, incidents, at_ns).tolist()
    changes = [(instants[0], factors[0])]
    for instant, factor in zip(instants[1:], factors[1:], strict=True):
        if factor != changes[-1][1]:
            changes.append((instant, factor))
    return changes
