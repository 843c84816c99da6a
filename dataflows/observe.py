"""Observe as a dataflow step: records of a partition in, what concerns each shard out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bytewax.operators as op
from bytewax.operators import KeyedStream, StatefulBatchLogic

from optimizer.observe import state
from optimizer.observe.observer import Target
from optimizer.observe.partition import Partition

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from optimizer.observe.columns import Record
    from optimizer.observe.observer import Observer
    from optimizer.observe.partition import StreamRules


class ObserveLogic(StatefulBatchLogic["Record", Target, bytes]):
    """An observer inside the engine; one a source partition, named by its first record."""

    def __init__(
        self,
        rules: StreamRules,
        make: Callable[[Partition], Observer],
        resumed: bytes | None,
    ) -> None:
        self._rules = rules
        self._make = make
        self._observer = make(state.load(resumed, rules)) if resumed else None

    def on_batch(self, values: list[Record]) -> tuple[Iterable[Target], bool]:
        """Take records in their order."""
        if self._observer is None:
            self._observer = self._make(Partition(values[0].partition, self._rules))
        return [target for record in values for target in self._observer.take(record)], False

    def snapshot(self) -> bytes:
        """Give the partition's state."""
        return state.dump(self._observer.partition) if self._observer else b""


def observe(
    records: KeyedStream[Record], rules: StreamRules, make: Callable[[Partition], Observer]
) -> KeyedStream[Any]:
    """Let each partition's observer see its records; key what comes out by its target."""

    def build(resumed: bytes | None) -> ObserveLogic:
        return ObserveLogic(rules, make, resumed)

    observed = op.stateful_batch("observe", records, build)
    return op.flat_map_batch("route", observed, lambda batch: [target for _, target in batch])
