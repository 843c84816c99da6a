"""Spans to rows: the calls among the spans of a record, read in columns.

Words are never decoded twice: the tuple of their undecoded bytes is looked up in a memo of kinds.
Numbers, ids and times are read in columns. What is odd about a span in any way is left to the
reference reading, so both agree on every span.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import replace
from itertools import accumulate, chain, pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from connectors.otlp.kinds import NO_CALL
from connectors.otlp.names import responses
from connectors.otlp.rows import Rows
from connectors.otlp.spans import DAMAGED
from connectors.otlp.usage_texts import cache_uses
from optimizer.documents import MOST_PATIENCE_MS
from optimizer.observe.columns import STREAMED
from optimizer.observe.figures import MILLISECOND_NS, SECOND_NS
from optimizer.observe.words import SLOTS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from connectors.otlp.memory import Attributes, Memory, Source
    from connectors.otlp.numbers import Numbers, Raws
    from connectors.otlp.plans import Plan
    from connectors.otlp.shape import Shape

    Ints = NDArray[np.int64]
    Reals = NDArray[np.float64]
    Places = range | list[int]


class Odd(NamedTuple):
    """A span left to the reference reading."""

    place: int
    plan: Plan
    source: Source


class Read(NamedTuple):
    """What the fast path made of a record, or of records at once.

    Attributes:
        spans: How many spans each record holds.
        rows: The calls that are plain.
        odd: The spans that are not.
        sound: The ids and times of any span could be read in columns.
    """

    spans: list[int]
    rows: list[Rows]
    odd: list[Odd]
    sound: bool


class _Part(NamedTuple):
    """The spans of one scope that may be calls, one item each.

    Attributes:
        places: Where they stand in the record, rising.
        source: Their resource.
        kinds: Codes of their kinds.
        statuses: What their statuses say, a byte each.
        own: Columns of the undecoded values that are their own.
        events: Which have events; empty where none in the record has.
        parents: Ids of the spans they are children of, 8 bytes each, zeros for what is none; empty
            where nobody asks.
    """

    places: Places
    source: Source
    kinds: list[int]
    statuses: bytes
    own: Raws
    events: list[bool]
    parents: bytes


class Parts:
    """The spans of one record that may be calls, by what is read of them.

    Args:
        memory: Of the record's encoding.
    """

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._groups: dict[Plan, list[_Part]] = {}

    def add(
        self,
        plan: Plan,
        source: Source,
        places: Places,
        attributes: Attributes,
        *,
        statuses: bytes,
        events: list[bool],
        parents: bytes = b"",
    ) -> None:
        """Add spans of one scope; see `_Part`."""
        kinds, own = self._memory.read(plan, source, attributes)
        part = _Part(places, source, kinds, statuses, own, events, parents)
        self._groups.setdefault(plan, []).append(part)

    def finish(self, shape: Shape) -> tuple[list[Rows], list[Odd]]:
        """Read all columns, given the shape of all spans of the record; set apart odd spans."""
        found = [self._finish(plan, parts, shape) for plan, parts in self._groups.items()]
        return [rows for rows, _ in found], [span for _, odd in found for span in odd]

    def _finish(self, plan: Plan, parts: list[_Part], shape: Shape) -> tuple[Rows, list[Odd]]:
        rows, odd = self._columns(plan, parts, shape)
        if plan.assigns:
            rows, odd = self._begun(rows, odd, parts)
        is_call = rows.kind != NO_CALL
        firsts = list(accumulate((len(part.places) for part in parts), initial=0))
        apart = [
            Odd(int(rows.place[row]), plan, parts[bisect_right(firsts, row) - 1].source)
            for row in np.flatnonzero(is_call & odd).tolist()
        ]
        plain = is_call & ~odd
        if not _in_order(parts):
            order = np.argsort(rows.place)
            return rows.take(order[plain[order]]), apart
        return (rows if plain.all() else rows.take(plain)), apart

    def _begun(
        self, rows: Rows, odd: NDArray[np.bool_], parts: list[_Part]
    ) -> tuple[Rows, NDArray[np.bool_]]:
        """Give the calls that spans tell the start of, as they are if they hang."""
        told = self._memory.form.wholes([part.own[:1] for part in parts], len(odd)).first((0,))
        patience_ms = np.zeros(len(odd), np.int64) if told is None else told
        ids = rows.ids.copy()
        ids[:, 2] = np.frombuffer(b"".join(part.parents for part in parts), "<u8")
        patience_ns = patience_ms * MILLISECOND_NS
        begun = replace(
            rows,
            ids=ids,
            end_ns=rows.end_ns - rows.latency_ns + patience_ns,
            latency_ns=patience_ns,
        )
        possible = (patience_ms > 0) & (patience_ms <= MOST_PATIENCE_MS) & (ids[:, 2] != 0)
        return begun, odd | ~possible

    def _columns(
        self, plan: Plan, parts: list[_Part], shape: Shape
    ) -> tuple[Rows, NDArray[np.bool_]]:
        """Read all columns of one plan; of odd rows, and of what is no call, they mean nothing."""
        form, rows = self._memory.form, sum(len(part.kinds) for part in parts)
        every = rows == len(shape.sound) and _in_order(parts)
        place = np.arange(rows) if every else _all(part.places for part in parts)
        at = slice(None) if every else place
        kind = _all(part.kinds for part in parts)
        status = np.frombuffer(b"".join(part.statuses for part in parts), np.uint8)
        facts = self._memory.kinds.facts(kind)
        numbers = plan.wholes + plan.reals
        texts = numbers + plan.names
        whole = form.wholes([part.own[: plan.wholes] for part in parts], rows)
        real = form.reals([part.own[plan.wholes : numbers] for part in parts], rows)
        odd = whole.odd | (status == DAMAGED) | ~shape.sound[at]
        odd |= real.odd & ((facts.flags | facts.reported) != 0)
        tokens_out, slot = (
            whole.first(plan.slots.get(name, ())) for name in ("tokens_out", "slot")
        )
        return Rows(
            place=place,
            kind=kind,
            ids=shape.ids[at],
            end_ns=shape.end_ns[at],
            latency_ns=shape.latency_ns[at],
            ttft_ns=_ttft(parts, real.first(plan.slots["ttft"]), facts.flags & STREAMED != 0, odd),
            tokens_out=_else(tokens_out, facts.silent_tokens_out),
            slot=facts.slot if slot is None else _else(_slots(slot), facts.slot),
            failed=(status | facts.failed) != 0,
            reported_nusd=_reported(real, plan, facts.reported != 0),
            response=responses([part.own[numbers:texts] for part in parts], rows, form.value),
            **_input(
                whole,
                plan,
                rows,
                cache_uses([part.own[texts:] for part in parts], form.value),
            ),
        ), odd


def _in_order(parts: list[_Part]) -> bool:
    return all(part.places[-1] < after.places[0] for part, after in pairwise(parts))


def _all(parts: Iterable[Iterable[int]]) -> Ints:
    return np.fromiter(chain.from_iterable(parts), np.int64)


def _slots(slot: Ints) -> Ints:
    return np.where(slot < SLOTS, slot, -1)


def _else(values: Ints | None, otherwise: Ints) -> Ints:
    """Give the values, others where they are absent."""
    return otherwise if values is None else np.where(values < 0, otherwise, values)


def _input(whole: Numbers[np.int64], plan: Plan, rows: int, uses: Ints | None) -> dict[str, Ints]:
    """Give the input tokens and those of them that a cache was read for or written."""
    tokens_in, *parts = (
        whole.first(plan.slots[name]) for name in ("tokens_in", "tokens_cached", "cache_write")
    )
    if tokens_in is None:
        tokens_in = np.full(rows, -1)
    if uses is not None:
        parts = [_else(part, use) for part, use in zip(parts, uses, strict=True)]
    nothing = np.zeros(rows, np.int64)
    told = tokens_in >= 0
    cached, written = (nothing if part is None else np.maximum(part, 0) * told for part in parts)
    counted = cached + written
    left_out = (tokens_in < counted) | plan.cached_apart
    tokens_in = tokens_in + counted * left_out
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
        has_events = [told for part in parts for told in part.events]
        odd |= streamed & ~told & has_events
    return np.where(told, np.rint(seconds * SECOND_NS).astype(np.int64), -1)


def _reported(real: Numbers[np.float64], plan: Plan, counts: NDArray[np.bool_]) -> Ints:
    """Give the costs that producers report, where they count."""
    usd = real.first(plan.slots.get("reported_cost", ()))
    if usd is None:
        return np.full(len(counts), -1)
    return np.where(counts & (usd > 0), np.rint(usd * SECOND_NS).astype(np.int64), -1)
