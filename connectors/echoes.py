"""What a score echoes of its call: route, arm, revision, cell and slot, as gateways stamp them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from optimizer.observe.aliases import ALIASES, SERVICE
from optimizer.observe.identify import Identities, claims_of
from optimizer.observe.values import first, text, whole
from optimizer.observe.words import as_slot, read_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optimizer.judgements import Key
    from optimizer.observe.values import Value
    from optimizer.settings import Settings, SourceSettings

STAMP = "llm.optimizer."
PLAIN = ("route", "arm", "cell", "revision", "slot")  # how feedback may name the same
ARM = frozenset(ALIASES["arm"])
MAX_KNOWN = 16_384
_CALL = {"gen_ai.operation.name": "chat"}  # a score echoes what a call says


class Echo(NamedTuple):
    """Where a call was made; without a key nothing was told, or nothing that is believed."""

    key: Key | None = None
    slot: int = -1


NO_ECHO = Echo()


class Echoes:
    """Reads what the scores of a source echo; stamps are taken as those of its calls are.

    Args:
        settings: The settings in force.
        source: Where the scores come from.
    """

    def __init__(self, settings: Settings, source: SourceSettings) -> None:
        self._identities = Identities(settings.routes, source.tenant, claims_of(settings, source))
        self._known: dict[tuple[object, ...], Echo] = {}

    def tenant_of(self, resource: Mapping[str, Value]) -> str:
        """Give who owns the telemetry of a resource."""
        return self._identities.tenant_of(resource)

    @property
    def resource_keys(self) -> tuple[str, ...]:
        """Give the attributes of a resource that `tenant_of` asks for."""
        return self._identities.resource_keys

    def read(self, told: Mapping[str, Value], tenant: str, service: str = "") -> Echo:
        """Give what a score echoes.

        Args:
            told: Attributes by their names in telemetry.
            tenant: Who owns the telemetry.
            service: The service that made the call, where it is told.
        """
        if ARM.isdisjoint(told) or first(told, ALIASES["arm"], text) is None:
            return NO_ECHO
        content = (tenant, service, *(told.get(name) for name in _TOLD))
        echo = self._known.get(content)
        if echo is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            echo = self._known[content] = self._echo(told, tenant, service)
        return echo

    def _echo(self, told: Mapping[str, Value], tenant: str, service: str) -> Echo:
        words = read_words({**told, **_CALL}, {SERVICE: service})
        if words is None or not (words.route or words.service):
            return NO_ECHO
        words = words._replace(slot=as_slot(first(told, ALIASES["slot"], whole)))
        words, _ = self._identities.stamps.read(words, tenant, told, {})
        if not words.arm:
            return NO_ECHO
        route, arm, revision, cell = self._identities.identify(words, tenant)
        return Echo((route, arm, revision, cell), words.slot)


_TOLD = tuple(name for field in (*PLAIN, "signature") for name in ALIASES[field])


def stamped(told: Mapping[str, object]) -> dict[str, Value]:
    """Give what free pairs of names and values echo, under the names of telemetry.

    Both `llm.optimizer.arm` and plain `arm` are read; the former wins.
    """
    found: dict[str, Value] = {}
    for field in (*PLAIN, "signature"):
        value = told.get(f"{STAMP}{field}", told.get(field))
        if isinstance(value, str | int | float):
            found[f"{STAMP}{field}"] = value
    return found
