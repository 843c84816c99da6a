"""How calls travel: gathered by source processes, exported in batches, spread over partitions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from optimizer.simulate.incidents import EPOCH, nanoseconds
from optimizer.simulate.randomness import mixed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from optimizer.simulate.calls import SimulatedCalls
    from optimizer.simulate.worlds import World

    Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One record's worth of spans.

    Attributes:
        stamp_ns: When it arrives, nanoseconds since the epoch.
        partition: Number of its source partition.
        service: The service that sent it.
        process: Number of the process within the service.
        first: Place of its first call in the order of travel.
        last: Place after its last call.
    """

    stamp_ns: int
    partition: int
    service: str
    process: int
    first: int
    last: int


def partition_of(world: World, calls: SimulatedCalls) -> Ints:
    """Give each call's partition, by hash of its user or trace."""
    key = calls.user if world.partition_by == "user" else _trace(calls)
    return (mixed(key) % np.uint64(world.partitions)).astype(np.int64)


class Sending(NamedTuple):
    """How calls leave, an array of n each.

    Attributes:
        stamp_ns: When each arrives.
        process: Which process sends it.
        partition: Where it arrives.
        export: Which of its process's exports it is in.
    """

    stamp_ns: Ints
    process: Ints
    partition: Ints
    export: Ints


def travel(world: World, calls: SimulatedCalls) -> tuple[SimulatedCalls, list[Batch]]:
    """Give the calls in the order they arrive in, and the batches they arrive in.

    A batch holds spans of one process, sorted by their end. It is sent at the process's next tick
    after the end of its spans, or when its last span makes it full.
    """
    return batched(world, calls, sending(world, calls))


def sending(world: World, calls: SimulatedCalls) -> Sending:
    """Tell how calls leave; that of a call depends on no call that ends later."""
    services = sorted({route.service for route in world.routes})
    service = np.array([services.index(route.service) for route in world.routes])[calls.route]
    processes = world.exporter.processes
    process = (mixed(1, _trace(calls)) % np.uint64(processes)).astype(np.int64)
    process += service * processes
    sent_ns, export = _exports(world, calls.end_ns, process)
    stamp_ns = sent_ns + _delays(world, process, export)
    return Sending(stamp_ns, process, partition_of(world, calls), export)


def batched(
    world: World, calls: SimulatedCalls, sent: Sending
) -> tuple[SimulatedCalls, list[Batch]]:
    """Give calls in the order they arrive in, and the batches they arrive in."""
    services = sorted({route.service for route in world.routes})
    processes = world.exporter.processes
    order = np.lexsort((calls.end_ns, sent.export, sent.partition, sent.process, sent.stamp_ns))
    keys = np.stack((sent.stamp_ns, sent.process, sent.partition, sent.export), axis=1)[order]
    firsts = np.flatnonzero(np.any(np.diff(keys, axis=0, prepend=-1) != 0, axis=1))
    lasts = np.append(firsts, len(order))[1:]
    batches = [
        Batch(
            stamp_ns=stamp,
            partition=place,
            service=services[sender // processes],
            process=sender % processes,
            first=first,
            last=last,
        )
        for (stamp, sender, place, _), first, last in zip(
            keys[firsts].tolist(), firsts.tolist(), lasts.tolist(), strict=True
        )
    ]
    return calls.take(order), batches


def score_stamps(world: World, calls: SimulatedCalls) -> Ints:
    """Give when each call's score arrives; nothing of use for a call without one."""
    return calls.scored_ns + _delays(world, calls.user, calls.scored_ns)


def _trace(calls: SimulatedCalls) -> Ints:
    """Give 64 bits of each call's trace id."""
    return np.ascontiguousarray(calls.ids[:, :8]).view(np.int64)[:, 0]


def _exports(world: World, end_ns: Ints, process: Ints) -> tuple[Ints, Ints]:
    """Give when each span is sent, and which export of its process it is in."""
    interval = nanoseconds(world.exporter.interval)
    phase = (mixed(world.seed, process) % np.uint64(interval)).astype(np.int64)
    phase += nanoseconds(world.start - EPOCH)
    tick = (end_ns - phase) // interval + 1
    order = np.lexsort((end_ns, tick, process))
    group = np.flatnonzero(
        (np.diff(process[order], prepend=-1) != 0) | (np.diff(tick[order], prepend=-1) != 0)
    )
    sizes = np.diff([*group, len(order)])
    place = np.arange(len(order)) - np.repeat(group, sizes)
    chunk = place // world.exporter.batch
    full = (chunk + 1) * world.exporter.batch <= np.repeat(sizes, sizes)
    last = np.repeat(group, sizes) + (chunk + 1) * world.exporter.batch - 1
    ends = end_ns[order]
    tick_ns = (phase + tick * interval)[order]
    sent = np.where(full, ends[np.minimum(last, len(order) - 1)], tick_ns)
    sent_ns, export = np.empty_like(end_ns), np.empty_like(end_ns)
    sent_ns[order] = sent
    export[order] = tick[order] * 1_000_000 + chunk
    return sent_ns, export


def _delays(world: World, sender: Ints, message: Ints) -> Ints:
    """Give how long each message is on its way, below the jitter."""
    longest = max(1, nanoseconds(world.exporter.jitter))
    return (mixed(world.seed, sender, message) % np.uint64(longest)).astype(np.int64)
