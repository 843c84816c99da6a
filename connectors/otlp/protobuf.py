"""OTLP traces in protobuf: the fast path."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from connectors.otlp import wire
from connectors.otlp.any_value import any_value
from connectors.otlp.memory import Form
from connectors.otlp.numbers import reals, wholes
from connectors.otlp.parts import Parts, Read
from connectors.otlp.shape import shape_of_merged
from connectors.otlp.spans import STATUSES, parse, read_resource, read_scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connectors.otlp.memory import Memory, Source
    from connectors.otlp.plans import Plan

    _Alike = dict[tuple[Plan, Source], tuple[list[int], list[Any]]]

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
    alike, counts = _alike(body, memory)
    parts = Parts(memory)
    for (plan, source), (places, spans) in alike.items():
        _add(parts, plan, source, places, spans, has_events=has_events)
    shape = shape_of_merged(merged, sum(counts))
    return Read(counts, *parts.finish(shape), bool(shape.sound.any()))


def _alike(body: bytes, memory: Memory) -> tuple[_Alike, list[int]]:
    """Give the spans, with their places, that are read alike; and how many each resource has.

    The spans of small requests end to end come from few resources again and again.
    """
    alike: _Alike = {}
    counts, place = [], 0
    for resource_spans in parse(wire.Slim, body).resource_spans:
        source, before = memory.source(resource_spans.resource), place
        for scope_spans in resource_spans.scope_spans:
            spans = scope_spans.spans[:]
            if spans:
                key = memory.plan(scope_spans.scope), source
                places, found = alike.setdefault(key, ([], []))
                places += range(place, place + len(spans))
                found += spans
                place += len(spans)
        counts.append(place - before)
    return alike, counts


def _add(
    parts: Parts,
    plan: Plan,
    source: Source,
    places: list[int],
    spans: list[Any],
    *,
    has_events: bool,
) -> None:
    """Add those of some spans that may be calls."""
    attributes = [span.attributes for span in spans]
    if not plan.only_calls:
        kept = _candidates(plan, attributes)
        places = [places[row] for row in kept]
        spans, attributes = [spans[row] for row in kept], [attributes[row] for row in kept]
    if spans:
        parts.add(
            plan,
            source,
            places,
            attributes,
            statuses=bytes(map(STATUSES.__getitem__, map(_STATUS, spans))),
            events=[bool(span.events) for span in spans] if has_events else [],
        )


def _candidates(plan: Plan, attributes: Sequence[Mapping[str, bytes]]) -> list[int]:
    """Give the indices of the spans that name an operation; all others are no calls."""
    named = [plan.operations[0] in found for found in attributes]
    for key in plan.operations[1:]:
        named = [known or key in found for known, found in zip(named, attributes, strict=True)]
    return [index for index, known in enumerate(named) if known]
