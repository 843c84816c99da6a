"""For applications that ask OpenFeature how to call: their calls are stamped all the same.

    flags = FlagdProvider(
        resolver_type=ResolverType.FILE, offline_flag_source_path="documents/flags.json"
    )
    api.set_provider(flags)
    client = api.get_client()
    client.add_hooks([Stamping(routes=[ROUTE])])
    with tracer.start_as_current_span("answer"):
        arm = client.get_object_value(ROUTE, MINE, EvaluationContext(conversation_id))
        openai.chat.completions.create(**{"messages": ...} | request_of(arm))

`connectors.span_stamps` hands the stamps on to spans that an instrumentation begins in there.
An evaluation tells the arm, and with `flags.json` all else: revision, salt, whose slots are whose,
and when a lease ends. An evaluation of anything else is left alone.
"""

from __future__ import annotations

import json
import time
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import mmh3
from openfeature.hook import Hook
from opentelemetry import trace

from connectors.documents.choices import PARAMETERS, stamps_of
from optimizer.documents import SLOTS
from optimizer.observe.aliases import STAMP
from optimizer.slots import slot_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from openfeature.flag_evaluation import FlagEvaluationDetails
    from openfeature.hook import HookContext, HookHints

CELL = f"{STAMP}cell"  # the attribute of an evaluation's context that names the cell, if any
_NONE: Mapping[str, str | int] = MappingProxyType({})
_OURS = {"form", "revision", "decision_id"}  # what each route's flag tells
_NO_SLOT = -1


def request_of(arm: Mapping[str, Any]) -> dict[str, Any]:
    """Give what a request says instead of its own: the model, and what the arm's author wrote down.

    The flag tells the usual parameters of the task as well; those are left to the application.

    Args:
        arm: The value of a route's flag; without a flag the application's own, given as it is.
    """
    if "declared" not in arm:
        return dict(arm)
    written = (name for name in PARAMETERS if name in arm["declared"] and name in arm)
    told = {name: arm[name] for name in ("model", *written)}
    return told | dict(arm.get("extra_params", {}))


class Stamping(Hook):
    """A hook that stamps the span in which a route's flag is evaluated; any thread may use it.

    Slots are those of the evaluator that chose: the newest algorithm's, or the one's before, which
    flagd itself and evaluators in other languages still use. Which of the two it is shows by the
    arms that it gives.

    Args:
        key: The installation's key, which signs stamps; None leaves them unsigned.
        routes: Stamped as themselves where there is no flag for them, as before their first
            document, which waits for calls.
        clock: Gives seconds since the epoch.
    """

    def __init__(
        self,
        key: str | None = None,
        *,
        routes: Iterable[str] = (),
        clock: Callable[[], float] = time.time,  # noqa: TID251 - an edge: leases end by it
    ) -> None:
        self._key = key
        self._clock = clock
        self._without = {route: stamps_of(route, key=key) for route in routes}
        self._algorithms: tuple[Callable[[str, str], int], ...] = (slot_of, _earlier_slot_of)
        stamps_of("", key=key)  # loads what signs, before a request waits for it

    def finally_after(
        self, hook_context: HookContext, details: FlagEvaluationDetails[Any], hints: HookHints
    ) -> None:
        """Stamp the current span; last, where nothing that fails can change the evaluation."""
        del hints
        context = hook_context.evaluation_context
        cell = context.attributes.get(CELL, "")
        if stamps := self.stamps(details, context.targeting_key, str(cell)):
            span = trace.get_current_span()
            # A blank is no stamp: nothing stays of what the span was stamped with before.
            told = getattr(span, "attributes", None) or ()
            blanks = {name: "" for name in told if name.startswith(STAMP)}
            span.set_attributes({**blanks, **stamps})

    def stamps(
        self, details: FlagEvaluationDetails[Any], unit: str | None, cell: str = ""
    ) -> Mapping[str, str | int]:
        """Give what a call is stamped with, where no span is open when its flag is evaluated.

        Args:
            details: The evaluation, as the client told it.
            unit: The targeting key it was evaluated for.
            cell: The call's discrete context, where the application knows one.

        Returns:
            Attributes for the call's span; without a revision where the arm proves nothing of a
            step, such as after a lease; empty where the flag is no route's.
        """
        told, arm = details.flag_metadata, details.variant
        if not arm or not told.keys() >= _OURS:
            return self._without.get(details.flag_key, _NONE)
        revision = int(told.get("revision", 0))
        if self._clock() >= float(told.get("until", float("inf"))):
            revision = 0
        slot = _NO_SLOT
        if revision and "slots" in told:
            slot = self._slot_of(str(told["salt"]), unit, _owners(str(told["slots"])), arm)
            revision = revision if slot != _NO_SLOT else 0
        return stamps_of(details.flag_key, arm, cell, revision=revision, slot=slot, key=self._key)

    def _slot_of(self, salt: str, unit: str | None, owners: tuple[str, ...], arm: str) -> int:
        """Give the slot that made a unit an arm's; -1 where none of the algorithms says so."""
        if not unit:  # for OpenFeature an empty key is none
            return _NO_SLOT
        for algorithm in self._algorithms:
            slot = algorithm(salt, unit)
            if owners[slot] == arm:
                if algorithm is not self._algorithms[0]:
                    self._algorithms = self._algorithms[::-1]
                return slot
        return _NO_SLOT


@lru_cache(maxsize=1024)
def _owners(slots: str) -> tuple[str, ...]:
    """Give the arm of each slot."""
    owners = tuple(arm for arm, count in json.loads(slots) for _ in range(count))
    if len(owners) != SLOTS:
        raise ValueError(f"{slots} deals {len(owners)} slots: must be {SLOTS}")
    return owners


def _earlier_slot_of(salt: str, unit: str) -> int:
    """Give the slot by flagd's second fractional algorithm, which hashes the very text.

    Source: flagd core 0.17, `evaluator/fractional.go`.
    """
    return mmh3.hash((salt + unit).encode(errors="replace"), signed=False) * SLOTS >> 32
