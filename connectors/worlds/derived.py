"""What follows from a world: the settings to replay it with, its prices, and its truth."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from connectors.worlds.schema import parameters
from optimizer.simulate.incidents import IncidentKind, concerning, steps

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connectors.worlds.schema import PriceSpec
    from connectors.worlds.sources import Matrix
    from optimizer.simulate.incidents import Incident
    from optimizer.simulate.worlds import SimulatedArm, SimulatedRoute, World

PRICES_FILE = "prices.yaml"
_KEPT = ("task", "thresholds")  # of a route, as the settings have them

_INCUMBENT = re.compile(r"(routes\[\d+\]\.)incumbent")
_CANDIDATE = re.compile(r"(routes\[\d+\]\.)candidates\[(\d+)\]")
_VARIABLE = re.compile(r" \((?:from )?OPTIMIZER_\w+\)$")


def route_names(raw: Mapping[str, Any]) -> list[str]:
    """Give the names of a world file's routes, sound or not."""
    return [str(route.get("route")) for route in _mappings(raw.get("routes"))]


def config(raw: Mapping[str, Any], matrices: Mapping[int, Matrix | None]) -> dict[str, Any]:
    """Derive the settings from a world file, which may still have faults.

    The first arm is the incumbent, the others are candidates; the rest is as `settings` says.

    Args:
        raw: The file as it stands.
        matrices: Those of the routes, by place; a route's kinds of tasks may be its cells.
    """
    given = raw.get("settings")
    settings = dict(given) if isinstance(given, dict) else {}
    names = route_names(raw)
    tenant = names[0].partition("/")[0] if names else ""
    routes = enumerate(_mappings(raw.get("routes")))
    return {
        **settings,
        "input": _with(settings.get("input"), "tenant", tenant),
        "prices": _with(settings.get("prices"), "overrides", PRICES_FILE),
        "routes": [_route(route, matrices.get(place)) for place, route in routes],
    }


def in_world_words(fault: str) -> str:
    """Turn a fault of the derived settings into one of the world file."""
    fault = _INCUMBENT.sub(r"\1arms[0]", _VARIABLE.sub("", fault))
    fault = _CANDIDATE.sub(lambda found: f"{found[1]}arms[{int(found[2]) + 1}]", fault)
    return fault if fault.startswith("routes[") else f"settings.{fault}"


def prices(world: World, base: Mapping[str, PriceSpec]) -> dict[str, list[dict[str, Any]]]:
    """Give each model's price history: as it is at the start, and each change by an incident."""
    return {
        model: [
            {"from": (world.start + since).isoformat(), **_scaled(price, factor)}
            for since, factor in steps(price_incidents(world, model), world.length)
        ]
        for model, price in base.items()
    }


def price_incidents(world: World, model: str) -> list[Incident]:
    """Give the incidents that change a model's price, whichever route names it."""
    found = [
        incident
        for route in world.routes
        for arm in route.arms
        if arm.arm.config.model == model
        for incident in concerning(world.incidents, IncidentKind.PRICE, route.route, arm.name)
    ]
    return list(dict.fromkeys(found))


def truth(world: World, name: str) -> dict[str, Any]:
    """Give what was planted, to compare findings with.

    An incident is told once for each route it touches: a model's price is the same on all of them.
    `share` is that of the touched arms in the route's traffic: what happens to a rare arm, or to
    one that is only listed, is hard to see.
    """
    return {
        "version": 1,
        "world": name,
        "seed": world.seed,
        "start": world.start,
        "end": world.start + world.length,
        "incidents": [
            _planted(world, incident, route, arms)
            for incident in sorted(world.incidents, key=lambda item: item.start)
            for route in world.routes
            if (arms := _touched(world, incident, route))
        ],
    }


def _planted(
    world: World, incident: Incident, route: SimulatedRoute, arms: Sequence[SimulatedArm]
) -> dict[str, Any]:
    one = arms[0].arm if len(arms) == 1 else None
    return {
        "kind": incident.kind,
        "route": route.route,
        "arm": one.id if one else None,  # null = several, or the route as a whole
        "model": one.config.model if one else None,
        "share": sum(arm.share for arm in arms),
        "factor": incident.factor,
        "value": incident.value,
        "start": world.start + incident.start,
        "end": world.start + incident.end,
    }


def _touched(world: World, incident: Incident, route: SimulatedRoute) -> list[SimulatedArm]:
    """Give the arms of a route that an incident touches; a price also on other routes."""
    if incident.kind is IncidentKind.PRICE:
        return [
            arm for arm in route.arms if incident in price_incidents(world, arm.arm.config.model)
        ]
    if incident.route != route.route:
        return []
    return [arm for arm in route.arms if incident.arm in {"", arm.name}]


def _mappings(given: object) -> Sequence[Mapping[str, Any]]:
    items = given if isinstance(given, list) else []
    return [item if isinstance(item, dict) else {} for item in items]


def _with(section: Any, name: str, value: object) -> Any:
    """Set a value in a section; a section that is none is left for the settings to refuse."""
    return {**(section or {}), name: value} if isinstance(section, dict | None) else section


def _route(raw: Mapping[str, Any], matrix: Matrix | None) -> dict[str, Any]:
    arms = [parameters(arm) for arm in _mappings(raw.get("arms"))]
    cells = raw.get("cells")
    if cells == "task":
        cells = sorted(set(matrix.kinds)) if matrix else []
    return {
        "route": raw.get("route"),
        **{name: raw[name] for name in _KEPT if name in raw},
        **({"incumbent": arms[0], "candidates": arms[1:]} if arms else {}),
        "cells": list(cells) if isinstance(cells, dict | list) else [],
    }


def _scaled(price: PriceSpec, factor: float) -> dict[str, float]:
    """Multiply prices; 12 digits hide what floats add."""
    given = price.model_dump(exclude_none=True)
    return {name: float(f"{value * factor:.12g}") for name, value in given.items()}
