"""A live recording lets go of its beginning, file by file, and never of what a job still needs."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.recordings import RecordingReader, RecordingWriter
from connectors.recordings.cursor import file_numbers
from connectors.recordings.retention import HOUR_NS, Retention
from optimizer.errors import RecordingInvalid
from optimizer.observe.columns import Record, RecordKind

MINUTE_NS = HOUR_NS // 60


class Live:
    """A recording with a record each ten minutes, and a job that has read all of it."""

    def __init__(self, folder: Path, keep_hours: int) -> None:
        self.folder, self.now_ns, self.needed = folder, 0, ""
        self.keep_hours = keep_hours
        self.begin()

    def begin(self) -> None:
        self.writer = RecordingWriter(self.folder, ["p"])
        self.offset = RecordingReader(self.folder).next_offsets()["p"]
        self.retention = Retention(
            self.folder, self.writer, self.keep_hours, lambda: self.now_ns, self.cursor
        )

    def cursor(self) -> str | None:
        return self.needed if self.needed != "" else str(self.writer.end)

    def hours(self, many: float) -> None:
        for _ in range(round(many * 6)):
            self.now_ns += 10 * MINUTE_NS
            self.writer.append(Record("p", self.offset, self.now_ns, RecordKind.HEARTBEAT, b""))
            self.writer.flush()
            self.retention.look()
            self.offset += 1

    def offsets(self) -> list[int]:
        return [record.offset for record in RecordingReader(self.folder)]


@pytest.fixture
def live(tmp_path: Path, request: pytest.FixtureRequest):
    made = Live(tmp_path, getattr(request, "param", 24))
    yield made
    made.writer.close()


def test_what_is_too_old_goes_and_all_that_is_not_stays(live: Live) -> None:
    live.hours(24)
    assert live.offsets() == list(range(144))
    live.hours(76)
    kept = live.offsets()
    assert kept == list(range(kept[0], 600))
    oldest_ns = (kept[0] + 1) * 10 * MINUTE_NS
    assert 24 * HOUR_NS <= live.now_ns - oldest_ns < 26 * HOUR_NS
    assert len(file_numbers(live.folder)) < 30


@pytest.mark.parametrize("live", [0], indirect=True)
def test_nothing_goes_where_all_is_to_be_kept(live: Live) -> None:
    live.hours(100)
    assert len(live.offsets()) == 600
    assert file_numbers(live.folder) == [0]


@pytest.mark.parametrize("needed", [None, "0:0:0", "0:99:1"])
def test_what_a_job_may_resume_from_stays(needed: str | None, live: Live) -> None:
    live.needed = needed
    live.hours(60)
    assert len(live.offsets()) == 360
    live.needed = "7:0:0" if needed else None
    live.hours(1)
    assert live.writer.first == (7 if needed else 0)


def test_a_restart_goes_on_with_what_is_left(live: Live) -> None:
    live.hours(60)
    before = live.offsets()
    live.writer.close()
    live.begin()
    assert live.offset == 360
    live.hours(1)
    after = live.offsets()
    assert before[0] < after[0] <= before[0] + 12
    assert after == list(range(after[0], 366))


def test_a_cursor_into_what_was_let_go_is_told_as_that(live: Live) -> None:
    live.hours(1)
    ((_, cursor),) = RecordingReader(live.folder).read()
    live.hours(59)
    with pytest.raises(RecordingInvalid, match=r"00000000\.zst: was let go since \(input\.keep"):
        RecordingReader(live.folder).read(cursor)
    (live.folder / "00000050.zst").unlink()
    with pytest.raises(RecordingInvalid, match="the file is missing: restore a copy"):
        list(RecordingReader(live.folder))


def test_files_that_a_crash_left_behind_are_not_read_and_go_later(live: Live) -> None:
    live.hours(30)
    first = live.writer.first
    (live.folder / "00000000.zst").write_bytes(b"left behind")
    assert live.offsets()[0] > 0
    live.hours(2)
    assert live.writer.first > first
    assert not (live.folder / "00000000.zst").exists()
