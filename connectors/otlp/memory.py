"""What the fast path remembers between records: kinds by resource and words. Never an outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.otlp import wire
from connectors.otlp.kinds import MAX_SIGNATURES, NO_CALL, UNDECIDED, Kinds, Signatures
from connectors.otlp.spans import parse, read_resource
from optimizer.observe.aliases import ALIASES
from optimizer.observe.values import first, text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connectors.otlp.plans import Plan, Plans
    from optimizer.observe.columns import KeyTable
    from optimizer.observe.normalize import Normalizer
    from optimizer.observe.values import Value

MAX_RESOURCES = 4_096  # distinct bytes; instances of a service share what is remembered
ARM = ALIASES["arm"]


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """What matters of a resource, and the kinds of its calls by their words.

    Attributes:
        attributes: What matters of the resource.
        stamped: It is stamped with an arm.
        memos: By plan, for calls with a stamped arm and for all others.
    """

    attributes: Mapping[str, Value]
    stamped: bool
    memos: dict[tuple[Plan, bool], Signatures] = field(default_factory=dict)


class Memory:
    """Kinds, resources and scopes seen; forgets all of it when there are too many."""

    def __init__(self, normalizer: Normalizer, plans: Plans, table: KeyTable) -> None:
        self._normalizer = normalizer
        self._plans = plans
        self._table = table
        self._forget()

    def _forget(self) -> None:
        self.kinds = Kinds(self._table, self._normalizer)
        self._sources: dict[bytes, Source] = {}
        self._by_content: dict[tuple[tuple[str, Value], ...], Source] = {}
        self._scopes: dict[bytes, Plan] = {}

    def make_room(self, table: KeyTable) -> None:
        """Start a record: forget everything when there is too much of it, or codes changed."""
        full = self.kinds.signatures > MAX_SIGNATURES or len(self._sources) > MAX_RESOURCES
        if full or table is not self._table:
            self._table = table
            self._forget()

    def plan(self, scope: bytes) -> Plan:
        """Give the plan for the spans of a scope.

        Raises:
            DecodeFailed: The bytes are no scope.
        """
        plan = self._scopes.get(scope)
        if plan is None:
            name = parse(wire.Scope, scope).name.decode(errors="replace")
            plan = self._plans.of(name)
            if len(self._scopes) < MAX_RESOURCES:
                self._scopes[scope] = plan
        return plan

    def source(self, resource: bytes) -> Source:
        """Give what is known of a resource.

        Raises:
            DecodeFailed: The bytes are no resource.
        """
        source = self._sources.get(resource)
        if source is None:
            attributes = read_resource(resource)
            content = tuple(attributes.items())
            stamped = first(attributes, ARM, text) is not None
            source = self._by_content.setdefault(content, Source(attributes, stamped))
            self._sources[resource] = source
        return source

    def codes(
        self, plan: Plan, source: Source, attributes: Sequence[Mapping[str, bytes]]
    ) -> list[int]:
        """Give the code of the kind of each span, `NO_CALL` for what is no call.

        Calls with a stamped arm are told apart by fewer words, so those are tried where the first
        span has a stamp; the few that do not tell enough are asked for all words.
        """
        words = self._memo(plan, source, stamped=False)
        if not (source.stamped or ARM[0] in attributes[0]):
            return list(map(words.__getitem__, map(plan.words.get, attributes)))
        stamped = self._memo(plan, source, stamped=True)
        codes = list(map(stamped.__getitem__, map(plan.stamped.get, attributes)))
        if UNDECIDED not in codes:
            return codes
        pairs = zip(codes, attributes, strict=True)
        return [words[plan.words.get(found)] if code == UNDECIDED else code for code, found in pairs]

    def _memo(self, plan: Plan, source: Source, *, stamped: bool) -> Signatures:
        memo = source.memos.get((plan, stamped))
        if memo is None:
            kinds = self.kinds

            def read(attributes: Mapping[str, Value]) -> int:
                if stamped and not source.stamped and first(attributes, ARM, text) is None:
                    return UNDECIDED if _may_be_call(attributes) else NO_CALL
                return kinds.read(attributes, source.attributes)

            getter = plan.stamped if stamped else plan.words
            memo = source.memos[plan, stamped] = Signatures(getter.keys, kinds, read)
        return memo


def _may_be_call(attributes: Mapping[str, Value]) -> bool:
    return any(name in attributes for name in ALIASES["operation"])
