"""What a world file must fulfil beyond the form of its parts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from optimizer.documents import SLOTS
from optimizer.settings.faults import shown
from optimizer.simulate.incidents import IncidentKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from connectors.worlds.schema import ArmSpec, IncidentSpec, RouteSpec, WorldSpec
    from connectors.worlds.sources import Matrix
    from optimizer.simulate.arrivals import Traffic

HISTORY = timedelta(minutes=10)  # before it, nothing could tell what is usual
UNNAMED = "default"  # the route of a service whose spans name none
_EXACT = 1e-9


def routes_faults(routes: Mapping[int, RouteSpec]) -> Iterator[str]:
    """Tell what is wrong with each route and between them."""
    tenants: dict[str, int] = {}
    dialects: dict[str, tuple[int, str]] = {}
    for place, route in routes.items():
        key = f"routes[{place}]"
        yield from _share_faults(route, key)
        yield from _name_faults(route, key)
        tenant, _, rest = route.route.partition("/")
        tenants.setdefault(tenant, place)
        if len(tenants) > 1:
            first = f"routes[{next(iter(tenants.values()))}]"
            yield f"{key}.route is {route.route}: must have the tenant of {first}"
        service, _, name = rest.partition("/")
        if not route.revision and name != UNNAMED:
            what = f"spans without stamps name no route, so it must be called {UNNAMED}"
            yield f"{key}.route is {route.route}: {what}"
        before, dialect = dialects.setdefault(service, (place, route.dialect))
        if dialect != route.dialect:
            what = f"must be {dialect}, as in routes[{before}] of the same service"
            yield f"{key}.dialect is {route.dialect}: {what}"


def _share_faults(route: RouteSpec, key: str) -> Iterator[str]:
    for place, arm in enumerate(route.arms):
        if abs(arm.share * SLOTS - round(arm.share * SLOTS)) > _EXACT:
            yield f"{key}.arms[{place}].share is {arm.share}: must be a multiple of {1 / SLOTS}"
    total = sum(arm.share for arm in route.arms)
    if abs(total - 1) > _EXACT:
        yield f"{key}.arms have shares that sum to {total:g}: must sum to 1"
    if isinstance(route.cells, dict) and route.cells:
        total = sum(cell.share for cell in route.cells.values())
        if abs(total - 1) > _EXACT:
            yield f"{key}.cells have shares that sum to {total:g}: must sum to 1"


def _name_faults(route: RouteSpec, key: str) -> Iterator[str]:
    first: dict[str, int] = {}
    for place, arm in enumerate(route.arms):
        if first.setdefault(arm.called, place) != place:
            other = f"that of arms[{first[arm.called]}]"
            yield f"{key}.arms[{place}].name is {arm.called}: must differ from {other}"


def loop_faults(routes: Mapping[int, RouteSpec]) -> Iterator[str]:
    """Tell what keeps documents from steering the traffic of a route."""
    for place, route in routes.items():
        key = f"routes[{place}]"
        if not route.revision:
            yield f"{key}.revision is 0: documents steer only calls that are stamped"
        if route.arms[0].share < 1:
            what = "must be 1, for documents give the others their shares"
            yield f"{key}.arms[0].share is {route.arms[0].share:g}: {what}"


def gateway_faults(spec: WorldSpec) -> Iterator[str]:
    """Tell what is wrong with how gateways follow documents."""
    stale = spec.gateway.stale
    if stale is None:
        return
    if stale.replicas > spec.gateway.replicas:
        most = f"must be at most gateway.replicas, {spec.gateway.replicas}"
        yield f"gateway.stale.replicas is {stale.replicas}: {most}"
    if not stale.length:
        yield f"gateway.stale.length is {stale.length}: must be above 0"
    if stale.start + stale.length > spec.length:
        ends = stale.start + stale.length
        yield f"gateway.stale ends at {ends}: must end with the world at {spec.length}"


def behaviour_faults(
    route: RouteSpec, key: str, matrix: Matrix | None, traffic: Traffic, *, loop: bool = False
) -> Iterator[str]:
    """Tell what a route's serving arms lack; without a loop, unserved candidates need nothing."""
    if route.cells == "task" and (matrix is None or not any(matrix.kinds)):
        yield f"{key}.cells is task: needs a matrix with a column task"
    for place, arm in enumerate(route.arms):
        if arm.share or loop:
            at = f"{key}.arms[{place}]"
            yield from _arm_faults(route, arm, at, matrix, traffic)


