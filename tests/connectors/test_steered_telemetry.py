"""Telemetry given as time goes on is the telemetry given at once."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from connectors.otlp import OtlpDecoder
from connectors.worlds.batches import records
from connectors.worlds.steered import SteeredTelemetry
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.identify import Claims
from optimizer.observe.keys import KeyTable
from optimizer.observe.stamps import StampReader
from optimizer.settings import Settings, StampCheck
from optimizer.simulate.arrivals import Rhythmic
from optimizer.simulate.calls import SimulatedCalls
from optimizer.simulate.incidents import nanoseconds
from optimizer.simulate.simulation import simulate, start_ns
from optimizer.simulate.worlds import Cell, Exporter, Scores, World
from tests.connectors.test_worlds import NoPrices
from tests.optimizer.simulate.a_world import a_route, a_world, an_arm

KEY = "a key of more than sixteen characters"
CELLS = (Cell(name="short", share=0.7), Cell(name="long", share=0.3))
ROUTES = (
    a_route(arms=(an_arm("large", 0.5), an_arm("small", 0.5)), cells=CELLS),
    a_route("acme/search/sums", traffic=Rhythmic(calls_per_minute=200), scores=Scores(share=1.0)),
)
WORLD = a_world(*ROUTES, length=timedelta(minutes=7), partitions=3)


def in_steps(world: World, calls: SimulatedCalls, step_s: int, key: str | None) -> list[Record]:
    telemetry = SteeredTelemetry(world, key)
    now_ns, end_ns = start_ns(world), start_ns(world) + nanoseconds(world.length)
    found = []
    while now_ns < end_ns:
        until_ns = min(now_ns + step_s * 10**9, end_ns)
        telemetry.put(calls.take((calls.start_ns >= now_ns) & (calls.start_ns < until_ns)))
        found += telemetry.until(until_ns)
        now_ns = until_ns
    return found + telemetry.rest()


@pytest.mark.parametrize("step_s", [1, 7, 10, 100])
@pytest.mark.parametrize(
    ("exporter", "heartbeat_s"),
    [
        pytest.param(Exporter(), 1, id="usual"),
        pytest.param(Exporter(batch=3, processes=1), 1, id="batches get full"),
        pytest.param(
            Exporter(interval=timedelta(seconds=23), jitter=timedelta(seconds=9)), 3, id="slow"
        ),
        pytest.param(Exporter(), 0, id="no heartbeats"),
    ],
)
def test_records_as_time_goes_on_are_the_records_of_the_whole(exporter, heartbeat_s, step_s):
    world = replace(WORLD, exporter=exporter, heartbeat=timedelta(seconds=heartbeat_s))
    calls = simulate(world)
    assert in_steps(world, calls, step_s, KEY) == list(records(world, calls, KEY))


def decoded(world: World, key: str | None, check: StampCheck) -> dict[tuple, int]:
    """Count calls by what their spans are taken for, where stamps must be signed."""
    claims = Claims(stamps=StampReader(check, KEY))
    decoder = OtlpDecoder(Settings(), NoPrices(), "acme", claims=claims)
    found: dict[tuple, int] = {}
    table = KeyTable()
    for record in records(world, key=key):
        if record.kind is RecordKind.OTLP:
            columns = decoder.decode(record.body, table).columns
            for code, slot in zip(columns.key.tolist(), columns.slot.tolist(), strict=True):
                name = table.keys[code]
                place = (name.route, name.arm, name.revision, slot >= 0)
                found[place] = found.get(place, 0) + 1
    return found


def test_signed_stamps_are_taken_where_they_must_be_signed():
    calls = simulate(WORLD)
    large, small = (arm.arm.id for arm in ROUTES[0].arms)
    found = decoded(WORLD, KEY, StampCheck.REQUIRED)
    assert found == {
        ("acme/chat/support", large, 1, True): int(((calls.route == 0) & (calls.arm == 0)).sum()),
        ("acme/chat/support", small, 1, True): int((calls.arm == 1).sum()),
        ("acme/search/sums", large, 1, True): int((calls.route == 1).sum()),
    }


@pytest.mark.parametrize("key", [None, KEY + "!"], ids=["unsigned", "signed with another key"])
def test_other_stamps_are_not(key):
    found = decoded(WORLD, key, StampCheck.REQUIRED)
    assert {(route, revision) for route, _, revision, _ in found} == {
        ("acme/chat/default", 0),
        ("acme/search/default", 0),
    }


def test_without_a_document_the_route_is_stamped_and_no_arm():
    calls = simulate(WORLD)
    blank = replace(
        calls,
        revision=np.zeros(len(calls), np.int64),
        slot=np.full(len(calls), -1, np.int16),
    )
    claims = Claims(stamps=StampReader(StampCheck.REQUIRED, KEY))
    decoder = OtlpDecoder(Settings(), NoPrices(), "acme", claims=claims)
    table = KeyTable()
    for record in records(WORLD, blank, KEY):
        if record.kind is RecordKind.OTLP:
            columns = decoder.decode(record.body, table).columns
            assert set(columns.slot.tolist()) == {-1}
    assert {key.route for key in table.keys} == {"acme/chat/support", "acme/search/sums"}
    assert {key.revision for key in table.keys} == {0}
