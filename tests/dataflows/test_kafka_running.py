"""`run` on a broker as a process that is killed; and a log whose broker goes amid outputs."""

from __future__ import annotations

import json
import random
import time
from pathlib import Path
from threading import Event, Timer
from uuid import uuid4

import pytest

from connectors.logs.kafka import KafkaLog
from connectors.publisher import Publisher
from dataflows.failures import explained
from dataflows.ingest import RecordingSource
from optimizer.errors import StorageFailed
from optimizer.findings import Finding
from optimizer.observe.columns import Record, RecordKind
from optimizer.settings import KafkaSettings
from tests.benchmarks.job import MemoryReader
from tests.brokers.broker import Broker
from tests.brokers.fixtures import brokers
from tests.brokers.reading import send
from tests.command_line import start
from tests.dataflows.kafka_job import (
    SECOND_NS,
    Live,
    Topics,
    account,
    end_of,
    from_a_file,
    records_of,
)
from tests.dataflows.live_input import assert_every_call_once
from tests.dataflows.the_job import Kept, run, settings_of
from tests.otlp_lines import Lines


@pytest.fixture
def prefix() -> str:
    """Topics of its own in a broker that is shared."""
    return f"t{uuid4().hex}"


def variables(topics: Topics, folder: Path) -> dict[str, str]:
    kafka = topics.settings.kafka
    lists = {f"OPTIMIZER_KAFKA__{name.upper()}": names for name, names in kafka.topics().items()}
    return {
        **{name: f"[{','.join(names)}]" for name, names in lists.items()},
        "OPTIMIZER_KAFKA__BROKERS": f"[{topics.broker.address}]",
        "OPTIMIZER_KAFKA__REFRESH_SECS": "1",
        "OPTIMIZER_SERVICE__DATA_DIR": str(folder),
        "OPTIMIZER_DATABASE__CONNECTION_STRING": f"sqlite://{folder}/optimizer.db",
        "OPTIMIZER_RECOVERY__INTERVAL_SECS": "0.05",
    }


@pytest.mark.slow
@brokers()
def test_kill_9_while_messages_come_neither_loses_nor_repeats_a_call(
    broker: Broker, prefix: str, recording: Path, tmp_path: Path
) -> None:
    rng, lines = random.Random(1), Lines()
    topics = Topics(broker, prefix, 2, recording)
    folder = tmp_path / "data"
    for number in range(4):
        process = start("run", **variables(topics, folder))
        assert "job_started" in process.stderr.readline()
        killing = Timer(1 + 2 * rng.random(), process.kill if number < 3 else process.terminate)
        killing.start()
        while process.poll() is None:
            now_ns = time.time_ns()  # noqa: TID251 - a real process, in real time
            line = lines.line(now_ns - SECOND_NS).encode()
            send(broker, topics.spans, line, partition=rng.randrange(2))
        _, errors = process.communicate()
    assert process.returncode == 0, errors
    live = Live(topics, folder / "recovery")
    live.now_ns = time.time_ns() + 120 * SECOND_NS  # noqa: TID251
    live.go()
    ledgers = {name: live.ledgers()[f"{topics.spans}/{name}"] for name in range(2)}
    assert_every_call_once(account(ledgers), lines.calls)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["stop", "kill"])
@brokers("restart", fixture="own_broker")
def test_what_is_said_is_in_the_log_though_its_broker_goes_before_the_snapshot(
    own_broker: Broker, kind: str, recording: Path, tmp_path: Path
) -> None:
    if kind == "kill" and "kill" in own_broker.gaps:
        pytest.skip(own_broker.gaps["kill"])
    settings = settings_of(recording, 60.0)  # no snapshot before the end
    records = records_of(recording)
    said = [record._replace(partition="file", offset=n) for n, record in enumerate(records)]
    said.append(Record("file", len(said), end_of(records), RecordKind.HEARTBEAT, b""))
    kept = Kept()
    options = {"message.timeout.ms": 1500}
    kept.log = KafkaLog(KafkaSettings(options=options), [own_broker.address], timeout_secs=2.0)

    def see(output: object) -> None:
        kept.see(output)
        findings = sum(isinstance(each, Finding) for each in kept.outputs)
        if isinstance(output, Finding) and findings == 4:
            own_broker.stop() if kind == "stop" else own_broker.kill()

    kept.publisher = Publisher(kept.log, kept.dead, kept.store, "svc", see)

    def go() -> None:
        is_over = Event()
        source = RecordingSource(
            MemoryReader(said), ["file"], more=is_over.set, stop=is_over.is_set
        )
        run(source, settings, kept, tmp_path / "recovery")

    with pytest.raises(StorageFailed, match=own_broker.address), explained():
        go()
    own_broker.start()
    go()
    told = from_a_file(records, settings, end_of(records))
    assert kept.said() == told.said()
    assert kept.written() > told.written()  # some stand twice, with the same ids and bytes
    kept.log.close()


@pytest.mark.slow
@brokers()
def test_files_topics_and_anomalies_of_another_cluster_are_read_by_one_run(
    broker: Broker, prefix: str, recording: Path, tmp_path: Path
) -> None:
    """A window closes when all of them have been heard."""
    topics = Topics(broker, prefix, 2, recording)
    broker.create(f"{prefix}.anomalies")
    before_ns = time.time_ns() - 300 * SECOND_NS  # noqa: TID251 - a real process, in real time
    (tmp_path / "spans.jsonl").write_text(Lines("here").line(before_ns))
    send(broker, topics.spans, Lines("there").line(before_ns).encode())
    given = variables(topics, tmp_path / "data") | {
        "OPTIMIZER_INPUT__PATH": str(tmp_path / "spans.jsonl"),
        "OPTIMIZER_INTEGRATIONS__SENTINEL_KAFKA_BROKERS": f"[{broker.address}]",
        "OPTIMIZER_KAFKA__SENTINEL_TOPICS": f"[{prefix}.anomalies]",
    }
    process = start("run", "--output", "json", "--windows", "1m", **given)
    giving_up = Timer(60, process.kill)
    giving_up.start()
    seen: set[str] = set()
    while len(seen) < 2 and (line := process.stdout.readline()):
        seen.add(json.loads(line)["route"])
    giving_up.cancel()
    process.terminate()
    _, errors = process.communicate(timeout=120)
    assert seen == {"default/here/default", "default/there/default"}
    assert process.returncode == 0, errors
