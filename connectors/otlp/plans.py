"""How the spans of a dialect are read under the settings in force: which keys, in which order."""

from __future__ import annotations

from dataclasses import dataclass, field
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from connectors.otlp.dialects import dialect_of
from optimizer.observe.aliases import NUMBERS, PARAMETERS, WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from connectors.otlp.dialects import Dialect
    from optimizer.observe.normalize import Normalizer

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
        operations: Keys without which a span is no call.
        only_calls: Nearly all spans are calls.
        stamped: The words that matter of a call whose arm is stamped.
        words: The words that matter of any call.
        numbers: The numbers that matter, all aliases side by side.
        slots: For each name of a number, its columns in `numbers`, by priority.
    """

    keys: frozenset[str]
    operations: tuple[str, ...]
    only_calls: bool
    stamped: Getter
    words: Getter
    numbers: Getter
    slots: Mapping[str, tuple[int, ...]]


class Plans:
    """The plan of each scope."""

    def __init__(self, normalizer: Normalizer) -> None:
        self._parameters = (*PROMPTS, *normalizer.identities.declared(PARAMETERS.keys() - PROMPTS))
        unread = set() if normalizer.trust_reported else {"reported_cost"}
        self._numbers = tuple(slot for slot in NUMBERS if slot not in unread)
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
        numbers = _names(dialect, self._numbers)
        places = {name: place for place, name in enumerate(numbers)}
        return Plan(
            keys=frozenset({*words, *numbers}),
            operations=dialect.aliases("operation"),
            only_calls=dialect.only_calls,
            stamped=Getter(stamped),
            words=Getter(words),
            numbers=Getter(numbers),
            slots={
                slot: tuple(places[name] for name in dialect.aliases(slot))
                for slot in self._numbers
            },
        )


def _names(dialect: Dialect, slots: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for slot in slots for name in dialect.aliases(slot))
