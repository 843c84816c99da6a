"""Following live files: whole lines only, nothing lost or read twice, heartbeats when caught up."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.following import PARTITION, Follower
from connectors.intake import Intake
from connectors.recordings import RecordingReader, RecordingWriter
from optimizer.observe.columns import RecordKind

SECOND = 1_000_000_000


class Rig:
    """A follower on a folder, with a clock that is set by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.input = folder / "input"
        self.input.mkdir(exist_ok=True)
        self.now = 1_800_000_000 * SECOND
        self.start()

    def start(self) -> None:
        recording = self.folder / "recording"
        self.writer = RecordingWriter(recording, [PARTITION])
        self.reader = RecordingReader(recording)
        self.follower = Follower(
            self.input,
            self.folder / "positions.json",
            Intake(self.writer, lambda: self.now, self.reader.next_offsets()),
        )

    def restart(self) -> None:
        self.writer.close()
        self.start()

    def write(self, text: str, name: str = "spans.jsonl") -> None:
        with (self.input / name).open("a") as file:
            file.write(text)

    def lines(self) -> list[bytes]:
        return [record.body for record in self.reader if record.kind is not RecordKind.HEARTBEAT]

    def beats(self) -> list[int]:
        return [r.stamp_ns for r in self.reader if r.kind is RecordKind.HEARTBEAT]


@pytest.fixture
def rig(tmp_path: Path):
    made = Rig(tmp_path)
    yield made
    made.writer.close()


def test_only_whole_lines_are_taken_and_each_once(rig: Rig) -> None:
    rig.write('{"a":1}\n{"b":')
    rig.follower.poll()
    rig.follower.poll()
    assert rig.lines() == [b'{"a":1}']
    rig.write("2}\n\n")
    rig.follower.poll()
    assert rig.lines() == [b'{"a":1}', b'{"b":2}']


def test_a_heartbeat_comes_once_a_second_when_all_is_read(rig: Rig) -> None:
    for _ in range(31):
        rig.follower.poll()
        rig.now += SECOND // 10
    assert len(rig.beats()) == 4
    assert [
        after - before for before, after in zip(rig.beats(), rig.beats()[1:], strict=False)
    ] == [SECOND] * 3


def test_a_restart_goes_on_where_it_stopped(rig: Rig) -> None:
    rig.write('{"a":1}\n')
    rig.follower.poll()
    rig.restart()
    rig.write('{"b":2}\n')
    rig.follower.poll()
    assert rig.lines() == [b'{"a":1}', b'{"b":2}']
    offsets = [record.offset for record in rig.reader]
    assert offsets == sorted(set(offsets))


def test_a_crash_before_positions_are_noted_reads_again_and_loses_nothing(rig: Rig) -> None:
    rig.write('{"a":1}\n')
    rig.follower.poll()
    (rig.folder / "positions.json").unlink()
    rig.restart()
    rig.follower.poll()
    assert set(rig.lines()) == {b'{"a":1}'}


def test_new_files_are_found_and_a_file_that_shrank_is_read_anew(rig: Rig) -> None:
    rig.write('{"a":1}\n{"aa":11}\n')
    rig.follower.poll()
    rig.write('{"b":2}\n', "later.json")
    (rig.input / "spans.jsonl").write_text('{"c":3}\n')
    rig.follower.poll()
    assert sorted(rig.lines()) == [b'{"a":1}', b'{"aa":11}', b'{"b":2}', b'{"c":3}']


def test_an_input_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.input.rmdir()
    rig.follower.poll()
    rig.input.mkdir()
    rig.write('{"a":1}\n')
    rig.follower.poll()
    assert rig.lines() == [b'{"a":1}']
    rig.writer.close()


def test_each_line_is_recorded_as_the_signal_it_carries(rig: Rig) -> None:
    both = '{"resourceSpans":[],"resourceLogs":[]}'
    rig.write('{"resourceMetrics":[]}\n{"score":1}\nnot JSON\n' + both + "\n")
    rig.follower.poll()
    found = [(record.kind, record.body) for record in rig.reader][:-1]
    assert found == [
        (RecordKind.METRICS, b'{"resourceMetrics":[]}'),
        (RecordKind.EVENT, b'{"score":1}'),
        (RecordKind.OTLP, b"not JSON"),
        (RecordKind.OTLP, both.encode()),
        (RecordKind.LOGS, both.encode()),
    ]
