"""Calls of one record as plain arrays, on their way to columns."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.observe.columns import ERROR, Columns
from optimizer.observe.price import Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from connectors.otlp.kinds import Kinds
    from optimizer.observe.observer import Refusal
    from optimizer.observe.price import PriceTable
    from optimizer.observe.readings import Reading

    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Calls of one record, one array of n each; see `Reading` for what they hold.

    Attributes:
        place: Of each call's span among all spans of the record.
        kind: Code of its kind.
        ids: (n, 3) words of trace and span id.
        response: Links of responses, 0 without one.
    """

    place: Ints
    kind: Ints
    ids: NDArray[np.uint64]
    end_ns: Ints
    latency_ns: Ints
    ttft_ns: Ints
    tokens_in: Ints
    tokens_out: Ints
    tokens_cached: Ints
    cache_write: Ints
    slot: Ints
    failed: NDArray[np.bool_]
    reported_nusd: Ints
    response: NDArray[np.uint64]

    def take(self, rows: NDArray[np.bool_] | NDArray[np.intp]) -> Rows:
        """Give some of the rows, by mask or index."""
        return Rows(**{name: getattr(self, name)[rows] for name in NAMES})


NAMES = tuple(item.name for item in fields(Rows))
_TOLD = NAMES[NAMES.index("end_ns") : NAMES.index("response")]


class Calls(NamedTuple):
    """What the spans of a record, or of a run of records, say.

    Attributes:
        spans: How many there are.
        place: Where each call's span stands among them, rising.
        kind: Code of each call's kind.
        columns: The calls.
        shadowed: Where the spans stand whose calls another producer reports, rising.
        refused: The places of spans that cannot be used, and why, in their order.
        assigned: Calls that are told of when they start; None where there never are any.
        assigned_place: Where the spans stand that tell of them, rising.
    """

    spans: int
    place: Ints
    kind: Ints
    columns: Columns
    shadowed: Ints
    refused: Sequence[tuple[int, Refusal]]
    assigned: Columns | None
    assigned_place: Ints


class ReadAlone(NamedTuple):
    """A call that was read by itself: its span's place, what it says, its response's link."""

    place: int
    reading: Reading
    response: int


def rows_of(found: Sequence[ReadAlone], kinds: Kinds) -> Rows:
    """Turn calls that were read by themselves into arrays."""
    readings = [one.reading for one in found]
    ids = b"".join(reading.ids for reading in readings)
    told = {name: [getattr(reading, name) for reading in readings] for name in _TOLD}
    failed = np.array(told.pop("failed"), np.bool_)
    return Rows(
        place=np.array([one.place for one in found], np.int64),
        kind=np.array([kinds.code(reading.kind) for reading in readings], np.int64),
        response=np.array([one.response for one in found], np.uint64),
        ids=np.frombuffer(ids, "<u8").reshape(len(readings), 3),
        failed=failed,
        **{name: np.array(values, np.int64) for name, values in told.items()},
    )


def join(parts: Sequence[Rows]) -> Rows:
    """Put parts together in the order of their spans."""
    if len(parts) == 1:
        return parts[0]
    order = np.argsort(np.concatenate([part.place for part in parts]))
    return Rows(
        **{name: np.concatenate([getattr(part, name) for part in parts])[order] for name in NAMES}
    )


def links_of(rows: Rows) -> NDArray[np.uint64]:
    """Give the (n, 3) links of calls."""
    return np.stack((rows.ids[:, 1], rows.ids[:, 2], rows.response), axis=1)


def columns(rows: Rows, kinds: Kinds, prices: PriceTable, raw: Callable[[int], bytes]) -> Columns:
    """Price calls and give them as columns.

    Args:
        rows: The calls.
        kinds: What their codes of kinds mean.
        prices: Prices them.
        raw: Gives a record of the span at a place of the record.
    """
    failed = rows.failed
    usage = Usage(
        rows.end_ns, rows.tokens_in, rows.tokens_out, rows.tokens_cached, rows.cache_write, failed
    )
    facts = kinds.facts(rows.kind)
    cost = prices.cost(facts.price, usage)
    told = rows.reported_nusd >= 0
    if told.any():
        cost = np.where(told, rows.reported_nusd, cost)
    place = rows.place
    return Columns(
        key=kinds.keys.at(rows.kind),
        call_id=kinds.call_ids(rows.kind, rows.ids),
        end_ns=rows.end_ns,
        latency_ns=rows.latency_ns,
        ttft_ns=rows.ttft_ns,
        tokens_in=rows.tokens_in,
        tokens_out=rows.tokens_out,
        tokens_cached=rows.tokens_cached,
        cost_nusd=cost,
        slot=rows.slot.astype(np.int16),
        flags=(facts.flags | ERROR * failed).astype(np.uint8),
        score=np.full(len(place), -1, np.int32),
        raw=lambda row: raw(int(place[row])),
    )
