"""The telemetry of a world as it comes, while documents still steer the calls to come."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from connectors.worlds.batches import (
    Telemetry,
    heartbeats,
    last_beat_ns,
    partition_names,
    requests,
    scores,
)
from optimizer.observe.columns import Record
from optimizer.simulate.incidents import nanoseconds
from optimizer.simulate.outbox import FOREVER_NS, Outbox
from optimizer.simulate.simulation import start_ns

if TYPE_CHECKING:
    from connectors.worlds.batches import Arrival
    from optimizer.simulate.calls import SimulatedCalls
    from optimizer.simulate.outbox import Departure
    from optimizer.simulate.worlds import World


class SteeredTelemetry:
    """What the receiver takes, a stretch of time at once: the records that `records` gives.

    Args:
        world: The world.
        key: What stamps are signed with; None signs none.
    """

    def __init__(self, world: World, key: str | None) -> None:
        self._world = world
        self._telemetry = Telemetry(world, key)
        self._outbox = Outbox(world)
        self._names = partition_names(world)
        self._offsets = [0] * len(self._names)
        self._told_ns = start_ns(world)

    def put(self, calls: SimulatedCalls) -> None:
        """Take calls that were made since the last stretch."""
        self._outbox.put(calls)

    def until(self, until_ns: int) -> list[Record]:
        """Give the records that arrive until an instant."""
        return self._records(self._outbox.leave(until_ns), until_ns)

    def rest(self) -> list[Record]:
        """Give what still arrives when no more calls are made; scores later than that are not."""
        left = self._outbox.leave(FOREVER_NS)
        world_ns = start_ns(self._world) + nanoseconds(self._world.length)
        end_ns = max([world_ns, *(batch.stamp_ns for batch in left.batches[-1:])])
        early = left.score_stamps <= end_ns
        if left.scores is not None:
            kept = left.scores.take(early)
            left = left._replace(scores=kept, score_stamps=left.score_stamps[early])
        return self._records(left, last_beat_ns(self._world, end_ns))

    def _records(self, left: Departure, until_ns: int) -> list[Record]:
        world = self._world
        arrivals: list[Arrival] = []
        if left.spans is not None:
            arrivals += requests(left.spans, left.batches, self._telemetry)
        if left.scores is not None:
            arrivals += scores(world, left.scores, left.score_stamps)
        arrivals += heartbeats(world, self._told_ns, until_ns)
        self._told_ns = until_ns
        return [self._record(one) for one in sorted(arrivals, key=itemgetter(0, 1))]

    def _record(self, arrival: Arrival) -> Record:
        place = arrival.partition
        offset = self._offsets[place]
        self._offsets[place] += 1
        return Record(self._names[place], offset, arrival.stamp_ns, arrival.kind, arrival.body)
