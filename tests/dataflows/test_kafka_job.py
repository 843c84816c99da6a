"""The job on real brokers says what it says of the same records in a file."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from pathlib import Path
from threading import Timer
from uuid import uuid4

import pytest

from connectors.commands import as_record
from connectors.dead_letters import Wanted
from optimizer.events import EVERYWHERE, OrderAction, nanoseconds
from optimizer.findings import Finding
from optimizer.observe.columns import Record, RecordKind
from optimizer.summaries import instant
from optimizer.windows import WindowSummary
from tests.brokers.broker import Broker
from tests.brokers.fixtures import brokers
from tests.brokers.reading import send
from tests.builders import an_order
from tests.dataflows.kafka_job import (
    SECOND_NS,
    Live,
    Topics,
    account,
    end_of,
    from_a_file,
    records_of,
)
from tests.dataflows.the_job import Kept
from tests.otlp_lines import Lines

AT_ONCE = 6  # some seconds of the story: no call may end too long after its message came


@pytest.fixture
def prefix() -> str:
    """Topics of its own in a broker that is shared."""
    return f"t{uuid4().hex}"


@pytest.mark.slow
@pytest.mark.parametrize("partitions", [1, 3, 8])
@brokers()
def test_any_number_of_partitions_says_what_a_file_says(
    broker: Broker, partitions: int, prefix: str, recording: Path, tmp_path: Path
) -> None:
    """Findings, decisions and windows are equal to the byte; ledgers are told by partition."""
    records = records_of(recording)
    topics = Topics(broker, prefix, partitions, recording)
    topics.send(records)
    live = Live(topics, tmp_path)
    live.now_ns = end_of(records)
    live.go()
    told = from_a_file(records, topics.settings, end_of(records))
    assert live.said() == told.said()
    assert told.written() > 3
    assert sorted(live.windows()) == sorted(told.windows())
    assert without_records(live) == without_records(told)


@pytest.mark.slow
@brokers()
def test_an_order_through_a_broker_stops_the_routes_of_every_tenant(
    broker: Broker, prefix: str, recording: Path, tmp_path: Path
) -> None:
    records = records_of(recording)
    topics = Topics(broker, prefix, 3, recording)
    given_ns = records[-1].stamp_ns
    order = an_order(OrderAction.STOP, route=EVERYWHERE, timestamp=instant(given_ns))
    topics.send([*records, as_record(order, given_ns)])
    live = Live(topics, tmp_path)
    live.now_ns = end_of(records)
    live.go()
    findings = [one for one in live.outputs if isinstance(one, Finding)]
    obeyed = [one for one in findings if one.rule == "order_obeyed"]
    seen = {one.route for one in live.outputs if isinstance(one, WindowSummary)}
    assert sorted(one.route for one in obeyed) == sorted(seen)
    assert len(seen) == 2
    late_ns = nanoseconds(obeyed[0].since) - given_ns
    assert late_ns <= 10 * SECOND_NS


@pytest.mark.slow
@brokers()
def test_crashes_at_any_output_change_no_byte(
    broker: Broker, prefix: str, recording: Path, tmp_path: Path
) -> None:
    """As if killed: the job ends without a snapshot, and goes on from an older one."""
    records = records_of(recording)
    topics = Topics(broker, prefix, 3, recording)
    live = Live(topics, tmp_path)
    half = len(records) // 2
    topics.send(records[:half])
    live.now_ns = records[half - 1].stamp_ns
    for after in (0, 37, 5):
        live.go(crash_after=after)
    live.go()  # heard up to the middle, and drained
    topics.send(records[half:])
    live.now_ns = end_of(records)
    for after in (20, 60):
        live.go(crash_after=after)
    live.go()
    told = from_a_file(records, topics.settings, end_of(records))
    assert live.said() == told.said()
    assert sorted(live.windows()) == sorted(told.windows())
    assert without_records(live) == without_records(told)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["stop", "kill"])
@brokers("restart", fixture="own_broker")
def test_a_broker_that_goes_and_comes_back_costs_nothing(
    own_broker: Broker, kind: str, prefix: str, recording: Path, tmp_path: Path
) -> None:
    """It goes in the middle of what there is, and comes back with more."""
    if kind == "kill" and "kill" in own_broker.gaps:
        pytest.skip(own_broker.gaps["kill"])
    records = records_of(recording)
    topics = Topics(own_broker, prefix, 3, recording)
    half = len(records) // 2
    topics.send(records[:half])
    live = Live(topics, tmp_path)
    live.now_ns = records[half - 1].stamp_ns

    def come_back() -> None:
        own_broker.start()
        for at in range(half, len(records), AT_ONCE):  # the clock follows what has come
            some = records[at : at + AT_ONCE]
            topics.send(some)
            while live.read < at + len(some):
                time.sleep(0.01)
            live.now_ns = some[-1].stamp_ns
        live.now_ns = end_of(records)

    returning = Timer(1.0, come_back)

    def go_once(_: object) -> None:
        live.at = lambda _: None
        own_broker.stop() if kind == "stop" else own_broker.kill()
        returning.start()

    live.at = go_once
    live.is_over = lambda: live.now_ns == end_of(records) and Live.is_over(live)
    live.go()
    returning.join()
    told = from_a_file(records, topics.settings, end_of(records))
    assert live.said() == told.said()
    assert sorted(live.windows()) == sorted(told.windows())
    assert without_records(live) == without_records(told)


@pytest.mark.slow
@brokers("widen")
def test_partitions_that_are_added_while_it_runs_lose_no_call(
    broker: Broker, prefix: str, recording: Path, tmp_path: Path
) -> None:
    """What they hold of windows that have closed is corrected in those that have not."""
    records = records_of(recording)
    topics = Topics(broker, prefix, 1, recording)
    half = len(records) // 2
    topics.send(records[:half])
    live = Live(topics, tmp_path)
    live.now_ns = records[half - 1].stamp_ns
    live.go()
    broker.widen(topics.spans, 3)
    topics.partitions = 3
    topics.send(records[half:])
    live.now_ns = end_of(records)
    told = from_a_file(records, topics.settings, end_of(records))
    theirs = account(told.ledgers())
    # What joins says at once how far time has come, so being heard does not mean being read.
    live.is_over = lambda: account(live.ledgers()).get("spans", 0) >= theirs["spans"]
    given_up = threading.Timer(120, live.stop.set)
    given_up.start()
    live.go()
    given_up.cancel()
    mine = account(live.ledgers())
    assert mine["spans"] == theirs["spans"]
    assert mine["counted"] + mine["corrected"] == theirs["counted"]
    assert not mine.get("late")


@pytest.mark.slow
@brokers()
def test_garbage_and_huge_messages_are_set_aside_with_their_bytes(
    broker: Broker, prefix: str, recording: Path, tmp_path: Path
) -> None:
    topics = Topics(broker, prefix, 2, recording)
    records = records_of(recording)[:50]
    topics.send(records)
    garbage = [b"\xff" * 900_000, b"{", b"\n\xff", random.Random(1).randbytes(200_000)]
    send(broker, topics.spans, *garbage, None)
    send(broker, topics.inputs, b"garbage")
    live = Live(topics, tmp_path)
    live.now_ns = end_of(records)
    live.go()
    mine = account(live.ledgers())
    told = account(from_a_file(records, topics.settings, end_of(records)).ledgers())
    letters = live.dead.find(Wanted())
    assert {live.dead.body(letter.id) for letter in letters} == {*garbage, b"garbage"}
    assert mine["tombstones"] == 1
    assert mine["counted"] == told["counted"]
    assert sum(count for name, count in mine.items() if name.startswith("dead:")) == 5


def without_records(kept: Kept) -> dict[str, int]:
    """What became of everything; heartbeats, which are records too, are as many as partitions."""
    return {name: count for name, count in account(kept.ledgers()).items() if name != "records"}


@pytest.mark.slow
@brokers()
def test_every_span_is_accounted_for_to_the_unit(
    broker: Broker, prefix: str, recording: Path, tmp_path: Path
) -> None:
    """In order, repeated, late, too late, from the future, of a database, damaged."""
    topics = Topics(broker, prefix, 3, recording)
    rng, lines, sent = random.Random(3), Lines(), Counter()
    noon_ns = 1_772_452_800 * SECOND_NS
    said: list[Record] = []
    for second in range(600):
        now_ns = noon_ns + second * SECOND_NS
        what = rng.choice(["on time", "on time", "on time", "late", "old", "future", "other"])
        ago_s = {"late": 60, "old": 400, "future": -100}.get(what, 1)
        body = lines.line(now_ns - ago_s * SECOND_NS)
        if what == "other":
            body = body.replace("gen_ai.", "db.")
        said.append(Record("", second, now_ns, RecordKind.OTLP, body.encode()))
        sent[what] += 1
        if rng.random() < 0.1:  # exporters send again what was not confirmed
            said.append(said[-1])
            sent[what] += 1
    topics.send(said)
    send(broker, topics.spans, b"{", None)
    live = Live(topics, tmp_path)
    live.now_ns = end_of(said)
    mine = account(live.go().ledgers())
    assert mine["spans"] == sum(sent.values())
    assert mine["other_spans"] == sent["other"]
    assert mine["future_timestamp"] == sent["future"]
    fates = ("counted", "corrected", "duplicate", "late", "future_timestamp", "other_spans")
    assert sum(mine.get(fate, 0) for fate in fates) == mine["spans"]
    assert all(mine.get(fate) for fate in fates)
    assert (mine["dead:not_otlp_json"], mine["tombstones"]) == (1, 1)
