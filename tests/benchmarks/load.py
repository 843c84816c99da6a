"""Loads made in memory: blocks of calls as they would come from a columnar recording."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from optimizer.observe.columns import ERROR, STREAMED, Block, Columns, Record, RecordKind
from optimizer.observe.keys import CallKey

if TYPE_CHECKING:
    from collections.abc import Iterator

SECOND_NS = 1_000_000_000
START_NS = 1_800_000_000 * SECOND_NS


def keys(routes: int, arms: int, cells: int) -> tuple[CallKey, ...]:
    """Name every route, arm and cell."""
    return tuple(
        CallKey(f"default/service-{r % 10}/route-{r}", f"arm-{a}", 1, f"cell-{c}" if cells else "")
        for r in range(routes)
        for a in range(arms)
        for c in range(max(cells, 1))
    )


def blocks(
    rng: np.random.Generator,
    names: tuple[CallKey, ...],
    *,
    rows: int,
    count: int,
    per_second: int,
    disorder_s: float = 5.0,
) -> Iterator[Record]:
    """Make blocks of calls at a steady rate of event time, in order of arrival.

    Args:
        rng: Where chance comes from.
        names: The keys; their traffic is Zipf-like.
        rows: Calls a block.
        count: Blocks.
        per_second: Calls a second of event time.
        disorder_s: How much later than its end a call arrives, at most.
    """
    share = 1 / np.arange(1, len(names) + 1) ** 0.6
    share = np.cumsum(rng.permutation(share / share.sum()))
    usual = rng.lognormal(20.3, 0.5, len(names))
    for number in range(count):
        arrival = START_NS + (number * rows + np.arange(rows)) * SECOND_NS // per_second
        key = np.minimum(np.searchsorted(share, rng.random(rows)), len(names) - 1)
        latency = (usual[key] * rng.lognormal(0, 0.6, rows)).astype(np.int64)
        tokens_in = rng.integers(50, 3000, rows)
        tokens_out = rng.integers(5, 800, rows)
        streamed = rng.random(rows) < 0.5
        failed = rng.random(rows) < 0.02
        columns = Columns(
            key=key.astype(np.int32),
            call_id=rng.integers(1, 2**63, rows).astype(np.uint64),
            end_ns=arrival - rng.integers(0, int(disorder_s * SECOND_NS) + 1, rows),
            latency_ns=latency,
            ttft_ns=np.where(streamed, latency // 5, -1),
            tokens_in=tokens_in,
            tokens_out=tokens_out,
            tokens_cached=np.zeros(rows, np.int64),
            cost_nusd=tokens_in * 150 + tokens_out * 600,
            slot=np.full(rows, -1, np.int16),
            flags=(ERROR * failed | STREAMED * streamed).astype(np.uint8),
            score=np.full(rows, -1, np.int32),
        )
        block = Block(keys=names, columns=columns)
        yield Record("p0", number, int(arrival[-1]), RecordKind.COLUMNS, block)
