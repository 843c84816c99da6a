"""A simulated world as records: batches of spans, scores and heartbeats, in order of arrival."""

from __future__ import annotations

import heapq
import uuid
from datetime import timedelta
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from connectors.codecs import to_json
from connectors.worlds import wire
from connectors.worlds.spans import SpanEncoder, scope
from optimizer.events import EventSource, EventType, FeedbackEvent, Score
from optimizer.observe.columns import Record, RecordKind
from optimizer.simulate.export import partition_of, score_stamps, travel
from optimizer.simulate.incidents import EPOCH, nanoseconds
from optimizer.simulate.simulation import simulate, start_ns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from optimizer.simulate.calls import SimulatedCalls
    from optimizer.simulate.export import Batch
    from optimizer.simulate.worlds import World

_CALLS_AT_ONCE = 16_384  # bounds what is held as Python objects
_NAMESPACE = uuid.UUID("6a1f0c1e-3f0b-5b57-9c1c-0d6e6f0f5a11")  # of instances of services


class Arrival(NamedTuple):
    """A record before it has its offset."""

    stamp_ns: int
    rank: int  # of those that arrive at the same instant; a heartbeat comes after all
    partition: int
    kind: RecordKind
    body: bytes


def partition_names(world: World) -> tuple[str, ...]:
    """Name the source partitions, by number."""
    return tuple(f"otlp_spans-{number}" for number in range(world.partitions))


def records(
    world: World, calls: SimulatedCalls | None = None, key: str | None = None
) -> Iterator[Record]:
    """Turn a world into what its receiver would take, by rising time of arrival.

    Args:
        world: The world.
        calls: Its calls, where they have been simulated already.
        key: What stamps are signed with; None signs none.

    Yields:
        OTLP trace requests, scores of calls as feedback events, and heartbeats: one per partition
        each `world.heartbeat`, after everything that arrived until then. The last comes when the
        world has ended and its last span has arrived; scores given later are not in it.
    """
    calls, batches = travel(world, simulate(world) if calls is None else calls)
    end_ns = start_ns(world) + nanoseconds(world.length)
    end_ns = max([end_ns, *(batch.stamp_ns for batch in batches[-1:])])
    names = partition_names(world)
    offsets = [0] * len(names)
    for stamp_ns, _, place, kind, body in heapq.merge(
        requests(calls, batches, Telemetry(world, key)),
        _scores(world, calls, end_ns),
        heartbeats(world, start_ns(world), last_beat_ns(world, end_ns)),
        key=itemgetter(0, 1),
    ):
        yield Record(names[place], offsets[place], stamp_ns, kind, body)
        offsets[place] += 1


class Telemetry:
    """Encodes what the processes of a world send; only to save making it again.

    Args:
        world: The world.
        key: What stamps are signed with; None signs none.
    """

    def __init__(self, world: World, key: str | None) -> None:
        self.spans = SpanEncoder(world, key)
        self.envelope = Envelope(world)


def requests(
    calls: SimulatedCalls, batches: Sequence[Batch], telemetry: Telemetry
) -> Iterator[Arrival]:
    """Encode the batches, some thousand calls at once."""
    first = 0
    while first < len(batches):
        begin, last = batches[first].first, first
        while last < len(batches) and batches[last].last - begin <= _CALLS_AT_ONCE:
            last += 1
        last = max(last, first + 1)  # one batch may hold more than that
        spans = telemetry.spans.encode(calls.take(slice(begin, batches[last - 1].last)))
        for batch in batches[first:last]:
            body = telemetry.envelope.request(
                batch, spans[batch.first - begin : batch.last - begin]
            )
            yield Arrival(batch.stamp_ns, 0, batch.partition, RecordKind.OTLP, body)
        first = last


