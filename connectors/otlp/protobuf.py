"""OTLP traces in protobuf to rows: the fast path.

Words are never decoded twice: the tuple of their undecoded bytes is looked up in a memo of kinds.
Numbers, ids and times are read in columns. What is odd about a span in any way is left to the
reference reading, so both agree on every span.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from connectors.otlp import wire
from connectors.otlp.kinds import NO_CALL
from connectors.otlp.numbers import reals, wholes
from connectors.otlp.rows import Rows
from connectors.otlp.shape import shape_of
from connectors.otlp.spans import DAMAGED, STATUSES, parse
from optimizer.observe.columns import STREAMED
from optimizer.observe.normalize import MAX_COST_USD, MAX_LATENCY_NS, SECOND_NS
from optimizer.observe.price import MAX_TOKENS
from optimizer.observe.words import SLOTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from connectors.otlp.kinds import Kinds
    from connectors.otlp.memory import Memory, Source
    from connectors.otlp.plans import Plan
    from connectors.otlp.shape import Shape

    Ints = NDArray[np.int64]

_HEAD = attrgetter("status", "attributes", "events")
_HEAD_WITHOUT_EVENTS = attrgetter("status", "attributes")


class Odd(NamedTuple):
    """A span left to the reference reading."""

    place: int
    plan: Plan
    source: Source


class Read(NamedTuple):
    """What the fast path made of a record.

    Attributes:
        spans: How many spans it holds.
        rows: The calls that are plain.
        odd: The spans that are not.
    """

    spans: int
    rows: list[Rows]
    odd: list[Odd]


@dataclass(slots=True, eq=False)
class _Group:
    """The spans of one plan that may be calls, one item each."""

    places: list[int] = field(default_factory=list)
    kinds: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    numbers: list[tuple[bytes, ...]] = field(default_factory=list)
    events: list[Sequence[bytes]] = field(default_factory=list)
    firsts: list[int] = field(default_factory=list)  # where the spans of each source begin
    sources: list[Source] = field(default_factory=list)


def read(body: bytes, memory: Memory) -> Read:
    """Read a request.

    Raises:
        DecodeFailed: The bytes are none.
    """
    merged = parse(wire.Transposed, body).resource_spans.scope_spans.spans
    has_events = bool(merged.events)
    merged.ClearField("events")
    groups: dict[Plan, _Group] = {}
    place = 0
    for resource_spans in parse(wire.Slim, body).resource_spans:
        source = memory.source(resource_spans.resource)
        for scope_spans in resource_spans.scope_spans:
            plan, spans = memory.plan(scope_spans.scope), scope_spans.spans
            places: Sequence[int] = range(place, place + len(spans))
            place += len(spans)
            if not plan.only_calls:
                kept = _candidates(plan, spans)
                spans, places = [spans[index] for index in kept], [places[index] for index in kept]
            if spans:
                group = groups.setdefault(plan, _Group())
                group.firsts.append(len(group.places))
                group.sources.append(source)
                group.places += places
                _take(group, memory, plan, spans, _HEAD if has_events else _HEAD_WITHOUT_EVENTS)
    shape = shape_of(merged, place)
    parts = [_finish(group, plan, shape, memory.kinds) for plan, group in groups.items()]
    return Read(place, [rows for rows, _ in parts], [span for _, odd in parts for span in odd])


def _candidates(plan: Plan, spans: Sequence[Any]) -> list[int]:
    """Give the indices of the spans that name an operation; all others are no calls."""
    attributes = [span.attributes for span in spans]
    named = [plan.operations[0] in found for found in attributes]
    for key in plan.operations[1:]:
        named = [known or key in found for known, found in zip(named, attributes, strict=True)]
    return [index for index, known in enumerate(named) if known]


def _take(
    group: _Group, memory: Memory, plan: Plan, spans: Sequence[Any], head: attrgetter[Any]
) -> None:
    """Take the spans of one scope into their plan's group."""
    statuses, attributes, *events = zip(*map(head, spans), strict=True)
    group.statuses += map(STATUSES.__getitem__, statuses)
    group.kinds += memory.codes(plan, group.sources[-1], attributes)
    group.numbers += map(plan.numbers.get, attributes)
    for found in events:
        group.events += found


