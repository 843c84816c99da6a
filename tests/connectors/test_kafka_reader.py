"""The reader of Kafka on real brokers: what each partition says, and says again in a later life."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Timer
from uuid import uuid4

import pytest

from connectors.recordings import messages
from optimizer.errors import BrokerRefused, SettingsInvalid, StorageFailed
from optimizer.observe.columns import Record, RecordKind
from optimizer.settings import validate
from tests.brokers.broker import Broker
from tests.brokers.fixtures import brokers
from tests.brokers.kinds import Tansu
from tests.brokers.reading import Life, beats, gives, send, settings_for

SECOND_NS = 1_000_000_000
MS = 1_000_000


@pytest.fixture
def prefix() -> str:
    """Topics of its own in a broker that is shared."""
    return f"t{uuid4().hex}"


@brokers()
def test_the_topic_decides_what_a_record_is(broker: Broker, prefix: str, tmp_path: Path) -> None:
    order = Record("api/0", 7, 99, RecordKind.ORDER, b"an order")
    sent = {
        "traces": b"spans",
        "metrics": b"points",
        "logs": b"lines",
        "feedback": b"{}",
        "sentinel": b"{ }",
        "inputs": messages.encode(order),
    }
    for name, value in sent.items():
        broker.create(f"{prefix}.{name}")
        send(broker, f"{prefix}.{name}", value, None)
    send(broker, f"{prefix}.inputs", b"no record of ours")
    partitions = [f"{prefix}.{name}/0" for name in sent]
    with Life(settings_for(broker, prefix), tmp_path) as life:
        assert sorted(life.founders) == sorted(partitions)
        life.until(beats(1, *partitions))
    kinds = {name: life.given[f"{prefix}.{name}/0"][0] for name in sent}
    assert {name: (record.kind, record.body) for name, record in kinds.items()} == {
        "traces": (RecordKind.OTLP, b"spans"),
        "metrics": (RecordKind.METRICS, b"points"),
        "logs": (RecordKind.LOGS, b"lines"),
        "feedback": (RecordKind.EVENT, b"{}"),
        "sentinel": (RecordKind.EVENT, b"{ }"),
        "inputs": (RecordKind.ORDER, b"an order"),
    }
    for partition in partitions:
        assert life.given[partition][1][1:] == (
            1,
            life.given[partition][1].stamp_ns,
            RecordKind.GAP,
            b'{"tombstones":1}',
        )
    assert life.given[f"{prefix}.inputs/0"][2][3:] == (RecordKind.EVENT, b"no record of ours")


@brokers()
def test_a_cloud_event_in_headers_is_given_as_one_in_json(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    broker.create(f"{prefix}.feedback")
    headers = {"ce_specversion": b"1.0", "ce_id": b"7", "ce_type": b"x", "ce_source": b"/s"}
    headers |= {"content-type": b"application/json"}
    send(broker, f"{prefix}.feedback", b'{"score":1}', headers=headers)
    with Life(settings_for(broker, prefix), tmp_path) as life:
        life.until(gives(f"{prefix}.feedback/0", 1))
    event = json.loads(life.given[f"{prefix}.feedback/0"][0].body)
    assert (event["id"], event["data"]) == ("7", {"score": 1})


@brokers()
def test_what_was_said_after_the_snapshot_is_said_again_to_the_byte(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    """Two partitions; heartbeats, and stamps cut to the clock, between their records."""
    topic = f"{prefix}.traces"
    broker.create(topic, partitions=2)
    names = [f"{topic}/{number}" for number in range(2)]
    future = {"timestamp": time.time_ns() // MS + 3_600_000}  # noqa: TID251
    settings = settings_for(broker, prefix)
    with Life(settings, tmp_path) as first:
        send(broker, topic, b"0", b"1", b"2")
        first.until(beats(1, *names))
        snapshot = first.reader.snapshot()
        told = {name: len(first.given[name]) for name in names}
        send(broker, topic, b"3", **future)
        first.until(beats(2, *names))
        send(broker, topic, b"a", b"b", partition=1)
        send(broker, topic, b"4", b"5", **future)
        first.until(beats(3, *names))
    for resumed, start in ((snapshot, told), (None, dict.fromkeys(names, 0))):
        with Life(settings, tmp_path, resumed) as second:
            second.until(beats(4, *names))
        for name in names:
            said = first.given[name][start[name] :]
            assert second.given[name][: len(said)] == said
            stamps = [record.stamp_ns for record in second.given[name]]
            assert max(stamps) < future["timestamp"] * MS
            assert stamps == sorted(stamps)


@pytest.mark.slow
@brokers()
def test_facts_that_no_snapshot_needs_are_let_go(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    topic = f"{prefix}.traces"
    broker.create(topic)
    with Life(settings_for(broker, prefix), tmp_path) as life:
        kept = []
        for number in range(1, 5):
            life.until(beats(number, f"{topic}/0"))
            life.reader.snapshot()  # that it calls again tells that the snapshot is durable
            life.reader.take()
            kept.append(len(life._facts.all()))  # noqa: SLF001 - what is on disk
    assert max(kept) <= 1 + 3
    assert kept[-1] <= kept[1]


@brokers()
def test_a_topic_that_comes_later_joins_in_a_batch_of_its_own_where_time_has_come_to(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    traces, feedback = f"{prefix}.traces/0", f"{prefix}.feedback/0"
    broker.create(f"{prefix}.traces")
    settings = settings_for(broker, prefix)
    with Life(settings, tmp_path) as first:
        assert first.founders == [traces]
        first.until(beats(1, traces))
        snapshot = first.reader.snapshot()
        broker.create(f"{prefix}.feedback")
        send(broker, f"{prefix}.feedback", b"{}")
        first.until(gives(feedback, 2))
    join = first.given[feedback][0]
    (batch,) = (batch for batch in first.batches if join in batch)
    assert batch == [join]
    before = first.batches[: first.batches.index(batch)]
    greatest = max(record.stamp_ns for each in before for record in each)
    assert (join.offset, join.kind) == (0, RecordKind.HEARTBEAT)
    assert join.stamp_ns == greatest + 30 * SECOND_NS
    with Life(settings, tmp_path, snapshot) as second:
        second.until(gives(feedback, 2))
    assert second.batches[0] == [join]  # before anything that could close a window
    assert second.given[feedback][:2] == first.given[feedback][:2]
    assert second.founders == [traces]


@brokers("latest")
def test_the_first_start_may_begin_with_what_comes_now_and_a_later_one_goes_on(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    topic = f"{prefix}.traces"
    broker.create(topic)
    send(broker, topic, b"old", b"older")
    settings = settings_for(broker, prefix, start="latest")
    with Life(settings, tmp_path) as first:
        pass
    send(broker, topic, b"new")
    with Life(settings, tmp_path) as second:
        second.until(gives(f"{topic}/0", 1))
    assert first.founders == second.founders
    assert second.given[f"{topic}/0"][0][1:] == (
        2,
        second.given[f"{topic}/0"][0].stamp_ns,
        RecordKind.OTLP,
        b"new",
    )


@brokers("widen")
def test_a_partition_that_is_added_is_read_from_its_beginning(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    topic = f"{prefix}.traces"
    broker.create(topic)
    with Life(settings_for(broker, prefix), tmp_path) as life:
        life.until(beats(1, f"{topic}/0"))
        broker.widen(topic, 3)
        send(broker, topic, b"0", b"1", partition=2)
        life.until(beats(1, f"{topic}/0", f"{topic}/1", f"{topic}/2"))
        life.until(gives(f"{topic}/2", 3))
    kinds = [(record.kind, record.offset) for record in life.given[f"{topic}/2"]][:3]
    assert kinds == [(RecordKind.HEARTBEAT, 0), (RecordKind.OTLP, 0), (RecordKind.OTLP, 1)]


@brokers()
def test_a_second_reader_of_the_same_state_is_refused(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    broker.create(f"{prefix}.traces")
    settings = settings_for(broker, prefix)
    with Life(settings, tmp_path), pytest.raises(StorageFailed, match="another process has it"):
        Life(settings, tmp_path)


def test_an_option_nobody_knows_is_refused_without_its_value(tmp_path: Path) -> None:
    made = validate({"kafka": {"brokers": ["b:1"], "options": {"sasl.passwort": "secret"}}})
    with pytest.raises(SettingsInvalid, match=r'"sasl\.passwort" .*OPTIMIZER_KAFKA__O') as caught:
        Life(made, tmp_path)
    assert "secret" not in str(caught.value)


@brokers("login")
def test_a_broker_that_refuses_our_login_ends_it_with_its_name(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    login = {"sasl.mechanism": "PLAIN", "sasl.username": "me", "sasl.password": "secret"}
    options = {"security.protocol": "SASL_PLAINTEXT", **login}
    with pytest.raises(BrokerRefused, match=rf"{broker.address}.*sasl\.\*") as caught:
        Life(settings_for(broker, prefix, options=options), tmp_path)
    assert "secret" not in str(caught.value)


@pytest.fixture
def told() -> Iterator[list[str]]:
    """What the program's own log says."""
    names: list[str] = []
    journal, handler = logging.getLogger("llm_optimizer"), logging.Handler()
    handler.emit = lambda record: names.append(record.getMessage())
    before = journal.level
    journal.addHandler(handler)
    journal.setLevel(logging.INFO)
    yield names
    journal.setLevel(before)
    journal.removeHandler(handler)


