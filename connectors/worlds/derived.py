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

    An incident is told for each arm it touches, on each route, with the arm's share of that route:
    what happens to a rare arm is hard to see. A model's price is the same on all routes. Of the
    traffic the whole route is told, with a share of 1.
    """
    return {
        "version": 1,
        "world": name,
        "seed": world.seed,
        "start": world.start,
        "end": world.start + world.length,
        "incidents": [
            {
                "kind": incident.kind,
                "route": route.route,
                "arm": arm.arm.id if arm else None,
                "model": arm.arm.config.model if arm else None,
                "share": arm.share if arm else 1.0,
                "factor": incident.factor,
                "value": incident.value,
                "start": world.start + incident.start,
                "end": world.start + incident.end,
            }
            for incident in sorted(world.incidents, key=lambda item: item.start)
            for route, arm in _touched(world, incident)
        ],
    }


def _touched(world: World, incident: Incident) -> list[tuple[SimulatedRoute, SimulatedArm | None]]:
    if incident.kind is IncidentKind.TRAFFIC:
        return [(route, None) for route in world.routes if route.route == incident.route]
    every = [(route, arm) for route in world.routes for arm in route.arms]
    named = [
        (route, arm)
        for route, arm in every
        if route.route == incident.route and incident.arm in {"", arm.name}
    ]
    if incident.kind is not IncidentKind.PRICE:
        return [(route, arm) for route, arm in named if arm.share]
    models = {arm.arm.config.model for _, arm in named}
    return [(route, arm) for route, arm in every if arm.arm.config.model in models]


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