def _arm_faults(
    route: RouteSpec, arm: ArmSpec, key: str, matrix: Matrix | None, traffic: Traffic
) -> Iterator[str]:
    recorded = matrix.arms[arm.recorded] if matrix else {}
    if arm.latency_ms is None and "latency_ms" not in recorded:
        yield f"{key}.latency_ms is not given, and no matrix records it"
    for side in ("tokens_in", "tokens_out"):
        told = getattr(traffic, side, None)
        known = side in recorded or (told is not None and bool((told > 0).any()))
        if getattr(arm, side) is None and getattr(route, side) is None and not known:
            yield f"{key}.{side} is not given, and neither route, arrivals nor matrix tell it"
    if route.scores.share and arm.quality is None and "quality" not in recorded:
        yield f"{key}.quality is not given, and no matrix records it: the route is scored"


def incident_faults(
    spec: WorldSpec | None,
    routes: Mapping[int, RouteSpec],
    names: Collection[str],
    incidents: Mapping[int, IncidentSpec],
) -> Iterator[str]:
    """Tell what is wrong with each incident.

    Args:
        spec: The world, None when it is itself at fault.
        routes: Those routes that are sound in themselves, by place.
        names: The names of all routes.
        incidents: Those incidents that are sound in themselves, by place.
    """
    sound = {route.route: route for route in routes.values()}
    for place, incident in incidents.items():
        key = f"incidents[{place}]"
        yield from _amount_faults(incident, key)
        if spec is not None:
            yield from _time_faults(incident, key, spec.length)
        if incident.route not in names:
            yield f"{key}.route is {incident.route}: must be one of {', '.join(names)}"
        elif incident.route in sound:
            yield from _arm_known_faults(incident, key, sound[incident.route], spec)


def _amount_faults(incident: IncidentSpec, key: str) -> Iterator[str]:
    kind, factor, value = incident.kind, incident.factor, incident.value
    match kind:
        case IncidentKind.OUTAGE | IncidentKind.HANG:
            if factor is not None or value is not None:
                yield f"{key}.factor and value say nothing of {kind}: leave them out"
        case IncidentKind.ERRORS:
            if (factor is None) == (value is None):
                yield f"{key} is of errors: needs either factor or value"
            if value is not None and value > 1:
                yield f"{key}.value is {value:g}: must be at most 1, the share that fails"
        case _:
            if factor is None or value is not None:
                yield f"{key} is of {kind}: needs factor, and no value"
    if kind is IncidentKind.QUALITY and factor is not None and factor > 1:
        yield f"{key}.factor is {factor:g}: must be at most 1, the share that stays good"


def _time_faults(incident: IncidentSpec, key: str, length: timedelta) -> Iterator[str]:
    if incident.start < HISTORY:
        yield f"{key}.start is {incident.start}: must leave a history of {HISTORY} before it"
    if incident.start >= length:
        yield f"{key}.start is {incident.start}: must be before the world's end at {length}"
    elif incident.length is not None:
        if not incident.length:
            yield f"{key}.length is {incident.length}: must be above 0"
        if incident.start + incident.length > length:
            ends = incident.start + incident.length
            yield f"{key} ends at {ends}: must end with the world at {length}"


def _arm_known_faults(
    incident: IncidentSpec, key: str, route: RouteSpec, spec: WorldSpec | None
) -> Iterator[str]:
    called = {arm.called: arm for arm in route.arms}
    if incident.kind is IncidentKind.TRAFFIC and incident.arm:
        yield f"{key}.arm is {incident.arm}: traffic is the route's, leave it out"
    if incident.arm and incident.arm not in called:
        yield f"{key}.arm is {incident.arm}: must be one of {', '.join(called)}"
        return
    touched = [called[incident.arm]] if incident.arm else route.arms
    if incident.kind is IncidentKind.PRICE and spec is not None:
        for model in sorted({arm.model for arm in touched} - set(spec.prices)):
            yield f"{key} changes the price of {model}: prices must say what it is before"


def derived_faults(raw: Mapping[str, object]) -> Iterator[str]:
    """Tell which settings a world file gives that follow from the world itself."""
    settings = raw.get("settings")
    for section, name in (("routes", ""), ("input", "tenant"), ("prices", "overrides")):
        given = settings.get(section) if isinstance(settings, dict) else None
        if name:
            given = given.get(name) if isinstance(given, dict) else None
        if given is not None:
            key = f"settings.{section}.{name}".rstrip(".")
            yield f"{key} is {shown(given)}: follows from the world, leave it out"
