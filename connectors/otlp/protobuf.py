"""OTLP traces in protobuf: the fast path."""

from __future__ import annotations

from itertools import accumulate, compress, pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from connectors.otlp import wire
from connectors.otlp.any_value import any_value
from connectors.otlp.memory import Form
from connectors.otlp.numbers import reals, wholes
from connectors.otlp.parts import Parts, Read
from connectors.otlp.runs import resources_in
from connectors.otlp.shape import shape_of, sound_id
from connectors.otlp.spans import STATUSES, parse, read_resource, read_scope
from optimizer.errors import DecodeFailed
from optimizer.observe.aliases import ASSIGNMENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from connectors.otlp.memory import Memory, Source
    from connectors.otlp.plans import Plan

    _Alike = dict[tuple[Plan, Source], tuple[list[int], list[Any]]]

PROTOBUF = Form(read_resource, read_scope, any_value, wholes, reals)
_STATUS, _PARENT = attrgetter("status"), attrgetter("parent_span_id")
_ASSIGNMENT = ASSIGNMENT.encode()


def read(body: bytes, memory: Memory) -> Read:
    """Read a request.

    Raises:
        DecodeFailed: The bytes are none.
    """
    alike, counts = _alike(body, memory)
    return _finish([body], memory, alike, [sum(counts)])


def read_run(bodies: Sequence[bytes], memory: Memory) -> Read:
    """Read requests at once, as one: requests end to end are one request.

    Raises:
        DecodeFailed: One of them must be read by itself.
    """
    resources = [resources_in(body) for body in bodies]
    if min(resources) < 0:
        raise DecodeFailed("not_protobuf", "something else than resources stands at the top")
    alike, counts = _alike(b"".join(bodies), memory)
    ends = list(accumulate(resources, initial=0))
    spans = [sum(counts[start:stop]) for start, stop in pairwise(ends)]
    return _finish(bodies, memory, alike, spans)


def _finish(bodies: Sequence[bytes], memory: Memory, alike: _Alike, spans: list[int]) -> Read:
    # Ids and times record by record, so that none of one record's is taken for another's.
    merged = [parse(wire.Transposed, body).resource_spans.scope_spans.spans for body in bodies]
    has_events = any(one.events for one in merged)
    for one in merged:
        one.ClearField("events")
    parts = Parts(memory)
    for (plan, source), (places, found) in alike.items():
        _add(parts, plan, source, places, found, has_events=has_events)
    shape = shape_of(merged, spans)
    return Read(spans, *parts.finish(shape), bool(shape.sound.any()))


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
    """Add those of some spans that may be calls, and those that tell of calls when they start."""
    if plan.begun is not None:
        is_begun = [span.name == _ASSIGNMENT for span in spans]
        if any(is_begun):
            begun, at = list(compress(spans, is_begun)), list(compress(places, is_begun))
            _add_begun(parts, plan.begun, source, at, begun)
            rest = [row for row, begun in enumerate(is_begun) if not begun]
            places, spans = [places[row] for row in rest], [spans[row] for row in rest]
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


def _add_begun(
    parts: Parts,
    plan: Plan,
    source: Source,
    places: list[int],
    spans: list[Any],
) -> None:
    """Add the spans that tell of calls when they start."""
    parts.add(
        plan,
        source,
        places,
        [span.attributes for span in spans],
        statuses=bytes(map(STATUSES.__getitem__, map(_STATUS, spans))),
        events=[],
        parents=b"".join(map(sound_id, map(_PARENT, spans))),
    )


def _candidates(plan: Plan, attributes: Sequence[Mapping[str, bytes]]) -> list[int]:
    """Give the indices of the spans that name an operation; all others are no calls."""
    named = [plan.operations[0] in found for found in attributes]
    for key in plan.operations[1:]:
        named = [known or key in found for known, found in zip(named, attributes, strict=True)]
    return [index for index, known in enumerate(named) if known]