@pytest.mark.kafka
def test_a_broker_that_is_not_there_yet_is_waited_for_and_told_once(
    tmp_path: Path, prefix: str, told: list[str]
) -> None:
    broker = Tansu(tmp_path / "broker")

    def begin() -> None:
        broker.start()
        broker.create(f"{prefix}.traces")

    starting = Timer(1.0, begin)
    starting.start()
    try:
        with Life(settings_for(broker, prefix), tmp_path) as life:
            life.until(beats(1, f"{prefix}.traces/0"))
    finally:
        starting.join()
        broker.close()
    assert told.count("kafka_unreachable") == 1
    assert told.count("kafka_reachable") == 1


@pytest.mark.slow
@brokers(fixture="own_broker")
def test_no_heartbeat_is_given_while_the_broker_does_not_answer(
    own_broker: Broker, prefix: str, tmp_path: Path
) -> None:
    """Behind a broker that is stopped there may be records that nobody has seen."""
    partition = f"{prefix}.traces/0"
    own_broker.create(f"{prefix}.traces")
    with Life(settings_for(own_broker, prefix), tmp_path) as life:
        life.until(beats(1, partition))
        own_broker.hang()
        hung_ns = time.time_ns()  # noqa: TID251
        second = life.reader.health.seconds
        life.until(lambda life: life.reader.health.seconds > second + 2)
        assert max(record.stamp_ns for record in life.given[partition]) <= hung_ns + SECOND_NS / 10
        before = life.count(partition, RecordKind.HEARTBEAT)
        own_broker.go_on()
        life.until(beats(before + 1, partition))


