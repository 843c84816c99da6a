"""Observe as a dataflow step: records of a partition in, what concerns each shard out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bytewax.operators as op
from bytewax.operators import KeyedStream, StatefulBatchLogic

from optimizer.observe import state
from optimizer.observe.observer import Target
from optimizer.observe.partition import Partition
from optimizer.pieces import Pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from optimizer.observe.columns import Record
    from optimizer.observe.observer import Observer
    from optimizer.observe.rules import StreamRules
    from optimizer.ports import Vault


class ObserveLogic(StatefulBatchLogic["Record", Target, bytes]):
    """An observer inside the engine; one a source partition, named by its first record."""

    def __init__(
        self,
        rules: StreamRules,
        vault: Vault,
        make: Callable[[Partition], Observer],
        resumed: bytes | None,
    ) -> None:
        self._rules = rules
        self._vault = vault
        self._make = make
        self._observer: Observer | None = None
        if resumed:
            partition, self._pieces = state.load(resumed, rules, vault)
            self._observer = make(partition)

    def on_batch(self, values: list[Record]) -> tuple[Iterable[Target], bool]:
        """Take records in their order."""
        if self._observer is None:
            name = values[0].partition
            self._pieces = Pieces(self._vault, name)
            self._observer = self._make(Partition(name, self._rules))
        return list(self._observer.take_all(values)), False

    def snapshot(self) -> bytes:
        """Give the partition's state."""
        return state.dump(self._observer.partition, self._pieces) if self._observer else b""


def observe(
    records: KeyedStream[Record],
    rules: StreamRules,
    vault: Vault,
    make: Callable[[Partition], Observer],
) -> KeyedStream[Any]:
    """Let each partition's observer see its records; key what comes out by its target."""

    def build(resumed: bytes | None) -> ObserveLogic:
        return ObserveLogic(rules, vault, make, resumed)

    observed = op.stateful_batch("observe", records, build)
    return op.flat_map_batch("route", observed, lambda batch: [target for _, target in batch])
