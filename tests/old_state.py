"""Calls that state was once written from by a released version, and the job that takes them.

`tests/samples/state_v1.msgpack` is what `written` gave when that version was the newest.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.vaults.memory import MemoryVault
from optimizer.controller import Controller
from optimizer.events import Call
from optimizer.observe import state
from optimizer.observe.columns import Record, RecordKind, from_calls
from optimizer.observe.partition import Partition
from optimizer.observe.rules import StreamRules
from optimizer.pieces import Pieces
from optimizer.settings import Settings
from optimizer.shard import Shard
from tests.builders import PriceList

if TYPE_CHECKING:
    from collections.abc import Sequence

SECOND = 1_000_000_000
START = 1_800_000_000 * SECOND
RULES = StreamRules()
WRITTEN_AFTER = 300  # calls
OWNERS = ("p", "shard-0")


def calls() -> list[Call]:
    """Some calls of two routes over forty minutes, in their order."""
    rng = random.Random(1)
    return [
        Call(
            route=f"t/s/{rng.randrange(2)}",
            arm=f"arm-{rng.randrange(2)}",
            cell=rng.choice(["", "long"]),
            slot=rng.choice([-1, rng.randrange(200)]),
            call_id=number + 1,
            end_ns=START + number * 6 * SECOND,
            latency_ns=rng.randrange(10**8, 10**10),
            ttft_ns=rng.choice([-1, 10**8]),
            tokens_in=rng.randrange(2000),
            tokens_out=rng.randrange(500),
            cost_nusd=rng.choice([-1, rng.randrange(1, 10**7)]),
            failed=rng.random() < 0.05,
        )
        for number in range(400)
    ]


class OpenVault(MemoryVault):
    """A vault that tells all it holds."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, Any] = self._pieces


class OneJob:
    """A partition and a shard joined by hand."""

    def __init__(self, vault: MemoryVault) -> None:
        self.partition = Partition("p", RULES)
        self.pieces = Pieces(vault, "p")
        controller = Controller(Settings(), PriceList())
        self.shard = Shard("shard-0", controller, lambda _: 5000.0, ["p"], vault)
        self.out: list[Any] = []

    def take(self, calls: Sequence[Call]) -> None:
        """Take calls, ten a record."""
        for first in range(0, len(calls), 10):
            some = calls[first : first + 10]
            columns = from_calls(some, self.partition.table)
            record = Record("p", first, some[-1].end_ns, RecordKind.OTLP, b"")
            self._spread(self.partition.take(record, columns))

    def finish(self) -> None:
        """Take the end of the replay."""
        self._spread(self.partition.finish())

    def _spread(self, observed: Any) -> None:
        for item in (*observed.panes, *([observed.mark] if observed.mark else ())):
            self.out += self.shard.take(item)


def written() -> bytes:
    """Write the state of partition and shard after the first calls, with all pieces of it."""
    vault = OpenVault()
    job = OneJob(vault)
    job.take(calls()[:WRITTEN_AFTER])
    partition = state.dump(job.partition, job.pieces)
    return msgspec.msgpack.encode((partition, job.shard.dump(), vault.held))


def resumed(content: bytes) -> OneJob:
    """Give the job that goes on from what was written."""
    partition, shard, pieces = msgspec.msgpack.decode(content)
    vault = MemoryVault()
    for owner, held in pieces.items():
        vault.renew(owner, held, held)
    job = OneJob(vault)
    job.partition, job.pieces = state.load(partition, RULES, vault)
    job.shard.load(shard)
    return job
