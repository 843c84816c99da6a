"""What every implementation of `ports.Log` must do."""

import os
import resource
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings, strategies as st

from connectors.api.opening import open_log
from connectors.logs.kafka import KafkaLog
from connectors.logs.memory import MemoryLog
from optimizer.errors import NotAvailable, SettingsInvalid, StorageFailed, UnknownVersion
from optimizer.ports import Entry
from optimizer.settings import KafkaSettings
from tests.brokers.broker import free_port
from tests.brokers.fixtures import brokers

ROOT = Path(__file__).parents[2]
KAFKA = brokers()  # those of tests/brokers


def connection(kind, folder):
    return "memory://" if kind == "memory" else f"sqlite://{folder / 'deep' / 'log.db'}"


KINDS = ["memory", "sqlite", *KAFKA.args[1]]


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def log(kind, tmp_path, running):
    if kind in ("memory", "sqlite"):
        opened = open_log(connection(kind, tmp_path))
    else:
        opened = KafkaLog(KafkaSettings(), [running(kind).address])
    yield opened
    opened.close()


@pytest.fixture
def topic():
    """One of its own in a broker that is shared."""
    return f"topic-{uuid4()}"


@pytest.fixture
def largest(kind):
    """Kafka takes a megabyte unless it is told otherwise."""
    return 40_000 if kind in ("memory", "sqlite") else 3_500


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.db"


def values(entries):
    return [entry.value for entry in entries]


def test_a_topic_nobody_wrote_to_is_empty(log, topic):
    assert list(log.read(topic)) == []
    assert log.end(topic) == 0


def test_what_was_appended_is_read_in_order_with_positions_from_0(log, topic):
    log.append(topic, [("a", b"1"), ("b", b"2")])
    log.append(topic, [("a", b"3")])
    expected = [Entry(0, "a", b"1"), Entry(1, "b", b"2"), Entry(2, "a", b"3")]
    assert list(log.read(topic)) == expected
    assert log.end(topic) == 3


def test_appending_nothing_changes_nothing(log, topic):
    log.append(topic, [])
    assert log.end(topic) == 0


@pytest.mark.parametrize(
    ("start", "limit", "expected"),
    [
        pytest.param(0, 2, [b"0", b"1"], id="the beginning"),
        pytest.param(3, 1000, [b"3", b"4"], id="the rest"),
        pytest.param(5, 1000, [], id="the end"),
        pytest.param(99, 1000, [], id="beyond the end"),
        pytest.param(2, 1, [b"2"], id="one in the middle"),
        pytest.param(0, 0, [], id="none asked for"),
    ],
)
def test_a_reader_takes_up_where_it_wants_to(log, topic, start, limit, expected):
    log.append(topic, [("k", str(number).encode()) for number in range(5)])
    assert values(log.read(topic, start, limit)) == expected


def test_topics_do_not_see_each_other(log, topic):
    log.append(topic, [("k", b"a decision")])
    log.append(f"{topic}.orders", [("k", b"an order")])
    assert values(log.read(topic)) == [b"a decision"]
    assert list(log.read(f"{topic}.orders")) == [Entry(0, "k", b"an order")]


def test_appending_twice_stands_twice(log, topic):
    for _ in range(2):
        log.append(topic, [("k", b"same")])
    assert values(log.read(topic)) == [b"same", b"same"]


@pytest.mark.parametrize("key", ["", "acme/größe/路由", "😀", "a\x00b", "%_'\"", " "])
def test_any_text_is_a_key(log, topic, key):
    log.append(topic, [(key, b"v")])
    assert list(log.read(topic)) == [Entry(0, key, b"v")]


def test_any_bytes_of_any_size_are_a_value(log, topic, largest):
    written = [b"", b"\x00\xff", bytes(range(256)) * largest]
    log.append(topic, [("k", value) for value in written])
    assert values(log.read(topic)) == written


