"""The job without the engine: the same steps called in turn, one record at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataflows.attribute import AttributeLogic
from dataflows.control import ControlLogic
from dataflows.observe import ObserveLogic
from optimizer.judgements import ATTRIBUTION
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.observer import EDGE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dataflows.parts import Parts
    from optimizer.ports import Vault

_END_OFFSET = 1 << 62


class InProcess:
    """The steps of the job joined by calls; one owner, changed in place.

    Args:
        parts: Makes what the steps hold.
        partitions: The source partitions.
        shards: How many shards routes are dealt to.
        vault: Where what does not change is kept.
    """

    def __init__(self, parts: Parts, partitions: Iterable[str], shards: int, vault: Vault) -> None:
        self._parts = parts
        self._observers = {
            name: ObserveLogic(parts.rules, vault, parts.observer, None) for name in partitions
        }
        self._attribute = AttributeLogic(parts.attribution(), shards, vault, None)
        self._shards: dict[str, ControlLogic] = {}

    def take(self, record: Record) -> list[Any]:
        """Take one record; give what there is to say, in the order it was concluded."""
        targets, _ = self._observers[record.partition].on_batch([record])
        return list(self._spread(targets))

    def finish(self) -> list[Any]:
        """Take the explicit final watermark of every partition."""
        ends = (Record(name, _END_OFFSET, 0, RecordKind.END, b"") for name in list(self._observers))
        return [said for end in ends for said in self.take(end)]

    def _spread(self, targets: Iterable[tuple[str, Any]]) -> Iterator[Any]:
        for name, item in targets:
            match name:
                case _ if name == ATTRIBUTION:
                    attributed, _ = self._attribute.on_batch([(name, item)])
                    yield from self._spread(attributed)
                case _ if name == EDGE:
                    yield item
                case _:
                    yield from self._shard(name).on_batch([(name, item)])[0]

    def _shard(self, name: str) -> ControlLogic:
        if name not in self._shards:
            self._shards[name] = ControlLogic(self._parts.shard, None)
        return self._shards[name]
