"""What commands append to the log is taken into the live recording, each by its own source."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.following import PARTITION, Follower
from connectors.inputs import INPUTS, LogInput
from connectors.intake import Intake
from connectors.logs.memory import MemoryLog
from connectors.recordings import RecordingReader, RecordingWriter, messages
from optimizer.errors import StorageFailed
from optimizer.observe.columns import Record, RecordKind

SECOND = 1_000_000_000
NOW_NS = 1_800_000_000 * SECOND


def entry(partition: str, body: bytes, kind: RecordKind = RecordKind.OTLP) -> tuple[str, bytes]:
    return partition, messages.encode(Record(partition, 0, 5, kind, body))


class Run:
    """A follower of an empty folder and of a log, until it is closed."""

    def __init__(self, folder: Path, log: MemoryLog, now_ns: int = NOW_NS) -> None:
        self.now_ns = now_ns
        self.folder = folder / "recording"
        self.writer = RecordingWriter(self.folder, [PARTITION])
        self.follower = Follower(
            folder / "nothing",
            folder / "positions.json",
            Intake(self.writer, lambda: self.now_ns, RecordingReader(self.folder).next_offsets()),
            log=LogInput(log, folder / "inputs.position"),
        )

    def records(self) -> list[Record]:
        """Poll once, and give all that is recorded by now."""
        self.follower.poll()
        return list(RecordingReader(self.folder))


def test_a_record_of_the_followed_source_joins_it_and_is_stamped_as_it_comes(
    tmp_path: Path,
) -> None:
    log = MemoryLog()
    log.append(INPUTS, [entry("input/replayed", b"{}"), entry("input", b"[]", RecordKind.EVENT)])
    run = Run(tmp_path, log)
    first, second, beat = run.records()
    assert first == Record(PARTITION, 0, NOW_NS, RecordKind.OTLP, b"{}")
    assert second == Record(PARTITION, 1, NOW_NS, RecordKind.EVENT, b"[]")
    assert (beat.partition, beat.kind) == (PARTITION, RecordKind.HEARTBEAT)
    assert len(run.records()) == 3
    run.writer.close()


def test_a_record_of_another_source_gets_a_partition_that_begins_with_a_heartbeat(
    tmp_path: Path,
) -> None:
    log = MemoryLog()
    run = Run(tmp_path, log)
    run.records()
    log.append(INPUTS, [entry("spans/replayed", b"{}")])
    run.now_ns += SECOND
    _, *found = run.records()
    assert [(each.partition, each.offset, each.kind) for each in found] == [
        ("spans/replayed", 0, RecordKind.HEARTBEAT),
        ("spans/replayed", 1, RecordKind.OTLP),
        (PARTITION, 1, RecordKind.HEARTBEAT),
        ("spans/replayed", 2, RecordKind.HEARTBEAT),
    ]
    run.writer.close()
    later = Run(tmp_path, log, NOW_NS + 2 * SECOND)
    beats = later.records()[-2:]
    assert {(each.partition, each.offset, each.stamp_ns) for each in beats} == {
        (PARTITION, 2, later.now_ns),
        ("spans/replayed", 3, later.now_ns),
    }
    later.writer.close()


def test_each_entry_is_read_once_through_restarts_and_anew_in_a_new_log(tmp_path: Path) -> None:
    log, place = MemoryLog(), tmp_path / "inputs.position"
    log.append(INPUTS, [entry("input", b"1"), entry("input", b"2")])
    reading = LogInput(log, place)
    assert [record.body for record in reading.read()] == [b"1", b"2"]
    again = LogInput(log, place)  # as after a crash before it was noted
    assert [record.body for record in again.read()] == [b"1", b"2"]
    again.keep()
    log.append(INPUTS, [entry("input", b"3")])
    assert [record.body for record in LogInput(log, place).read()] == [b"3"]
    other = MemoryLog()
    other.append(INPUTS, [entry("input", b"4")])
    assert [record.body for record in LogInput(other, place).read()] == [b"4"]


def test_a_log_with_more_than_is_read_at_once_is_read_on_before_time_passes(
    tmp_path: Path,
) -> None:
    log = MemoryLog()
    log.append(INPUTS, [entry("input", b"%d" % number) for number in range(450)])
    run = Run(tmp_path, log)
    kinds = [[record.kind for record in run.records()] for _ in range(3)]
    assert [len(each) for each in kinds] == [200, 400, 451]
    assert kinds[-1][-1] is RecordKind.HEARTBEAT
    run.writer.close()


@pytest.mark.parametrize(
    "value",
    [b"", b"\xff\xff", b"garbage", entry("input", b"", RecordKind.END)[1]],
    ids=["empty", "cut", "garbage", "the end of all"],
)
def test_an_entry_that_is_no_record_is_kept_to_be_set_aside(value: bytes, tmp_path: Path) -> None:
    log = MemoryLog()
    log.append(INPUTS, [("input", value)])
    run = Run(tmp_path, log)
    first, *_ = run.records()
    assert (first.partition, first.kind, first.body) == (PARTITION, RecordKind.OTLP, value)
    run.writer.close()


def test_a_place_that_cannot_be_kept_is_told(tmp_path: Path) -> None:
    log = MemoryLog()
    log.append(INPUTS, [entry("input", b"1")])
    reading = LogInput(log, tmp_path / "gone" / "inputs.position")
    reading.read()
    with pytest.raises(StorageFailed, match=r"inputs\.position: cannot be written: No such file"):
        reading.keep()


def test_commands_keep_the_partition_of_the_installation_and_nothing_else_does(
    tmp_path: Path,
) -> None:
    log = MemoryLog()
    kinds = (RecordKind.ORDER, RecordKind.REPORT, RecordKind.OTLP, RecordKind.SCORE)
    log.append(INPUTS, [entry(INPUTS, b"{}", kind) for kind in kinds])
    run = Run(tmp_path, log)
    found = [(each.partition, each.kind) for each in run.records() if each.body]
    assert found == [*((INPUTS, kind) for kind in kinds[:2]), *((PARTITION, k) for k in kinds[2:])]
    run.writer.close()
