"""Attribution as a dataflow step: what partitions have for it in, panes of scores out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bytewax.operators as op
from bytewax.operators import KeyedStream, StatefulBatchLogic

from optimizer.attribute import state
from optimizer.attribute.attribution import AttributionRules, Unattributed
from optimizer.attribute.findable import RECENT_NS, Room
from optimizer.judgements import ATTRIBUTION
from optimizer.observe.columns import DeadLetter, RecordKind
from optimizer.observe.observer import EDGE, Ledger
from optimizer.panes import MINUTE_NS, PANE_NS, Dealing, Mark, Pane
from optimizer.pieces import Pieces
from optimizer.settings import LinkIndex

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from optimizer.attribute.attribution import Attribution
    from optimizer.ports import Vault
    from optimizer.settings import Settings

SECOND_NS = 1_000_000_000


class AttributeLogic(StatefulBatchLogic[Any, Any, bytes]):
    """Attribution inside the engine; there is one."""

    def __init__(
        self, attribution: Attribution, shards: int, vault: Vault, resumed: bytes | None
    ) -> None:
        self._attribution = attribution
        self._dealing = Dealing(shards)
        self._pieces = Pieces(vault, ATTRIBUTION)
        if resumed:
            state.load(attribution, resumed, self._pieces)

    def on_batch(self, values: list[tuple[str, Any]]) -> tuple[Iterable[Any], bool]:
        """Take judgements, calls and watermarks; those of a partition come in their order."""
        return [target for _, value in values for target in self._take(value)], False

    def _take(self, value: Any) -> Iterator[tuple[str, Any]]:
        attribution = self._attribution
        minute = attribution.watermark_ns // MINUTE_NS
        for item in attribution.take(value):
            match item:
                case Pane():
                    yield from self._dealing.deal(item)
                case Mark():
                    yield from self._dealing.tell(item)
                case Unattributed():
                    yield EDGE, DeadLetter(**{**item._asdict(), "kind": RecordKind(item.kind)})
        if attribution.watermark_ns // MINUTE_NS > minute and attribution.counts["judged"]:
            for coverage in attribution.told():
                yield EDGE, coverage
            counts = {name: count for name, count in attribution.counts.items() if count}
            yield EDGE, Ledger(ATTRIBUTION, attribution.watermark_ns, counts)

    def snapshot(self) -> bytes:
        """Give the state."""
        return state.dump(self._attribution, self._pieces)


def attribute(
    scoring: KeyedStream[Any], make: Callable[[], Attribution], shards: int, vault: Vault
) -> KeyedStream[Any]:
    """Let scores find their calls; key what comes out by its target."""

    def build(resumed: bytes | None) -> AttributeLogic:
        return AttributeLogic(make(), shards, vault, resumed)

    named = op.flat_map_batch("to-attribute", scoring, lambda batch: [(i[0], i) for i in batch])
    attributed = op.stateful_batch("attribute", named, build)
    return op.flat_map_batch(
        "attributed", attributed, lambda batch: [target for _, target in batch]
    )


def rules_of(settings: Settings) -> AttributionRules:
    """Give the rules of attribution that the settings ask for."""
    told = settings.attribution
    return AttributionRules(
        wait_ns=told.wait_secs * SECOND_NS,
        span_wait_ns=told.span_wait_secs * SECOND_NS,
        keep_ns=told.keep_secs * SECOND_NS,
        room=room_of(settings),
        scores=told.max_scores,
        tenants=len({settings.input.tenant, *(source.tenant for source in settings.sources)}),
    )


def room_of(settings: Settings) -> Room:
    """Give how many calls of a pane can be found: half of all while recent, half for long."""
    told = settings.attribution
    if told.index is LinkIndex.NONE:
        return Room(0, 0)
    keep_ns = told.keep_secs * SECOND_NS

    def of_a_pane(length_ns: int) -> int:
        return max(told.max_calls * PANE_NS // (2 * length_ns), 1)

    return Room(of_a_pane(min(keep_ns, RECENT_NS)), of_a_pane(keep_ns))
