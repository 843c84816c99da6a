"""Pane: the smallest mergeable summary, ten seconds of calls; exact integers throughout."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

Told = TypeVar("Told")

PANE_NS = 10_000_000_000
MINUTE_NS = 60_000_000_000

# What is measured of each call and summed. Logs are log2 in units of 2^-16 of nanoseconds,
# nano-dollars and tokens, `_log2` their squares in the same unit, rounded for each call; scores are
# millionths.
MEASURED = (
    "calls",
    "errors",
    "streamed",
    "latency_ns",  # of successful calls, as every latency here
    "latency_log",
    "latency_log_square",
    "ttft_calls",
    "ttft_ns",
    "ttft_log",
    "ttft_log_square",
    "priced",  # calls whose cost is known
    "cost_nusd",
    "billed",  # successful calls that cost something; their logs are summed
    "cost_log",
    "cost_log_square",
    "sized",  # successful calls whose tokens are known; their logs are summed
    "tokens_in",
    "tokens_out",
    "tokens_cached",
    "tokens_log",
    "tokens_log_square",
    "scores",
    "score",
    "score_square",
)
# What follows from those for a whole pane, worked out once when it is sealed.
DERIVED = (
    "calls_milli",  # thousandths of the calls that these stand for
    "spend_nusd",  # what those cost, as an estimate
    "biased",  # calls that were chosen for how they went
    "metered",  # calls known from metrics alone
    "timed",  # successful calls whose own latency is known
    "blurred",  # successful calls that only a coarse histogram tells the latency of
    "shadowed",  # calls in metrics that were not counted, for spans tell of their route
)
SUMS = (*MEASURED, *DERIVED)
AT = {name: place for place, name in enumerate(SUMS)}

# The four sketched metrics. A sketch code is row << 13 | metric << 11 | bucket.
LATENCY, TTFT, COST, TOKENS = range(4)
ROW_SHIFT = 13
METRIC_SHIFT = 11

SLOT_SUMS = (
    "calls",
    "errors",
    "latency_ns",
    "latency_log",
    "billed",
    "cost_log",
    "scores",
    "score",
)
SLOT_COLUMNS = [AT[name] for name in SLOT_SUMS]


class Weight(NamedTuple):
    """What the calls of a source stand for.

    Attributes:
        milli: Thousandths of calls that each stands for, 1000 for itself alone.
        biased: They were chosen for how they went: failed and slow ones are over-represented.
    """

    milli: int = 1000
    biased: bool = False


ITSELF = Weight()


def derive(measured: Ints, weight: Weight = ITSELF) -> Ints:
    """Give (rows, len(SUMS)) the sums that follow from (rows, len(MEASURED)) measured ones."""
    sums = np.zeros((len(measured), len(SUMS)), np.int64)
    sums[:, : len(MEASURED)] = measured
    calls, cost_nusd = measured[:, AT["calls"]], measured[:, AT["cost_nusd"]]
    whole, rest = divmod(weight.milli, 1000)  # apart, or the product would leave 64 bits
    sums[:, AT["calls_milli"]] = calls * weight.milli
    sums[:, AT["spend_nusd"]] = cost_nusd * whole + (cost_nusd * rest + 500) // 1000
    sums[:, AT["biased"]] = calls * weight.biased
    sums[:, AT["timed"]] = calls - measured[:, AT["errors"]]
    return sums


class ArmKey(NamedTuple):
    """What a row of a pane is about."""

    route: str
    arm: str
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pane:
    """The calls of one partition that ended in the same ten seconds, by route, arm and revision.

    Rows are sorted by name, so that no output depends on the order of arrival.

    Attributes:
        partition: The source partition it comes from.
        start_ns: First instant in it, a multiple of `PANE_NS`.
        late_at_ns: -1 for the one pane sealed by the watermark; a correction of calls that came
            after that carries the partition's watermark as it was when they came.
        arms: The rows.
        sums: (rows, len(SUMS)) exact sums.
        cell_rows: (cells,) row of each line of `cell_sums`; calls without a cell have none.
        cell_names: (cells,) cell of each line.
        cell_sums: (cells, len(SUMS)).
        slots: (lines, 2) row and slot of each line of `slot_sums`, sorted.
        slot_sums: (lines, len(SLOT_SUMS)).
        codes: Sketch codes, rising.
        counts: How often each code was seen.
        metered: Its calls are known from metrics alone; it has no cells, slots or corrections.
    """

    partition: str
    start_ns: int
    late_at_ns: int
    arms: tuple[ArmKey, ...]
    sums: Ints
    cell_rows: Ints
    cell_names: tuple[str, ...]
    cell_sums: Ints
    slots: Ints
    slot_sums: Ints
    codes: Ints
    counts: Ints
    metered: bool = False


class Mark(NamedTuple):
    """A promise: this partition has nothing more before `watermark_ns`, late calls apart.

    Attributes:
        partition: Whose promise it is.
        watermark_ns: A multiple of the tick, or `FINAL_NS`.
        latest_ns: How far the partition's time has come, allowed disorder not taken off.
    """

    partition: str
    watermark_ns: int
    latest_ns: int


FINAL_NS = 1 << 62  # the watermark that ends a replay: the year 2116


def shard_of(route: str, shards: int) -> int:
    """Give the shard of a route: a stable hash, so every process and run agrees."""
    return zlib.crc32(route.encode()) % shards


class Served(NamedTuple):
    """A notice to the shard of a service's unnamed route: the service has routes, somewhere.

    Attributes:
        service: `tenant/service`.
        from_ns: From when on this is known.
    """

    service: str
    from_ns: int


def service_of(route: str) -> str:
    """Give `tenant/service` of a route."""
    return route.rpartition("/")[0]


def unnamed_route(service: str) -> str:
    """Give the route of a service's calls that name none."""
    return f"{service}/default"