def test_entries_that_end_in_an_error_are_not_there_at_all(log, topic):
    def entries():
        yield "k", b"1"
        raise ZeroDivisionError

    log.append(topic, [("k", b"0")])
    with pytest.raises(ZeroDivisionError):
        log.append(topic, entries())
    assert values(log.read(topic)) == [b"0"]
    log.append(topic, [("k", b"2")])
    assert list(log.read(topic, 1)) == [Entry(1, "k", b"2")]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from("xy"), st.lists(st.tuples(st.text(max_size=3), st.binary())))
    )
)
def test_all_implementations_say_the_same(appends):
    memory, sqlite = MemoryLog(), open_log("sqlite://:memory:")
    for topic, entries in appends:
        for log in (memory, sqlite):
            log.append(topic, entries)
    for topic in "xy":
        assert list(memory.read(topic, 1, 3)) == list(sqlite.read(topic, 1, 3))
        assert memory.end(topic) == sqlite.end(topic)
    sqlite.close()


# What only a log on disk must do.


def test_a_restart_keeps_everything(path):
    first = open_log(f"sqlite://{path}")
    first.append("decisions", [("k", b"1"), ("k", b"2")])
    first.close()
    second = open_log(f"sqlite://{path}")
    assert values(second.read("decisions")) == [b"1", b"2"]
    second.append("decisions", [("k", b"3")])
    assert second.end("decisions") == 3
    second.close()


def test_two_readers_see_what_is_appended_while_they_are_open(path):
    writer, *readers = [open_log(f"sqlite://{path}") for _ in range(3)]
    for number in range(3):
        writer.append("decisions", [("k", str(number).encode())])
        for reader in readers:
            assert values(reader.read("decisions", number)) == [str(number).encode()]
    for log in (writer, *readers):
        log.close()


def test_two_writers_take_turns(path):
    logs = [open_log(f"sqlite://{path}") for _ in range(2)]

    def write(log):
        for number in range(50):
            log.append("decisions", [("k", str(number).encode())] * 2)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, logs))
    entries = logs[0].read("decisions")
    assert [entry.position for entry in entries] == list(range(200))
    assert values(entries)[::2] == values(entries)[1::2]
    for log in logs:
        log.close()


OPENER = """
import sys
from connectors.api.opening import open_log
open_log(sys.argv[1]).append("t", [("k", b"v")])
"""


def test_processes_that_start_together_may_all_create_the_file(path):
    arguments = [sys.executable, "-c", OPENER, f"sqlite://{path}"]
    started = [subprocess.Popen(arguments, cwd=ROOT) for _ in range(6)]
    assert [process.wait() for process in started] == [0] * 6
    log = open_log(f"sqlite://{path}")
    assert log.end("t") == 6
    log.close()


WRITER = """
import itertools, sys
from connectors.api.opening import open_log
log = open_log(sys.argv[1])
for number in itertools.count():
    log.append("t", [(str(number), bytes(5000))] * 7)
    print(number, flush=True)
"""


@pytest.mark.parametrize("after", [1, 2, 5, 13])
def test_a_killed_writer_leaves_whole_appends_and_all_it_reported(path, after):
    arguments = [sys.executable, "-c", WRITER, f"sqlite://{path}"]
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        for _ in range(after):
            writer.stdout.readline()
        os.kill(writer.pid, signal.SIGKILL)
        reported = after + len(writer.stdout.readlines())
    log = open_log(f"sqlite://{path}")
    keys = [entry.key for entry in log.read("t", 0, 1_000_000)]
    whole = len(keys) // 7
    assert keys == [str(number) for number in range(whole) for _ in range(7)]
    assert whole in {reported, reported + 1}
    log.append("t", [("after", b"")])
    log.close()


# What goes wrong, and what is said then.


@pytest.mark.parametrize(
    "text", ["", "optimizer.db", "mysql://root:secret@db/x", "sqlite://", "memory://x"]
)
def test_a_connection_string_of_no_known_form_is_refused_without_its_password(text):
    with pytest.raises(SettingsInvalid, match="must be sqlite://PATH or memory://") as caught:
        open_log(text)
    assert "secret" not in str(caught.value)


def test_postgresql_is_promised_for_later():
    with pytest.raises(NotAvailable, match="not available yet"):
        open_log("postgres://db/x")


def test_a_file_that_is_no_database_is_left_alone(path):
    path.write_bytes(b"important notes " * 1000)
    with pytest.raises(StorageFailed, match=r"log\.db.*not an SQLite database"):
        open_log(f"sqlite://{path}")
    assert path.read_bytes() == b"important notes " * 1000