@pytest.mark.slow
@brokers("out of range")
def test_records_deleted_before_they_were_read_are_counted_and_told(
    broker: Broker, prefix: str, tmp_path: Path, told: list[str]
) -> None:
    topic, partition = f"{prefix}.traces", f"{prefix}.traces/0"
    broker.create(topic)
    send(broker, topic, b"0", b"1")
    settings = settings_for(broker, prefix)
    with Life(settings, tmp_path) as first:
        first.until(gives(partition, 2))
        snapshot = first.reader.snapshot()
    send(broker, topic, *(str(number).encode() for number in range(2, 9)))
    broker.truncate(topic, 6)
    with Life(settings, tmp_path, snapshot) as second:
        second.until(beats(1, partition))
    gap, *rest = second.given[partition]
    assert (gap.offset, gap.kind) == (2, RecordKind.GAP)
    assert json.loads(gap.body) == {"lost_records": 4, "made_anew": 0}
    assert [record.body for record in rest[:3]] == [b"6", b"7", b"8"]
    assert told.count("kafka_records_lost") == 1


@pytest.mark.slow
@brokers("out of range")
def test_a_topic_that_is_deleted_holds_nobody_up_and_is_read_anew_when_it_is_back(
    broker: Broker, prefix: str, tmp_path: Path
) -> None:
    topic, partition = f"{prefix}.traces", f"{prefix}.traces/0"
    broker.create(topic)
    broker.create(f"{prefix}.feedback")
    send(broker, topic, b"0", b"1", b"2")
    with Life(settings_for(broker, prefix), tmp_path) as life:
        life.until(gives(partition, 3))
        broker.delete(topic)
        before = life.count(partition, RecordKind.HEARTBEAT)
        life.until(beats(before + 3, partition))
        broker.create(topic)
        send(broker, topic, b"anew")
        life.until(lambda life: b"anew" in {record.body for record in life.given[partition]})