class Dealing:
    """Deals panes and marks to the shards of a job.

    Args:
        shards: How many there are.
    """

    def __init__(self, shards: int) -> None:
        self._shards = shards
        self._groups: dict[str, int] = {}
        self._seen: set[str] = set()

    def deal(self, pane: Pane) -> Iterator[tuple[str, Pane | Served]]:
        """Give each shard the rows of its routes, and services new here to their own shards."""
        new = {arm.route for arm in pane.arms} - self._seen
        self._seen |= new
        for service in sorted(set(map(service_of, new))):
            notice = Served(service, max(pane.start_ns, pane.late_at_ns))
            yield self.shard(unnamed_route(service)), notice
        for group, part in split(pane, [self._group(arm.route) for arm in pane.arms]).items():
            yield f"shard-{group}", part

    def tell(self, item: Told) -> Iterator[tuple[str, Told]]:
        """Tell every shard a watermark, or what else concerns all."""
        for group in range(self._shards):
            yield f"shard-{group}", item

    def shard(self, route: str) -> str:
        """Name the shard of a route."""
        return f"shard-{self._group(route)}"

    def _group(self, route: str) -> int:
        group = self._groups.get(route)
        if group is None:
            group = self._groups[route] = shard_of(route, self._shards)
        return group


def split(pane: Pane, groups: Sequence[int]) -> dict[int, Pane]:
    """Give the part of a pane that belongs to each group.

    Args:
        pane: The pane.
        groups: (rows,) the group of each row; all rows of a route are in one group.
    """
    group_of = np.asarray(groups, np.int64)
    return {int(group): part(pane, group_of == group) for group in np.unique(group_of)}


def part(pane: Pane, mine: NDArray[np.bool_]) -> Pane:
    """Give some of a pane's rows, with all that hangs on them; `mine` is (rows,)."""
    if mine.all():
        return pane
    rows = np.flatnonzero(mine)
    new_row = np.cumsum(mine) - 1
    in_cells = np.flatnonzero(mine[pane.cell_rows])
    in_slots = mine[pane.slots[:, 0]]
    slots = pane.slots[in_slots]
    code_rows = pane.codes >> ROW_SHIFT
    in_codes = mine[code_rows]
    moved = (new_row[code_rows[in_codes]] - code_rows[in_codes]) << ROW_SHIFT
    return replace(
        pane,
        arms=tuple(pane.arms[row] for row in rows.tolist()),
        sums=pane.sums[rows],
        cell_rows=new_row[pane.cell_rows[in_cells]],
        cell_names=tuple(pane.cell_names[line] for line in in_cells.tolist()),
        cell_sums=pane.cell_sums[in_cells],
        slots=np.stack((new_row[slots[:, 0]], slots[:, 1]), axis=1),
        slot_sums=pane.slot_sums[in_slots],
        codes=pane.codes[in_codes] + moved,
        counts=pane.counts[in_codes],
    )
