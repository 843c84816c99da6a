"""Control as a dataflow step: panes, watermarks and orders of a shard in, what it says out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bytewax.operators as op
from bytewax.operators import KeyedStream, StatefulBatchLogic

from optimizer.shard import name_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from optimizer.shard import Shard


class ControlLogic(StatefulBatchLogic[Any, Any, bytes]):
    """A shard inside the engine, named by its first item."""

    def __init__(self, make: Callable[[str], Shard], resumed: bytes | None) -> None:
        self._make = make
        self._shard: Shard | None = None
        if resumed:
            self._shard = make(name_in(resumed))
            self._shard.load(resumed)

    def on_batch(self, values: list[tuple[str, Any]]) -> tuple[Iterable[Any], bool]:
        """Take panes, watermarks and orders in their order."""
        shard = self._shard = self._shard or self._make(values[0][0])
        return [output for _, value in values for output in shard.take(value)], False

    def snapshot(self) -> bytes:
        """Give the shard's state."""
        return self._shard.dump() if self._shard else b""


def control(concerns: KeyedStream[Any], make: Callable[[str], Shard]) -> KeyedStream[Any]:
    """Let each shard see what concerns its routes."""
    named = op.flat_map_batch("name", concerns, lambda batch: [(item[0], item) for item in batch])
    return op.stateful_batch("control", named, lambda resumed: ControlLogic(make, resumed))
