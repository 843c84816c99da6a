"""How calls travel: late by a bounded time, in batches of one process, each exactly once."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from optimizer.simulate.arrivals import Rhythmic
from optimizer.simulate.calls import SimulatedCalls
from optimizer.simulate.export import Batch, partition_of, travel
from optimizer.simulate.incidents import nanoseconds
from optimizer.simulate.simulation import simulate
from optimizer.simulate.worlds import Exporter, World
from tests.optimizer.simulate.a_world import a_route, a_world

ROUTES = ("acme/chat/support", "acme/chat/sales", "acme/search/summaries")


def travelled(**changes) -> tuple[World, SimulatedCalls, SimulatedCalls, list[Batch]]:
    routes = [a_route(name, traffic=Rhythmic(calls_per_minute=400)) for name in ROUTES]
    world = a_world(*routes, **{"length": timedelta(minutes=10)} | changes)
    calls = simulate(world)
    return world, calls, *travel(world, calls)


exporters = st.builds(
    Exporter,
    processes=st.integers(1, 5),
    interval=st.integers(100, 20_000).map(lambda ms: timedelta(milliseconds=ms)),
    batch=st.integers(1, 600),
    jitter=st.integers(0, 3000).map(lambda ms: timedelta(milliseconds=ms)),
)


@pytest.mark.slow
@given(exporters, st.integers(1, 5), st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_every_call_travels_once_in_a_batch_of_its_own(exporter, partitions, seed):
    world, calls, sent, batches = travelled(exporter=exporter, partitions=partitions, seed=seed)
    assert np.array_equal(
        np.sort(sent.ids.view("V24"), axis=0), np.sort(calls.ids.view("V24"), axis=0)
    )
    assert [batch.first for batch in batches] == [0, *(batch.last for batch in batches[:-1])]
    assert batches[-1].last == len(calls)
    where = partition_of(world, sent)
    for batch in batches:
        part = sent.take(slice(batch.first, batch.last))
        services = {world.routes[place].service for place in part.route.tolist()}
        assert services == {batch.service}
        assert set(where[batch.first : batch.last].tolist()) == {batch.partition}
        assert 0 < len(part) <= exporter.batch
        assert np.all(np.diff(part.end_ns) >= 0)


@given(exporters, st.integers(0, 2**32))
@settings(max_examples=25, deadline=None)
def test_a_span_arrives_after_its_end_and_within_interval_and_jitter(exporter, seed):
    _, _, sent, batches = travelled(exporter=exporter, seed=seed)
    stamps = np.repeat([b.stamp_ns for b in batches], [b.last - b.first for b in batches])
    late = stamps - sent.end_ns
    assert late.min() >= 0
    assert late.max() <= nanoseconds(exporter.interval + exporter.jitter)
    assert np.all(np.diff(stamps) >= 0)


def test_spans_arrive_out_of_order():
    _, _, sent, _ = travelled()
    overtaken_s = (np.maximum.accumulate(sent.end_ns) - sent.end_ns) / 1e9
    assert np.mean(overtaken_s > 0) > 0.5
    assert 4 < overtaken_s.max() <= 5.5


def test_a_process_exports_each_interval_and_when_a_batch_is_full():
    _, _, _, quiet = travelled(exporter=Exporter(processes=1, jitter=timedelta()))
    chat = np.array([batch.stamp_ns for batch in quiet if batch.service == "chat"])
    assert set(np.diff(chat).tolist()) == {5_000_000_000}
    _, _, sent, busy = travelled(exporter=Exporter(processes=1, batch=20, jitter=timedelta()))
    full = [batch for batch in busy if batch.last - batch.first == 20]
    assert len(full) > 100
    assert all(batch.stamp_ns == sent.end_ns[batch.last - 1] for batch in full)


def test_calls_of_a_process_spread_over_its_services_processes():
    _, calls, _, batches = travelled(exporter=Exporter(processes=4))
    senders = {(batch.service, batch.process) for batch in batches}
    assert senders == {(service, n) for service in ("chat", "search") for n in range(4)}
    counts = [sum(b.last - b.first for b in batches if b.process == n) for n in range(4)]
    assert counts == pytest.approx([len(calls) / 4] * 4, rel=0.06)


@pytest.mark.parametrize("by", ["user", "trace"])
def test_calls_are_spread_over_the_partitions(by):
    world, calls, _, _ = travelled(partitions=3, partition_by=by)
    where = partition_of(world, calls)
    assert set(where.tolist()) == {0, 1, 2}
    if by == "user":
        for user in set(calls.user.tolist()):
            assert len(set(where[calls.user == user].tolist())) == 1
    else:
        assert np.bincount(where) / len(where) == pytest.approx([1 / 3] * 3, abs=0.02)


def test_the_way_changes_no_call():
    world, calls, sent, _ = travelled()
    _, _, other, _ = travelled(exporter=replace(world.exporter, interval=timedelta(seconds=1)))
    order = np.argsort(sent.ids.view("V24")[:, 0])
    assert np.array_equal(sent.end_ns[order], other.end_ns[np.argsort(other.ids.view("V24")[:, 0])])
    assert len(calls) == len(sent)


def test_a_world_without_a_call_travels_too():
    silent = a_route(traffic=Rhythmic(calls_per_minute=1e-9))
    world = a_world(silent, length=timedelta(minutes=1))
    calls, batches = travel(world, simulate(world))
    assert len(calls) == 0
    assert batches == []