class Envelope:
    """Puts encoded spans of one process into an export request."""

    def __init__(self, world: World) -> None:
        self._seed = world.seed
        self._scopes = {route.service: scope(route.dialect) for route in world.routes}
        self._resources: dict[tuple[str, int], bytes] = {}

    def request(self, batch: Batch, spans: Sequence[bytes]) -> bytes:
        """Encode an ExportTraceServiceRequest of one resource and one scope."""
        sender = (batch.service, batch.process)
        if sender not in self._resources:
            self._resources[sender] = wire.block(1, self._resource(*sender))
        scope_spans = wire.block(2, self._scopes[batch.service] + b"".join(spans))
        return wire.block(1, self._resources[sender] + scope_spans)

    def _resource(self, service: str, process: int) -> bytes:
        pairs = {
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": "1.38.0",
            "service.instance.id": str(uuid.uuid5(_NAMESPACE, f"{self._seed}/{service}/{process}")),
            "deployment.environment.name": "production",
            "service.name": service,
        }
        return b"".join(wire.attribute(1, key, value) for key, value in pairs.items())


def _scores(world: World, calls: SimulatedCalls, end_ns: int) -> Iterator[Arrival]:
    """Encode the scores that arrive until the end, by rising time of arrival."""
    rows = np.flatnonzero(calls.scored_ns >= 0)
    stamps = score_stamps(world, calls)[rows]
    rows = rows[np.argsort(stamps, kind="stable")]
    stamps = np.sort(stamps)
    yield from scores(world, calls.take(rows[stamps <= end_ns]), stamps[stamps <= end_ns])


def scores(world: World, judged: SimulatedCalls, stamps: NDArray[np.int64]) -> Iterator[Arrival]:
    """Encode the scores of calls, each with when it arrives."""
    partitions = partition_of(world, judged).tolist()
    arms = [[arm.arm.id for arm in route.arms] for route in world.routes]  # hashed once
    for row, (stamp_ns, partition) in enumerate(zip(stamps.tolist(), partitions, strict=True)):
        body = to_json(_score(world, arms, judged, row))
        yield Arrival(stamp_ns, 1, partition, RecordKind.SCORE, body)


def _score(
    world: World, arms: Sequence[Sequence[str]], calls: SimulatedCalls, row: int
) -> FeedbackEvent:
    """Make the event of one score; it echoes where its call was made, so no join is needed."""
    route = world.routes[calls.route[row]]
    trace = calls.ids[row, :16].tobytes().hex()
    cell, revision = int(calls.cell[row]), int(calls.revision[row])
    score = Score(
        route=route.route,
        arm=arms[calls.route[row]][calls.arm[row]],
        value=round(float(calls.score[row]), 6),
        name=route.scores.name,
        revision=revision,
        cell=route.cells[cell].name if cell >= 0 else "",
        slot=int(calls.slot[row]) if revision else -1,
    )
    return FeedbackEvent(
        id=f"{trace}/{score.name}",
        timestamp=EPOCH + timedelta(microseconds=int(calls.scored_ns[row]) // 1000),
        source=EventSource.USER,
        event_type=EventType.FEEDBACK,
        data=score,
        metadata={"trace_id": trace},
    )


def heartbeats(world: World, after_ns: int, until_ns: int) -> Iterator[Arrival]:
    """Give the heartbeats after an instant, up to another and at it."""
    period, begin_ns = nanoseconds(world.heartbeat), start_ns(world)
    if not period:
        return
    first, last = ((instant - begin_ns) // period for instant in (after_ns, until_ns))
    for beat in range(first + 1, last + 1):
        for partition in range(world.partitions):
            stamp_ns = begin_ns + beat * period
            yield Arrival(stamp_ns, 2, partition, RecordKind.HEARTBEAT, b"")


def last_beat_ns(world: World, end_ns: int) -> int:
    """Give the first heartbeat that is not before an instant; the instant where there is none."""
    period, begin_ns = nanoseconds(world.heartbeat), start_ns(world)
    return begin_ns + -(-(end_ns - begin_ns) // period) * period if period else end_ns
