"""A world file read: the world, the settings it is to be replayed with, and its prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from connectors.worlds import checks, derived
from connectors.worlds.building import Sources, route_of, traffic_of, world_of
from connectors.worlds.schema import IncidentSpec, RouteSpec, WorldSpec, faults_of
from connectors.worlds.sources import matrix, read_table
from optimizer.errors import SettingsInvalid, WorldInvalid
from optimizer.settings import Settings, validate
from optimizer.settings.faults import shown

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from connectors.worlds.schema import PriceSpec
    from connectors.worlds.sources import Matrix, Table
    from optimizer.simulate.worlds import World

Part = TypeVar("Part", bound=BaseModel)

RECORDED = "recorded:"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)  # where the world has no sound start, nothing is built


@dataclass(frozen=True, slots=True, kw_only=True)
class WorldFile:
    """What a world file says.

    Attributes:
        name: Of the file, without its ending.
        world: The world.
        settings: The settings to replay it with, as a settings file holds them.
        prices: By model, what it costs at the start.
    """

    name: str
    world: World
    settings: Mapping[str, Any]
    prices: Mapping[str, PriceSpec]

    @property
    def stamp_key(self) -> str | None:
        """What its gateways sign stamps with; None when they sign none."""
        stamps = self.settings.get("stamps") or {}
        key: str | None = stamps.get("key")
        return key


def read(path: Path, recorded: Path | None = None, *, loop: bool = False) -> WorldFile:
    """Read a world file and the recordings it names.

    Args:
        path: The file.
        recorded: The folder that `recorded:` stands for; None when there is none.
        loop: Documents will steer it: each arm must say how it behaves.

    Raises:
        WorldInvalid: The file has faults; the message lists all, one a line, key and value.
    """
    faults: list[str] = []
    raw = _load(path)
    spec = _part(WorldSpec, raw, "", faults)
    routes = _parts(RouteSpec, raw, "routes", faults)
    incidents = _parts(IncidentSpec, raw, "incidents", faults)
    sources = _sources(routes, spec, _Files(path.parent, recorded, loop=loop), faults)
    faults += checks.routes_faults(routes)
    faults += checks.loop_faults(routes) if loop else ()
    faults += checks.gateway_faults(spec) if spec else ()
    faults += checks.incident_faults(spec, routes, derived.route_names(raw), incidents)
    config = derived.config(raw, {place: source.matrix for place, source in sources.items()})
    settings = _settings(raw, config, faults)
    if faults or spec is None:
        raise WorldInvalid("\n".join([f"{path}:", *faults]))
    built = [
        route_of(route, settings.route(route.route), sources[place], spec.start)
        for place, route in routes.items()
    ]
    world = world_of(spec, built, list(incidents.values()))
    return WorldFile(name=path.stem, world=world, settings=config, prices=spec.prices)


def _load(path: Path) -> dict[str, Any]:
    try:
        raw = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise WorldInvalid(f"{path} cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise WorldInvalid(f"{path} is not YAML: {error}") from error
    if not isinstance(raw, dict):
        raise WorldInvalid(f"{path} holds {shown(raw)}: must hold keys and values")
    return raw


def _part(model: type[Part], raw: object, key: str, faults: list[str]) -> Part | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        faults += faults_of(error, key)
        return None


def _parts(
    model: type[Part], raw: Mapping[str, Any], name: str, faults: list[str]
) -> dict[int, Part]:
    """Give the sound parts of a list, by place."""
    items = raw.get(name)
    found = [
        (place, _part(model, item, f"{name}[{place}]", faults))
        for place, item in enumerate(items if isinstance(items, list) else [])
    ]
    return {place: part for place, part in found if part is not None}


class _Files:
    """Finds and reads the files a world names, each once; knows whether all arms may serve."""

    def __init__(self, folder: Path, recorded: Path | None, *, loop: bool) -> None:
        self.loop = loop
        self._folder = folder
        self._recorded = recorded
        self.table = cache(self._table)

    def _table(self, reference: str) -> Table:
        if not reference.startswith(RECORDED):
            return read_table(self._folder / reference)
        if self._recorded is None:
            raise WorldInvalid("needs recorded data: RECORDED_DATA must name its folder")
        return read_table(self._recorded / reference.removeprefix(RECORDED))


def _sources(
    routes: Mapping[int, RouteSpec], spec: WorldSpec | None, files: _Files, faults: list[str]
) -> dict[int, Sources]:
    """Read the routes' files, and check what each route then still lacks."""
    start = spec.start if spec else _EPOCH
    sources = {}
    for place, route in routes.items():
        key, before = f"routes[{place}]", len(faults)
        table = _matrix(route, files, key, faults)
        try:
            traffic = traffic_of(route, files.table, start)
        except WorldInvalid as error:
            faults.append(f"{key}.arrivals is {shown(dict(route.arrivals))}: {error}")
        if len(faults) == before:
            faults += checks.behaviour_faults(route, key, table, traffic, loop=files.loop)
            sources[place] = Sources(traffic, table)
    return sources


def _matrix(route: RouteSpec, files: _Files, key: str, faults: list[str]) -> Matrix | None:
    if route.matrix is None:
        return None
    try:
        served = {arm.recorded for arm in route.arms if arm.share or files.loop}
        return matrix(files.table(route.matrix), served)
    except WorldInvalid as error:
        faults.append(f"{key}.matrix is {route.matrix}: {error}")
        return None


def _settings(raw: Mapping[str, Any], config: Mapping[str, Any], faults: list[str]) -> Settings:
    """Check the derived settings; their faults are told in the words of the world file."""
    faults += checks.derived_faults(raw)
    try:
        return validate(config)
    except SettingsInvalid as error:
        told = {fault.partition(" ")[0] for fault in faults}
        found = [derived.in_world_words(fault) for fault in error.faults]
        faults += [fault for fault in found if fault.partition(" ")[0] not in told]
        return Settings()
