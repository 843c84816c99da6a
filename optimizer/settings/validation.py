"""A mapping becomes settings, or all that is wrong with it is told at once."""

from __future__ import annotations

from dataclasses import is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from optimizer.errors import SettingsInvalid
from optimizer.models import TaskType
from optimizer.settings.claims import StampCheck
from optimizer.settings.gateway_api import route_objects
from optimizer.settings.kafka import LISTS, faults_of
from optimizer.settings.reading import Reader
from optimizer.settings.routes import RouteSettings, arm_of
from optimizer.settings.scores import ScoreSettings
from optimizer.settings.sources import SourceSettings
from optimizer.settings.tree import TREE, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.settings.strategies import Thresholds

Section = TypeVar("Section")


def validate(
    given: object, environment: Mapping[str, object] | None = None, found: tuple[str, ...] = ()
) -> Settings:
    """Make settings of a nested mapping; what it leaves out stays at its default.

    Args:
        given: Sections by name, as a settings file holds them; null for an empty one.
        environment: Values that win over `given`, by dotted key.
        found: Faults found on the way here, to be told together with those found here.

    Raises:
        SettingsInvalid: Anything is wrong; lists every fault with its key, the value seen, what
            it must be, and the variable that sets it.
    """
    reader = Reader(environment or {})
    values = reader.group(TREE, given, "")
    _check_order(values.get("stream", {}), reader)
    _check_kafka(values.get("kafka", {}), reader)
    routes = values.pop("routes", [])
    _check_routes(routes, reader)
    scores = values.pop("scores", [])
    _check_distinct(scores, "scores", "name", reader)
    _check_scales(scores, reader)
    sources = values.pop("sources", [])
    _check_distinct(sources, "sources", "source", reader)
    _check_stamps(values.get("stamps", {}), sources, reader)
    gateway_api = values.get("gateway", {}).get("gateway_api", {})
    _check_distinct(gateway_api.get("routes", []), "gateway.gateway_api.routes", "route", reader)
    if faults := [*found, *reader.faults.values()]:
        raise SettingsInvalid(faults)
    if "routes" in gateway_api:
        gateway_api["routes"] = route_objects(gateway_api["routes"])
    settings = _filled(Settings(), values)
    thresholds = settings.strategies.thresholds
    usual = {"tenant": settings.input.tenant}
    return replace(
        settings,
        routes=tuple(_route(route, thresholds) for route in routes),
        scores=tuple(ScoreSettings(**score) for score in scores),
        sources=tuple(SourceSettings(**{**usual, **source}) for source in sources),
    )


def _check_order(stream: Mapping[str, Any], reader: Reader) -> None:
    """A repeat must still be recognised when it comes as late as the disorder allows."""
    shorter, longer = "stream.allowed_disorder_secs", "stream.dedupe_secs"
    if not reader.is_sound(shorter, longer):
        return
    defaults = Settings().stream
    disorder = stream.get("allowed_disorder_secs", defaults.allowed_disorder_secs)
    dedupe = stream.get("dedupe_secs", defaults.dedupe_secs)
    if disorder >= dedupe:
        reader.fault(longer, dedupe, f"must be above {shorter}, which is {disorder}")


def _check_kafka(kafka: Mapping[str, Any], reader: Reader) -> None:
    """Topics have names that Kafka allows, each in one list; the options are free."""
    if reader.is_sound(*(f"kafka.{name}" for name in (*LISTS, "options"))):
        for name, value, wrong in faults_of(kafka):
            reader.fault(f"kafka.{name}", value, wrong)


def _check_routes(routes: list[dict[str, Any]], reader: Reader) -> None:
    """No route is declared twice, and no arm twice for one route."""
    first: dict[str, str] = {}
    for number, route in enumerate(routes):
        key = f"routes[{number}]"
        name = route.get("route")
        if name in first:
            reader.fault(f"{key}.route", name, f"must differ from {first[name]}")
        elif name is not None:
            first[name] = f"{key}.route"
        if reader.is_sound(f"{key}.task"):
            _check_arms(route, key, reader)


def _check_stamps(stamps: Mapping[str, Any], sources: list[dict[str, Any]], reader: Reader) -> None:
    """Signatures cannot be checked without the key they were made with."""
    checks = {"stamps.check": stamps.get("check")}
    for number, source in enumerate(sources):
        checks[f"sources[{number}].stamps"] = source.get("stamps")
    if stamps.get("key") is None and reader.is_sound("stamps.key"):
        for key, check in checks.items():
            if check not in {None, StampCheck.OFF}:
                way_out = "give it (OPTIMIZER_STAMPS__KEY), or set this to off"
                reader.fault(key, check.value, f"needs stamps.key: {way_out}")


def _check_distinct(items: list[dict[str, Any]], at: str, name: str, reader: Reader) -> None:
    """Nothing is declared twice."""
    first: dict[str, str] = {}
    for number, item in enumerate(items):
        key, value = f"{at}[{number}].{name}", item.get(name)
        if value in first:
            reader.fault(key, value, f"must differ from {first[value]}")
        elif value is not None:
            first[value] = key


def _check_scales(scores: list[dict[str, Any]], reader: Reader) -> None:
    """A scale has two ends, the greater above the least."""
    for number, score in enumerate(scores):
        least, most = score.get("min"), score.get("max")
        key = f"scores[{number}]"
        if not reader.is_sound(f"{key}.min", f"{key}.max"):
            continue
        if (least is None) != (most is None):
            given, missing = ("min", "max") if most is None else ("max", "min")
            reader.fault(f"{key}.{missing}", None, f"must be given where {given} is")
        elif least is not None and most is not None and not least < most:
            reader.fault(f"{key}.max", most, f"must be above {key}.min, which is {least:g}")


def _check_arms(route: Mapping[str, Any], key: str, reader: Reader) -> None:
    arms = {f"{key}.incumbent": route["incumbent"]} if "incumbent" in route else {}
    for number, candidate in enumerate(route.get("candidates", [])):
        arms[f"{key}.candidates[{number}]"] = candidate
    first: dict[str, str] = {}
    for at, given in arms.items():
        if not reader.is_sound(at):
            continue
        arm = arm_of(given, route.get("task", TaskType.OTHER))
        if arm.id in first:
            reader.fault(at, arm.id, f"must differ from {first[arm.id]}")
        first.setdefault(arm.id, at)


def _filled(section: Section, values: Mapping[str, Any]) -> Section:
    """Replace what was given in a section and in the sections inside it."""
    changed = {name: _member_of(getattr(section, name), value) for name, value in values.items()}
    made: Section = replace(section, **changed)  # type: ignore[type-var]  # every section is one
    return made


def _member_of(default: object, value: Any) -> object:
    return _filled(default, value) if is_dataclass(default) else value


def _route(given: Mapping[str, Any], thresholds: Thresholds) -> RouteSettings:
    """Make a route of its values; what it does not override follows `thresholds`."""
    task = given.get("task", TaskType.OTHER)
    return RouteSettings(
        route=given["route"],
        task=task,
        incumbent=arm_of(given["incumbent"], task) if "incumbent" in given else None,
        candidates=tuple(arm_of(arm, task) for arm in given.get("candidates", [])),
        cells=given.get("cells", ()),
        producer=given.get("producer"),
        thresholds=_filled(thresholds, given.get("thresholds", {})),
    )
