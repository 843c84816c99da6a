"""How the spans of a dialect are read under the settings in force: which keys, in which order."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from connectors.otlp.dialects import dialect_of
from optimizer.observe.aliases import (
    NAMES,
    PARAMETERS,
    PROOFS,
    REALS,
    STAMPED,
    USAGES,
    WHOLES,
    WORDS,
)
from optimizer.observe.links import Links

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from connectors.otlp.dialects import Dialect
    from optimizer.observe.normalize import Normalizer
    from optimizer.observe.readings import Span
    from optimizer.producers import Producer

PROMPTS = ("prompt", "prompt_version")  # also name arms that nobody declared
MAX_SCOPES = 1_024


@dataclass(frozen=True, slots=True, eq=False)
class Getter:
    """Some keys and the C function that gets all their values out of a map at once.

    Attributes:
        keys: At least two, so that it always gives a tuple.
        get: Gives the values; missing ones as the map's default.
    """

    keys: tuple[str, ...]
    get: Callable[[Any], tuple[bytes, ...]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "get", itemgetter(*self.keys))


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What is read of the spans of one dialect.

    Attributes:
        keys: Everything that is read.
        nothing: All of that, absent.
        operations: Keys without which a span is no call.
        only_calls: Nearly all spans are calls.
        cached_apart: Input tokens leave out those of a cache.
        producer: Who writes them.
        begun: The plan for its spans that tell of calls when they start; None where none does.
        assigns: It is such a plan.
        stamped: The words that matter of a call whose arm is stamped, then its own values.
        words: The words that matter of any call, then its own values.
        wholes: How many of its own values are whole numbers, all aliases side by side.
        reals: How many doubles follow those.
        names: How many ids of responses follow those.
        usages: How many texts of usage follow those.
        slots: For each name of a number, its columns among those of its type, by priority.
    """

    keys: frozenset[str]
    nothing: dict[str, bytes]
    operations: tuple[str, ...]
    only_calls: bool
    cached_apart: bool
    producer: Producer
    stamped: Getter
    words: Getter
    wholes: int
    reals: int
    names: int
    usages: int
    slots: Mapping[str, tuple[int, ...]]
    begun: Plan | None = None
    assigns: bool = False

    @property
    def own(self) -> int:
        """How many values a call has that are its own, for none shares them."""
        return self.wholes + self.reals + self.names + self.usages

    def mark(self, span: Span) -> Span:
        """Give a span with what is known of who wrote it."""
        return replace(
            span, cached_apart=self.cached_apart, producer=self.producer, assigns=self.assigns
        )

    def names_operation(self, attributes: Mapping[str, Any]) -> bool:
        """Tell whether a span may be a call."""
        return any(attributes.get(key) for key in self.operations)


class Plans:
    """The plan of each scope."""

    def __init__(self, normalizer: Normalizer, links: Links = Links.NONE) -> None:
        self._parameters = (*PROMPTS, *normalizer.identities.declared(PARAMETERS.keys() - PROMPTS))
        self._reals = tuple(REALS) if normalizer.trust_reported else ("ttft",)
        # Where stamps are checked, all of a stamp is words: one verdict for each there is.
        self._checks = normalizer.checks_stamps
        self._wholes = tuple(name for name in WHOLES if name != "slot" or not self._checks)
        self._names = tuple(NAMES) if links is Links.RESPONSES else ()
        self._by_dialect: dict[Dialect, Plan] = {}
        self._by_scope: dict[str, Plan] = {}

    def of(self, scope: str) -> Plan:
        """Give the plan for a scope by its name."""
        plan = self._by_scope.get(scope)
        if plan is None:
            if len(self._by_scope) >= MAX_SCOPES:
                self._by_scope.clear()
            dialect = dialect_of(scope)
            plan = self._by_dialect.get(dialect) or self._make(dialect)
            self._by_dialect[dialect] = self._by_scope[scope] = plan
        return plan

    def _make(self, dialect: Dialect) -> Plan:
        stamped = _names(dialect, WORDS)
        words = (*stamped, *_names(dialect, self._parameters))
        if self._checks:
            stamped = words = (*words, *_names(dialect, ("slot", *PROOFS)))
        wholes, reals = _names(dialect, self._wholes), _names(dialect, self._reals)
        names = _names(dialect, self._names)
        usages = _names(dialect, USAGES)
        own = (*wholes, *reals, *names, *usages)
        places = {name: place for found in (wholes, reals) for place, name in enumerate(found)}
        return Plan(
            keys=frozenset({*words, *own}),
            nothing=dict.fromkeys((*words, *own), b""),
            operations=dialect.aliases("operation"),
            only_calls=dialect.only_calls,
            cached_apart=dialect.cached_apart,
            producer=dialect.producer,
            stamped=Getter((*stamped, *own)),
            words=Getter((*words, *own)),
            wholes=len(wholes),
            reals=len(reals),
            names=len(names),
            usages=len(usages),
            slots={
                slot: tuple(places[name] for name in dialect.aliases(slot))
                for slot in (*self._wholes, *self._reals)
            },
            begun=self._begun(dialect) if dialect.assigns else None,
        )

    def _begun(self, dialect: Dialect) -> Plan:
        """Make the plan for spans that tell of calls when they start: stamps, and how patient."""
        stamps = (*STAMPED, "slot", *PROOFS) if self._checks else STAMPED
        words = _names(dialect, stamps)
        wholes = ("patience",) if self._checks else ("patience", "slot")
        own = _names(dialect, wholes)
        getter = Getter((*words, *own))
        return Plan(
            keys=frozenset({*words, *own}),
            nothing=dict.fromkeys((*words, *own), b""),
            operations=(),
            only_calls=True,
            cached_apart=False,
            producer=dialect.producer,
            stamped=getter,
            words=getter,
            wholes=len(own),
            reals=0,
            names=0,
            usages=0,
            slots=dict.fromkeys((*WHOLES, *REALS), ())
            | {slot: (place,) for place, slot in enumerate(wholes)},
            assigns=True,
        )


def _names(dialect: Dialect, slots: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for slot in slots for name in dialect.aliases(slot))
