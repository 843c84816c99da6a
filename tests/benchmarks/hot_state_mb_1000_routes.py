"""How many bytes a snapshot of 1,000 routes x 4 arms has, at the fullest moment of an hour."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from connectors.vaults.memory import MemoryVault
from optimizer.controller import Controller
from optimizer.observe import state
from optimizer.observe.observer import Observer
from optimizer.observe.partition import Partition
from optimizer.observe.rules import StreamRules
from optimizer.pieces import Pieces
from optimizer.settings import Settings
from optimizer.shard import Shard
from tests.benchmarks.figures import Figure
from tests.benchmarks.load import blocks, keys

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from optimizer.prices import Price

SHARDS = 8


class NoPrices:
    """A price book that knows nothing; the load's calls carry their cost."""

    def history(self, model: str, provider: str = "") -> tuple[Price, ...]:  # noqa: ARG002
        return ()


def fill(
    routes: int, minutes: int, per_second: int, vault: MemoryVault
) -> tuple[Observer, dict[str, Shard]]:
    """Run observe and control by hand over so many minutes of calls."""
    observer = Observer(Partition("p0", StreamRules()), NoDecoder(), SHARDS)
    shards = {
        f"shard-{number}": Shard(
            f"shard-{number}",
            Controller(Settings(), NoPrices()),
            lambda _: 60_000.0,
            ["p0"],
            vault,
        )
        for number in range(SHARDS)
    }
    rng = np.random.default_rng(1)
    rows = 32_768
    count = minutes * 60 * per_second // rows
    for record in blocks(rng, keys(routes, 4, 6), rows=rows, count=count, per_second=per_second):
        for target, item in observer.take(record):
            if target in shards:
                shards[target].take(item)
    return observer, shards


class NoDecoder:
    """Refuses; the load is columns."""

    def decode(self, body: bytes, table: object) -> None:  # noqa: ARG002 - the port's
        raise AssertionError("the load has no undecoded records")


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - makes its own
    """Measure after 59 minutes at 20,000 calls a second; 3 minutes of 50 routes when small."""
    minutes, routes, per_second = (3, 50, 2_000) if small else (59, 1000, 20_000)
    vault = MemoryVault()
    observer, shards = fill(routes, minutes, per_second, vault)
    written = sum(len(shard.dump()) for shard in shards.values())
    pieces = vault.size()
    hot = (written + pieces) / 1e6
    note = f"{routes} routes x 4 arms x 6 cells, {minutes} min at {per_second:,} calls/s"
    yield Figure("hot_state_mb_1000_routes", hot, "MB", note)
    yield Figure("hot_state_rewritten_mb", written / 1e6, "MB", "the rest is written once")
    partition = len(state.dump(observer.partition, Pieces(vault, "p0")))
    ids = vault.size() - pieces
    yield Figure("partition_state_mb", (partition + ids) / 1e6, "MB", "panes and ids")
    yield Figure("partition_rewritten_mb", partition / 1e6, "MB", "open panes")
