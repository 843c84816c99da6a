"""Control as a dataflow step: panes, watermarks and orders of a shard in, what it says out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bytewax.operators as op
from bytewax.operators import KeyedStream, StatefulBatchLogic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from optimizer.shard import Shard


class ControlLogic(StatefulBatchLogic[Any, Any, bytes]):
    """A shard inside the engine."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard

    def on_batch(self, values: list[Any]) -> tuple[Iterable[Any], bool]:
        """Take panes, watermarks and orders in their order."""
        return [output for value in values for output in self._shard.take(value)], False

    def snapshot(self) -> bytes:
        """Give the shard's state."""
        return self._shard.dump()


def control(concerns: KeyedStream[Any], shard: Callable[[], Shard]) -> KeyedStream[Any]:
    """Let each shard see what concerns its routes."""

    def build(resumed: bytes | None) -> ControlLogic:
        made = shard()
        if resumed:
            made.load(resumed)
        return ControlLogic(made)

    return op.stateful_batch("control", concerns, build)