def test_a_folder_in_the_place_of_the_file_is_refused(path):
    path.mkdir()
    with pytest.raises(StorageFailed, match=r"log\.db.*this user may write to"):
        open_log(f"sqlite://{path}")


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageFailed, match=r"log\.db.*this user may write to"):
        open_log(f"sqlite://{tmp_path / 'file' / 'log.db'}")


def test_a_file_of_a_newer_version_is_refused(path):
    newer = sqlite3.connect(path)
    newer.execute("PRAGMA user_version = 2")
    newer.close()
    with pytest.raises(UnknownVersion, match=r"log\.db has version 2, this code knows 1"):
        open_log(f"sqlite://{path}")


def test_a_file_with_another_table_of_that_name_is_refused(path):
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE log (line TEXT)")
    other.close()
    log = open_log(f"sqlite://{path}")
    with pytest.raises(StorageFailed, match=r"log\.db.*tables are not those of this version"):
        log.append("t", [("k", b"v")])
    log.close()


def test_a_damaged_file_is_named(path):
    log = open_log(f"sqlite://{path}")
    log.append("t", [("k", bytes(50_000))])
    log.close()
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 8192)
    log = None
    with pytest.raises(StorageFailed, match=r"log\.db.*damaged"):  # noqa: PT012 - either may say it
        log = open_log(f"sqlite://{path}")
        log.read("t")
    if log:
        log.close()


def test_a_writer_that_holds_the_file_too_long_is_named(path):
    log = open_log(f"sqlite://{path}", timeout_secs=0.01)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageFailed, match=r"log\.db.*another process.*TIMEOUT_SECS"):
        log.append("t", [("k", b"v")])
    other.execute("ROLLBACK")
    other.close()
    log.append("t", [("k", b"v")])
    log.close()


def test_a_full_disk_is_named_and_what_was_there_stays(path):
    log = open_log(f"sqlite://{path}")
    log.append("t", [("k", b"before")])
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(StorageFailed, match=r"log\.db.*(full|disk).*space"):
            log.append("t", [("k", bytes(1_000_000))])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    log.append("t", [("k", b"after")])
    assert values(log.read("t")) == [b"before", b"after"]
    log.close()


# What only a log on Kafka must do.


def test_a_topic_is_made_with_one_partition_and_one_that_is_there_is_taken(running, topic):
    broker = running("tansu")
    broker.create(f"{topic}.wide", partitions=3)
    log = KafkaLog(KafkaSettings(), [broker.address])
    for name, partitions in ((topic, 1), (f"{topic}.wide", 3)):
        log.append(name, [("k", b"1"), ("other key", b"2")])
        assert values(log.read(name)) == [b"1", b"2"]
        assert broker.partitions(name) == partitions
    log.close()


@pytest.mark.parametrize("name", ["", "acme/größe", "a b", "x" * 250])
def test_a_topic_that_kafka_would_not_take_is_refused(name, running):
    log = KafkaLog(KafkaSettings(), [running("tansu").address])
    with pytest.raises(StorageFailed, match="is no topic of Kafka"):
        log.append(name, [("k", b"v")])
    log.close()


def test_a_broker_that_is_not_there_is_named(topic):
    log = KafkaLog(KafkaSettings(), [f"127.0.0.1:{free_port()}"], timeout_secs=0.2)
    with pytest.raises(StorageFailed, match=r"127\.0\.0\.1.*OPTIMIZER_KAFKA__BROKERS"):
        log.append(topic, [("k", b"v")])
    log.close()


def test_a_value_too_large_is_an_error_that_names_the_topic(running, topic):
    log = KafkaLog(KafkaSettings(), [running("tansu").address])
    with pytest.raises(StorageFailed, match=rf"topic {topic}: .*MSG_SIZE_TOO_LARGE"):
        log.append(topic, [("k", bytes(2_000_000))])
    log.close()


def test_an_option_nobody_knows_is_refused_by_its_name():
    with pytest.raises(SettingsInvalid, match=r"security\.protocoll.*OPTIMIZER_KAFKA__OPTIONS"):
        KafkaLog(KafkaSettings(options={"security.protocoll": "SSL"}), ["127.0.0.1:9"])
