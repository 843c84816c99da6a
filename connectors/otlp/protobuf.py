"""OTLP traces in protobuf: the fast path."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

from connectors.otlp import wire
from connectors.otlp.any_value import any_value
from connectors.otlp.memory import Form
from connectors.otlp.numbers import reals, wholes
from connectors.otlp.parts import Parts, Read
from connectors.otlp.shape import shape_of_merged
from connectors.otlp.spans import STATUSES, parse, read_resource, read_scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connectors.otlp.memory import Memory
    from connectors.otlp.parts import Places
    from connectors.otlp.plans import Plan

PROTOBUF = Form(read_resource, read_scope, any_value, wholes, reals)
_STATUS = attrgetter("status")


def read(body: bytes, memory: Memory) -> Read:
    """Read a request.

    Raises:
        DecodeFailed: The bytes are none.
    """
    merged = parse(wire.Transposed, body).resource_spans.scope_spans.spans
    has_events = bool(merged.events)
    merged.ClearField("events")
    parts, counts, place = Parts(memory), [], 0
    for resource_spans in parse(wire.Slim, body).resource_spans:
        source, before = memory.source(resource_spans.resource), place
        for scope_spans in resource_spans.scope_spans:
            plan, spans = memory.plan(scope_spans.scope), scope_spans.spans[:]
            places: Places = range(place, place + len(spans))
            place += len(spans)
            attributes = [span.attributes for span in spans]
            if not plan.only_calls:
                kept = _candidates(plan, attributes)
                spans, attributes, places = (
                    [items[index] for index in kept] for items in (spans, attributes, places)
                )
            if spans:
                parts.add(
                    plan,
                    source,
                    places,
                    attributes,
                    statuses=bytes(map(STATUSES.__getitem__, map(_STATUS, spans))),
                    events=[bool(span.events) for span in spans] if has_events else [],
                )
        counts.append(place - before)
    return Read(counts, *parts.finish(shape_of_merged(merged, place)))


def _candidates(plan: Plan, attributes: Sequence[Mapping[str, bytes]]) -> list[int]:
    """Give the indices of the spans that name an operation; all others are no calls."""
    named = [plan.operations[0] in found for found in attributes]
    for key in plan.operations[1:]:
        named = [known or key in found for known, found in zip(named, attributes, strict=True)]
    return [index for index, known in enumerate(named) if known]
