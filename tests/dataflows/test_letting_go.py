"""A live job lets go of what it has recorded, and yet resumes from any crash as if it had not."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path

from bytewax.inputs import AbortExecution

from connectors.recordings import RecordingReader, RecordingWriter
from connectors.recordings.retention import Retention
from dataflows.ingest import RecordingSource
from optimizer.observe.columns import Record, RecordKind
from optimizer.settings import Settings, validate
from tests.dataflows.the_job import Kept, run, source_of
from tests.otlp_lines import MINUTE_NS, SECOND_NS, Lines

NOON_NS = 1_767_268_800 * SECOND_NS
HOURS, CRASHES = 5, (70, 95)


def traffic() -> list[Record]:
    """A call every five minutes, and a heartbeat with each."""
    lines = Lines()
    found = []
    for number in range(HOURS * 12):
        stamp_ns = NOON_NS + number * 5 * MINUTE_NS
        line = lines.line(stamp_ns - SECOND_NS).encode()
        found += [
            Record("input", 2 * number, stamp_ns, RecordKind.OTLP, line),
            Record("input", 2 * number + 1, stamp_ns, RecordKind.HEARTBEAT, b""),
        ]
    return found


def go(folder: Path, steps: Iterator[Record], settings: Settings, kept: Kept, upto: int) -> None:
    """Record and read on, six records at a time, up to one; then crash, or drain at the end."""
    now_ns = 0
    with RecordingWriter(folder / "inputs", ["input"]) as writer:

        def more() -> None:
            nonlocal now_ns
            some = list(islice(steps, 6))
            source.stop = lambda: not some
            for record in some:
                now_ns = record.stamp_ns
                writer.append(record)
                writer.flush()
                retention.look()
            if upto in {record.offset for record in some}:
                raise AbortExecution

        source = RecordingSource(RecordingReader(folder / "inputs"), ["input"], more=more)
        retention = Retention(folder / "inputs", writer, 1, lambda: now_ns, source.resumable)
        run(source, settings, kept, folder / "recovery")


def test_crashes_change_nothing_though_what_was_read_is_let_go(tmp_path: Path) -> None:
    settings = validate({"recovery": {"interval_secs": 0.02}})
    records = traffic()
    with RecordingWriter(tmp_path / "all", ["input"]) as writer:
        for record in records:
            writer.append(record)
    whole = run(source_of(tmp_path / "all"), settings)
    kept, steps = Kept(), iter(records)
    for crash in chain(CRASHES, [-1]):
        go(tmp_path, steps, settings, kept, crash)
    left = list(RecordingReader(tmp_path / "inputs"))
    assert 24 <= len(left) < 40  # of the last hour and of the file before
    assert left == records[-len(left) :]
    run(source_of(tmp_path / "inputs"), settings, kept, tmp_path / "recovery")
    assert kept.ledgers() == whole.ledgers()
    assert kept.said() == whole.said()
    assert sorted(kept.windows()) == sorted(whole.windows())
