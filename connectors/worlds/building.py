"""From the parts of a world file, all sound, to a world."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from connectors.worlds.schema import ClientsSpec, RhythmSpec, TraceSpec
from connectors.worlds.sources import client_windows, trace
from optimizer.simulate.arrivals import Rhythmic
from optimizer.simulate.incidents import Incident, nanoseconds
from optimizer.simulate.load import Load
from optimizer.simulate.quantities import Judged, Lognormal, Recorded, RecordedScores
from optimizer.simulate.users import Users
from optimizer.simulate.worlds import (
    Cell,
    Exporter,
    Following,
    Scores,
    SimulatedArm,
    SimulatedRoute,
    Stale,
    World,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from connectors.worlds.schema import (
        ArmSpec,
        GatewaySpec,
        IncidentSpec,
        LoadSpec,
        LognormalSpec,
        QualitySpec,
        RouteSpec,
        ScoresSpec,
        WorldSpec,
    )
    from connectors.worlds.sources import Matrix, Table
    from optimizer.models import Arm
    from optimizer.settings import RouteSettings
    from optimizer.simulate.arrivals import Traffic
    from optimizer.simulate.quantities import Quality, Quantity

    Recordings = Mapping[str, NDArray[np.float64]]


class Sources(NamedTuple):
    """What a route is made of beside its own words."""

    traffic: Traffic
    matrix: Matrix | None


# Stands for the latency of an arm that serves nothing, and so has none.
_UNSERVED = Lognormal(median=1000.0)


def traffic_of(route: RouteSpec, table: Callable[[str], Table], start: datetime) -> Traffic:
    """Make a route's arrivals.

    Args:
        route: The route.
        table: Reads the file a world names.
        start: The world's first instant.

    Raises:
        WorldInvalid: The file cannot be used.
    """
    match route.arrivals:
        case TraceSpec() as spec:
            return trace(table(spec.trace), spec.stretch)
        case ClientsSpec() as spec:
            return client_windows(table(spec.clients), spec.model, spec.scale)
        case RhythmSpec() as spec:
            return Rhythmic(
                calls_per_minute=spec.calls_per_minute,
                rhythm=spec.rhythm,
                peak_ns=_peak_ns(spec.peak, start),
                dispersion=spec.dispersion,
            )


def world_of(
    spec: WorldSpec, routes: Sequence[SimulatedRoute], incidents: Sequence[IncidentSpec]
) -> World:
    """Make the world."""
    return World(
        start=spec.start,
        length=spec.length,
        seed=spec.seed,
        routes=tuple(routes),
        incidents=tuple(_incident(item, spec.length) for item in incidents),
        partitions=spec.partitions,
        partition_by=spec.partition_by,
        exporter=Exporter(**dict(spec.exporter)),
        heartbeat=spec.heartbeat,
        following=_following(spec.gateway),
    )


def _following(spec: GatewaySpec) -> Following:
    return Following(
        delay=spec.delay,
        replicas=spec.replicas,
        stale=Stale(**dict(spec.stale)) if spec.stale else None,
    )


def _incident(spec: IncidentSpec, length: timedelta) -> Incident:
    return Incident(
        kind=spec.kind,
        route=spec.route,
        arm=spec.arm,
        start=spec.start,
        length=length - spec.start if spec.length is None else spec.length,
        factor=spec.factor,
        value=spec.value,
    )


def cells_of(route: RouteSpec, matrix: Matrix | None) -> tuple[Cell, ...]:
    """Make a route's cells: as declared, or one for each kind of task."""
    if isinstance(route.cells, dict):
        return tuple(Cell(name=name, **dict(cell)) for name, cell in route.cells.items())
    kinds = matrix.kinds if matrix else ()
    return tuple(
        Cell(name=kind, share=kinds.count(kind) / len(kinds)) for kind in sorted(set(kinds))
    )


def route_of(
    route: RouteSpec,
    settings: RouteSettings,
    sources: Sources,
    start: datetime,
) -> SimulatedRoute:
    """Make a route; its arms are those of the settings derived from it."""
    traffic, matrix = sources
    arms = (settings.incumbent, *settings.candidates)
    return SimulatedRoute(
        route=route.route,
        task=settings.task,
        arms=tuple(_arm(s, a, matrix) for s, a in zip(route.arms, arms, strict=True) if a),
        traffic=traffic,
        load=_load(route.load, start),
        users=Users(**dict(route.users)),
        unit=route.unit,
        revision=route.revision,
        cells=cells_of(route, matrix),
        tasks=len(matrix.kinds) if matrix else 1,
        task_cell=_task_cells(route, matrix),
        tokens_in=_lognormal(route.tokens_in),
        tokens_out=_lognormal(route.tokens_out),
        scores=_scores(route.scores),
        dialect=route.dialect,
    )


def _load(spec: LoadSpec, start: datetime) -> Load:
    return Load(phi=spec.phi, sd=spec.sd, rhythm=spec.rhythm, peak_ns=_peak_ns(spec.peak, start))


def _scores(spec: ScoresSpec) -> Scores:
    return Scores(
        share=spec.share,
        name=spec.name,
        delay_s=spec.delay.total_seconds(),
        delay_sigma=spec.delay_sigma,
    )


def _peak_ns(peak: timedelta, start: datetime) -> int:
    """Turn a time of day, UTC, into nanoseconds from the world's start."""
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    return nanoseconds(peak - (start - midnight))


def _task_cells(route: RouteSpec, matrix: Matrix | None) -> NDArray[np.int64] | None:
    """Give each task's cell, where the cells are kinds of tasks."""
    if matrix is None or isinstance(route.cells, dict):
        return None
    kinds = sorted(set(matrix.kinds))
    return np.array([kinds.index(kind) for kind in matrix.kinds], np.int64)


def _lognormal(spec: LognormalSpec | None) -> Lognormal | None:
    return None if spec is None else Lognormal(median=spec.median, sigma=spec.sigma)


def _arm(spec: ArmSpec, arm: Arm, matrix: Matrix | None) -> SimulatedArm:
    """Make an arm: what the file says of it, else what the matrix recorded."""
    recorded: Recordings = matrix.arms.get(spec.recorded, {}) if matrix else {}

    def quantity(given: LognormalSpec | None, name: str) -> Quantity | None:
        if given is None and name in recorded:
            return Recorded(values=recorded[name])
        return _lognormal(given)

    return SimulatedArm(
        arm=arm,
        name=spec.called,
        share=spec.share,
        provider=spec.provider,
        latency_ms=quantity(spec.latency_ms, "latency_ms") or _UNSERVED,
        ttft_ms=_lognormal(spec.ttft_ms),
        tokens_in=quantity(spec.tokens_in, "tokens_in"),
        tokens_out=quantity(spec.tokens_out, "tokens_out"),
        cached=spec.cached,
        errors=spec.errors,
        quality=_quality(spec.quality, recorded),
    )


def _quality(spec: QualitySpec | None, recorded: Recordings) -> Quality | None:
    if spec is not None:
        return Judged(mean=spec.mean, sd=spec.sd)
    return RecordedScores(values=recorded["quality"]) if "quality" in recorded else None
