"""Which route, arm, revision and cell a call belongs to."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from optimizer.models import Arm, ModelConfig
from optimizer.observe.keys import OTHER, CallKey
from optimizer.observe.stamps import StampReader
from optimizer.observe.values import MAX_TEXT, first, text
from optimizer.observe.words import undated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from optimizer.observe.values import Value
    from optimizer.observe.words import Words
    from optimizer.producers import Producer
    from optimizer.settings import CountedProducer, RouteSettings, Settings, SourceSettings

PART_DEFAULTS = ("unknown", "default")  # of a service and of a route that nobody named
MAX_INFERRED = 65_536
SAME = 1e-6  # parameters that passed through single precision still are the same


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What the telemetry of a source is believed.

    Attributes:
        tenant_attribute: The resource attribute that names the tenant; None where none may.
        stamps: Takes its stamps, or does not.
        producer: Whose spans count as calls; None for everybody's.
    """

    tenant_attribute: str | None = None
    stamps: StampReader = field(default_factory=StampReader)
    producer: CountedProducer | None = None


NOTHING_MORE = Claims()


def claims_of(settings: Settings, source: SourceSettings) -> Claims:
    """Give what the telemetry of a source is believed."""
    check = settings.stamps.check if source.stamps is None else source.stamps
    return Claims(
        tenant_attribute=source.tenant_attribute,
        stamps=StampReader(check, settings.stamps.key),
        producer=settings.telemetry.producer,
    )


class Identities:
    """Resolves the keys of one source's calls.

    Args:
        routes: What the settings declare of routes.
        tenant: Who owns the telemetry, as its source decides.
        claims: What the telemetry itself may say.
    """

    def __init__(
        self, routes: Iterable[RouteSettings], tenant: str, claims: Claims = NOTHING_MORE
    ) -> None:
        self._routes = {route.route: route for route in routes}
        self._tenant = tenant
        self._claims = claims
        self._inferred: dict[tuple[str, str, str], str] = {}

    def declared(self, names: Iterable[str]) -> tuple[str, ...]:
        """Give those of the named parameters that any declared arm is told apart by."""
        arms = [arm for route in self._routes.values() for arm in route.arms]
        return tuple(name for name in names if any(name in _distinctive(arm) for arm in arms))

    @property
    def resource_keys(self) -> tuple[str, ...]:
        """Give the attributes of a resource that must be read beside those always read."""
        named = self._claims.tenant_attribute
        return (named,) if named else ()

    def tenant_of(self, resource: Mapping[str, Value]) -> str:
        """Give who owns the telemetry of a resource: its source's tenant, unless it may say."""
        return _part(first(resource, self.resource_keys, text) or "") or self._tenant

    @property
    def stamps(self) -> StampReader:
        """Give what takes the stamps of calls."""
        return self._claims.stamps

    def shadows(self, route: str, producer: Producer) -> bool:
        """Tell whether another producer's spans are the calls of a route, so that these are not."""
        declared = self._routes.get(route)
        counted = (declared and declared.producer) or self._claims.producer
        return counted is not None and not counted.takes(producer)

    def identify(self, words: Words, tenant: str | None = None) -> CallKey:
        """Give what a call is summed by.

        A stamped arm is taken as it stands. Without one it is the first declared arm (the
        incumbent, then the candidates) that the span's model and parameters fit, else one inferred
        from model and prompt.

        Args:
            words: What the call is named.
            tenant: What `tenant_of` its resource is; None for the source's own.
        """
        name = route_name(self._tenant if tenant is None else tenant, words)
        route = self._routes.get(name)
        cell = words.cell if route and route.cells else ""
        if route and cell and cell not in route.cells:
            cell = OTHER
        return CallKey(name, words.arm or self._arm(route, words), words.revision, cell)

    def _arm(self, route: RouteSettings | None, words: Words) -> str:
        for arm in _fitting(route, words) if route else ():
            return arm.id
        model = words.request_model or words.response_model
        content = (model, words.prompt, words.prompt_version)
        found = self._inferred.get(content)
        if found is None:
            if len(self._inferred) >= MAX_INFERRED:
                self._inferred.clear()
            config = ModelConfig(model=model)
            arm = Arm(config=config, prompt=words.prompt, prompt_version=words.prompt_version)
            found = self._inferred[content] = arm.id
        return found


def route_name(tenant: str, words: Words) -> str:
    """Give `tenant/service/route` of a stamp with one, two or three parts, or of no stamp."""
    parts = words.route.split("/", 2) if words.route else []
    route = parts[-1] if parts else ""
    service = parts[-2] if len(parts) > 1 else words.service
    unnamed_service, unnamed_route = PART_DEFAULTS
    return f"{tenant}/{_part(service) or unnamed_service}/{_part(route) or unnamed_route}"


def _part(name: str) -> str:
    return name.replace("/", "-")[:MAX_TEXT].strip()


def _fitting(route: RouteSettings, words: Words) -> Iterable[Arm]:
    """Give the declared arms that a call may have been served by, exact models first."""
    exact = {words.request_model, words.response_model} - {""}
    for models in (exact, {undated(model) for model in exact}):
        for arm in route.arms:
            if arm.config.model in models and all(test(words) for test in _tests(arm)):
                yield arm


def _distinctive(arm: Arm) -> set[str]:
    """Give the names of the parameters that tell an arm from others of its model."""
    prompts = {"prompt": arm.prompt, "prompt_version": arm.prompt_version}
    return {*arm.declared, *(name for name, value in prompts.items() if value)}


def _tests(arm: Arm) -> Iterable[Callable[[Words], bool]]:
    names = _distinctive(arm)
    if "prompt" in names:
        yield lambda words: words.prompt == arm.prompt
    if "prompt_version" in names:
        yield lambda words: words.prompt_version == arm.prompt_version
    if "temperature" in names:
        yield lambda words: _is_same(words.temperature, arm.config.temperature)
    if "top_p" in names:
        yield lambda words: _is_same(words.top_p, arm.config.top_p)
    if "max_tokens" in names:
        yield lambda words: words.max_tokens == arm.config.max_tokens


def _is_same(told: float | None, declared: float) -> bool:
    return told is not None and abs(told - declared) <= SAME
