"""What the job is made of, part by part: the same in the engine and in a simulated loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.decoding import RecordDecoder
from connectors.prices import open_prices
from dataflows.attribute import room_of, rules_of as attribution_rules_of
from optimizer.attribute.attribution import Attribution
from optimizer.controller import Controller
from optimizer.inbox import Directory
from optimizer.judgements import ATTRIBUTION
from optimizer.observe.keys import limits_of
from optimizer.observe.observer import Observer
from optimizer.observe.rules import StreamRules
from optimizer.panes import Weight
from optimizer.shard import Shard

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from optimizer.observe.partition import Partition
    from optimizer.ports import Vault
    from optimizer.settings import Settings, SourceSettings

SECOND_NS = 1_000_000_000


class Parts:
    """Makes the parts of a job; each call makes a new one.

    Args:
        settings: The settings in force.
        partitions: The source partitions whose watermarks are waited for.
        vault: Where what does not change is kept.
    """

    def __init__(self, settings: Settings, partitions: Iterable[str], vault: Vault) -> None:
        self._settings = settings
        self._partitions = tuple(partitions)
        self._vault = vault
        self._prices = open_prices(settings.prices)

    @property
    def rules(self) -> StreamRules:
        """How event time is read."""
        return rules_of(self._settings)

    def observer(self, partition: Partition) -> Observer:
        """Make what takes the records of a partition."""
        settings = self._settings
        partition.weight = weight_of(settings.source(partition.name))
        decoder = RecordDecoder(settings, self._prices, partition.name)
        return Observer(partition, decoder, settings.stream.shard_groups)

    def attribution(self) -> Attribution:
        """Make what lets scores find their calls."""
        return Attribution(attribution_rules_of(self._settings), self._partitions)

    def shard(self, name: str) -> Shard:
        """Make a shard of routes."""
        settings = self._settings
        waited_for = (*self._partitions, ATTRIBUTION)
        declared = [route.route for route in settings.routes]
        directory = Directory(name, declared, settings.stream.shard_groups)
        controller = Controller(settings, self._prices)
        limits = _limits(settings)
        return Shard(name, controller, limits, waited_for, self._vault, directory=directory)


def rules_of(settings: Settings) -> StreamRules:
    """Give the rules of event time that the settings ask for."""
    stream = settings.stream
    return StreamRules(
        disorder_ns=round(stream.allowed_disorder_secs * SECOND_NS),
        skew_ns=round(stream.max_skew_secs * SECOND_NS),
        dedupe_ns=round(stream.dedupe_secs * SECOND_NS),
        findable=room_of(settings).recent,
        alert_ns=round(settings.sentinel.expiry_secs * SECOND_NS),
        keys=limits_of(settings),
    )


def weight_of(source: SourceSettings) -> Weight:
    """Give what the calls of a source stand for, to thousandths of a call."""
    return Weight(round(1000 * source.sampling_factor), biased=source.tail_sampled)


def _limits(settings: Settings) -> Callable[[str], float]:
    limits: dict[str, float] = {}

    def limit_ms(route: str) -> float:
        if route not in limits:
            limits[route] = settings.route(route).thresholds.latency_p95_ms
        return limits[route]

    return limit_ms
