"""What the fast path remembers between records: kinds by resource and words. Never an outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from connectors.otlp.kinds import MAX_SIGNATURES, NO_CALL, UNDECIDED, Kinds, Signatures
from connectors.otlp.spans import RESOURCE_KEYS
from optimizer.observe.aliases import ALIASES
from optimizer.observe.values import first, text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np

    from connectors.otlp.numbers import Numbers, Raws
    from connectors.otlp.plans import Plan, Plans
    from optimizer.observe.keys import KeyTable
    from optimizer.observe.normalize import Normalizer
    from optimizer.observe.values import Value

    Attributes = Sequence[Mapping[str, bytes]]

MAX_RESOURCES = 4_096  # distinct bytes; instances of a service share what is remembered
MAX_RESOURCE = 8_192  # bytes of a resource or a scope worth remembering
ARM = ALIASES["arm"]


class Form(NamedTuple):
    """How one encoding is read.

    Attributes:
        resource: Gives the named attributes of an undecoded resource.
        scope: Gives the name of an undecoded scope.
        value: Reads an undecoded attribute value; whatever it is, this raises nothing.
        wholes: Reads columns of whole numbers; see `numbers.wholes`.
        reals: Reads columns of doubles.
    """

    resource: Callable[[bytes, tuple[str, ...]], Mapping[str, Value]]
    scope: Callable[[bytes], str]
    value: Callable[[bytes], Value]
    wholes: Callable[[Sequence[Raws], int], Numbers[np.int64]]
    reals: Callable[[Sequence[Raws], int], Numbers[np.float64]]


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
    """Kinds, resources and scopes seen in one encoding; forgets all when there are too many."""

    def __init__(self, form: Form, normalizer: Normalizer, plans: Plans, table: KeyTable) -> None:
        self.form = form
        self._normalizer = normalizer
        self._plans = plans
        self._table = table
        self._resource_keys = (*RESOURCE_KEYS, *normalizer.identities.resource_keys)
        self._forget()

    def _forget(self) -> None:
        self.kinds = Kinds(self._table, self._normalizer)
        self._sources: dict[bytes, Source] = {}
        self._by_content: dict[tuple[tuple[str, type, Value], ...], Source] = {}
        self._scopes: dict[bytes, Plan] = {}

    def make_room(self, table: KeyTable) -> None:
        """Start a record: forget everything when there is too much of it, or codes changed."""
        known = max(self.kinds.signatures, len(self.kinds.kinds))
        full = known > MAX_SIGNATURES or len(self._sources) > MAX_RESOURCES
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
            plan = self._plans.of(self.form.scope(scope))
            if len(self._scopes) < MAX_RESOURCES and len(scope) <= MAX_RESOURCE:
                self._scopes[scope] = plan
        return plan

    def source(self, resource: bytes) -> Source:
        """Give what is known of a resource.

        Raises:
            DecodeFailed: The bytes are no resource.
        """
        source = self._sources.get(resource)
        if source is None:
            attributes = self.form.resource(resource, self._resource_keys)
            source = Source(attributes, first(attributes, ARM, text) is not None)
            if len(resource) <= MAX_RESOURCE:
                # With types, for 1 == 1.0 == True and only the first is a slot.
                content = tuple((key, type(value), value) for key, value in attributes.items())
                source = self._by_content.setdefault(content, source)
                self._sources[resource] = source
        return source

    def read(self, plan: Plan, source: Source, attributes: Attributes) -> tuple[list[int], Raws]:
        """Give the kind of each span, `NO_CALL` for what is no call, and its own values.

        Calls with a stamped arm are told apart by fewer words, so those are tried where the first
        span has a stamp; the few that do not tell enough are asked for all words.

        Returns:
            The codes, and the undecoded values that are a call's own, a column each.
        """
        if not (source.stamped or attributes[0].get(ARM[0])):
            return self._look_up(plan, source, attributes, stamped=False)
        codes, numbers = self._look_up(plan, source, attributes, stamped=True)
        if UNDECIDED in codes:
            left = [row for row, code in enumerate(codes) if code == UNDECIDED]
            found, _ = self._look_up(plan, source, [attributes[row] for row in left], stamped=False)
            for row, code in zip(left, found, strict=True):
                codes[row] = code
        return codes, numbers

    def _look_up(
        self, plan: Plan, source: Source, attributes: Attributes, *, stamped: bool
    ) -> tuple[list[int], Raws]:
        memo = source.memos.get((plan, stamped))
        if memo is None:
            memo = self._memo(plan, source, stamped=stamped)
        getter = plan.stamped if stamped else plan.words
        # All keys at once, then turned: faster than words and others each by themselves.
        columns = list(zip(*map(getter.get, attributes), strict=False))
        words = zip(*columns[: -plan.own], strict=False)
        return list(map(memo.__getitem__, words)), columns[-plan.own :]

    def _memo(self, plan: Plan, source: Source, *, stamped: bool) -> Signatures:
        kinds = self.kinds

        def read(attributes: Mapping[str, Value]) -> int:
            if stamped and not source.stamped and first(attributes, ARM, text) is None:
                return UNDECIDED if plan.names_operation(attributes) else NO_CALL
            told = attributes, source.attributes, plan.producer
            return kinds.read(*told, assigns=plan.assigns)

        keys = (plan.stamped if stamped else plan.words).keys[: -plan.own]
        memo = source.memos[plan, stamped] = Signatures(keys, kinds, self.form.value, read)
        return memo