def _finish(group: _Group, plan: Plan, shape: Shape, kinds: Kinds) -> tuple[Rows, list[Odd]]:
    """Read the columns of a group, and set apart its spans that are odd."""
    rows, odd = _columns(group, plan, shape, kinds)
    is_call = rows.kind != NO_CALL
    left = [
        Odd(group.places[row], plan, group.sources[bisect_right(group.firsts, row) - 1])
        for row in np.flatnonzero(is_call & odd).tolist()
    ]
    plain = is_call & ~odd
    return (rows if plain.all() else rows.take(plain)), left


def _columns(
    group: _Group, plan: Plan, shape: Shape, kinds: Kinds
) -> tuple[Rows, NDArray[np.bool_]]:
    """Read all columns of a group; of odd rows, and of what is no call, they mean nothing."""
    raws = list(zip(*group.numbers, strict=True))
    place, kind = np.array(group.places), np.array(group.kinds)
    status = np.array(group.statuses, np.uint8)
    odd = ~shape.sound[place] | (status == DAMAGED)

    def counts(slot: str) -> Ints:
        values, left = wholes([raws[column] for column in plan.slots[slot]], len(kind))
        odd[left | (values > MAX_TOKENS)] = True
        return values

    tokens_in, tokens_out = counts("tokens_in"), counts("tokens_out")
    cached, written = np.maximum(counts("tokens_cached"), 0), np.maximum(counts("cache_write"), 0)
    exclusive = (tokens_in >= 0) & (tokens_in < cached + written)
    slot = counts("slot")
    ttft_ns = _ttft(group, plan, raws, kinds.fact("flags")[kind] & STREAMED != 0, odd)
    return Rows(
        place=place,
        kind=kind,
        ids=shape.ids[place],
        end_ns=shape.end_ns[place],
        latency_ns=shape.latency_ns[place],
        ttft_ns=ttft_ns,
        tokens_in=np.where(exclusive, tokens_in + cached + written, tokens_in),
        tokens_out=np.where(tokens_out < 0, kinds.fact("silent_tokens_out")[kind], tokens_out),
        tokens_cached=cached,
        cache_write=written,
        slot=np.where((slot < 0) | (slot >= SLOTS), kinds.fact("slot")[kind], slot),
        failed=(status != 0) | (kinds.fact("failed")[kind] != 0),
        reported_nusd=_reported(plan, raws, kinds.fact("reported")[kind] != 0, odd),
    ), odd


def _ttft(
    group: _Group,
    plan: Plan,
    raws: Sequence[Sequence[bytes]],
    streamed: NDArray[np.bool_],
    odd: NDArray[np.bool_],
) -> Ints:
    """Give times to the first token of streamed calls; mark those odd that an event may tell."""
    seconds, left = reals([raws[column] for column in plan.slots["ttft"]], len(streamed))
    absent = seconds < 0
    odd |= streamed & (left | (seconds > MAX_LATENCY_NS / SECOND_NS))
    if group.events:
        odd |= streamed & absent & np.array([bool(events) for events in group.events])
    ttft_ns = np.rint(np.where(absent | odd, 0, seconds) * SECOND_NS).astype(np.int64)
    return np.where(absent | ~streamed, -1, ttft_ns)


def _reported(
    plan: Plan, raws: Sequence[Sequence[bytes]], counts: NDArray[np.bool_], odd: NDArray[np.bool_]
) -> Ints:
    """Give the costs that producers report, where they count."""
    if not counts.any():
        return np.full(len(counts), -1)
    usd, left = reals([raws[column] for column in plan.slots["reported_cost"]], len(counts))
    odd |= counts & left
    told = counts & (usd > 0) & (usd <= MAX_COST_USD)
    return np.where(told, np.rint(np.where(told, usd, 0) * SECOND_NS).astype(np.int64), -1)
