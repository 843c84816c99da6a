"""OTLP traces in protobuf to rows: the fast path.

Words are never decoded twice: the tuple of their undecoded bytes is looked up in a memo of kinds.
Numbers, ids and times are read in columns. What is odd about a span in any way is left to the
reference reading, so both agree on every span.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate, chain
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from connectors.otlp import wire
from connectors.otlp.kinds import NO_CALL
from connectors.otlp.names import responses
from connectors.otlp.numbers import reals, wholes
from connectors.otlp.rows import Rows
from connectors.otlp.shape import shape_of
from connectors.otlp.spans import DAMAGED, STATUSES, parse
from optimizer.observe.columns import STREAMED
from optimizer.observe.normalize import SECOND_NS
from optimizer.observe.words import SLOTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from connectors.otlp.kinds import Kinds
    from connectors.otlp.memory import Memory, Source
    from connectors.otlp.numbers import Numbers, Raws
    from connectors.otlp.plans import Plan
    from connectors.otlp.shape import Shape

    Ints = NDArray[np.int64]
    Reals = NDArray[np.float64]

_STATUS = attrgetter("status")


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


class _Part(NamedTuple):
    """The spans of one scope that may be calls, one item each.

    Attributes:
        places: Where they stand in the record, rising.
        source: Their resource.
        kinds: Codes of their kinds.
        statuses: What their statuses say, a byte each.
        wholes: Columns of undecoded whole numbers.
        reals: Columns of undecoded doubles.
        names: Columns of undecoded ids of responses.
        events: Their events, empty where the whole record has none.
    """

    places: range | list[int]
    source: Source
    kinds: list[int]
    statuses: bytes
    wholes: Raws
    reals: Raws
    names: Raws
    events: list[Sequence[bytes]]


def read(body: bytes, memory: Memory) -> Read:
    """Read a request.

    Raises:
        DecodeFailed: The bytes are none.
    """
    merged = parse(wire.Transposed, body).resource_spans.scope_spans.spans
    has_events = bool(merged.events)
    merged.ClearField("events")
    groups: dict[Plan, list[_Part]] = {}
    place = 0
    for resource_spans in parse(wire.Slim, body).resource_spans:
        source = memory.source(resource_spans.resource)
        for scope_spans in resource_spans.scope_spans:
            plan, spans = memory.plan(scope_spans.scope), scope_spans.spans[:]
            places: range | list[int] = range(place, place + len(spans))
            place += len(spans)
            attributes = [span.attributes for span in spans]
            if not plan.only_calls:
                kept = _candidates(plan, attributes)
                spans, attributes, places = (
                    [items[index] for index in kept] for items in (spans, attributes, places)
                )
            if spans:
                kinds, own = memory.read(plan, source, attributes)
                numbers = plan.wholes + plan.reals
                part = _Part(
                    places,
                    source,
                    kinds,
                    bytes(map(STATUSES.__getitem__, map(_STATUS, spans))),
                    own[: plan.wholes],
                    own[plan.wholes : numbers],
                    own[numbers:],
                    [span.events for span in spans] if has_events else [],
                )
                groups.setdefault(plan, []).append(part)
    shape = shape_of(merged, place)
    parts = [_finish(group, plan, shape, memory.kinds) for plan, group in groups.items()]
    return Read(place, [rows for rows, _ in parts], [span for _, odd in parts for span in odd])


def _candidates(plan: Plan, attributes: Sequence[Mapping[str, bytes]]) -> list[int]:
    """Give the indices of the spans that name an operation; all others are no calls."""
    named = [plan.operations[0] in found for found in attributes]
    for key in plan.operations[1:]:
        named = [known or key in found for known, found in zip(named, attributes, strict=True)]
    return [index for index, known in enumerate(named) if known]


def _finish(parts: list[_Part], plan: Plan, shape: Shape, kinds: Kinds) -> tuple[Rows, list[Odd]]:
    """Read the columns of the spans of one plan, and set apart those that are odd."""
    rows, odd = _columns(parts, plan, shape, kinds)
    is_call = rows.kind != NO_CALL
    left = is_call & odd
    firsts = list(accumulate((len(part.places) for part in parts), initial=0))
    apart = [
        Odd(int(rows.place[row]), plan, parts[bisect_right(firsts, row) - 1].source)
        for row in np.flatnonzero(left).tolist()
    ]
    plain = is_call & ~odd
    return (rows if plain.all() else rows.take(plain)), apart


def _columns(
    parts: list[_Part], plan: Plan, shape: Shape, kinds: Kinds
) -> tuple[Rows, NDArray[np.bool_]]:
    """Read all columns of one plan; of odd rows, and of what is no call, they mean nothing."""
    rows = sum(len(part.kinds) for part in parts)
    every = rows == len(shape.sound)
    place = np.arange(rows) if every else _places(parts)
    at = slice(None) if every else place
    kind = np.fromiter(chain.from_iterable(part.kinds for part in parts), np.int64)
    status = np.frombuffer(b"".join(part.statuses for part in parts), np.uint8)
    facts = kinds.facts(kind)
    whole = wholes([part.wholes for part in parts], rows)
    real = reals([part.reals for part in parts], rows)
    odd = whole.odd | (status == DAMAGED) | ~shape.sound[at]
    odd |= real.odd & ((facts.flags | facts.reported) != 0)
    tokens_out, slot = (
        whole.first(plan.slots["tokens_out"]),
        whole.first(plan.slots.get("slot", ())),
    )
    return Rows(
        place=place,
        kind=kind,
        ids=shape.ids[at],
        end_ns=shape.end_ns[at],
        latency_ns=shape.latency_ns[at],
        ttft_ns=_ttft(parts, real.first(plan.slots["ttft"]), facts.flags & STREAMED != 0, odd),
        tokens_out=_else(tokens_out, facts.silent_tokens_out),
        slot=facts.slot if slot is None else _else(np.where(slot < SLOTS, slot, -1), facts.slot),
        failed=(status | facts.failed) != 0,
        reported_nusd=_reported(real, plan, facts.reported != 0),
        response=responses([part.names for part in parts], rows),
        **_input(whole, plan, rows),
    ), odd


def _places(parts: list[_Part]) -> Ints:
    """Give where the spans stand in the record."""
    return np.fromiter(chain.from_iterable(part.places for part in parts), np.int64)


def _else(values: Ints | None, otherwise: Ints) -> Ints:
    """Give the values, others where they are absent."""
    return otherwise if values is None else np.where(values < 0, otherwise, values)


def _input(whole: Numbers[np.int64], plan: Plan, rows: int) -> dict[str, Ints]:
    """Give the input tokens and those of them that a cache was read for or written."""
    tokens_in, *parts = (
        whole.first(plan.slots[name]) for name in ("tokens_in", "tokens_cached", "cache_write")
    )
    if tokens_in is None:
        tokens_in = np.full(rows, -1)
    nothing = np.zeros(rows, np.int64)
    told = tokens_in >= 0
    cached, written = (nothing if part is None else np.maximum(part, 0) * told for part in parts)
    counted = cached + written
    tokens_in = tokens_in + counted * (tokens_in < counted)  # the producer left them out
    return {"tokens_in": tokens_in, "tokens_cached": cached, "cache_write": written}


def _ttft(
    parts: list[_Part],
    seconds: Reals | None,
    streamed: NDArray[np.bool_],
    odd: NDArray[np.bool_],
) -> Ints:
    """Give times to the first token of streamed calls; mark those odd that an event may tell."""
    if seconds is None:
        seconds = np.full(len(streamed), -1.0)
    told = streamed & (seconds >= 0)
    if parts[0].events:
        has_events = [bool(events) for part in parts for events in part.events]
        odd |= streamed & ~told & has_events
    return np.where(told, np.rint(seconds * SECOND_NS).astype(np.int64), -1)


def _reported(real: Numbers[np.float64], plan: Plan, counts: NDArray[np.bool_]) -> Ints:
    """Give the costs that producers report, where they count."""
    usd = real.first(plan.slots.get("reported_cost", ()))
    if usd is None:
        return np.full(len(counts), -1)
    return np.where(counts & (usd > 0), np.rint(usd * SECOND_NS).astype(np.int64), -1)
