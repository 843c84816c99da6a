"""What a live run follows, and what must have become of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bytewax.inputs import AbortExecution

from connectors.following import PARTITION, Follower
from connectors.intake import Intake
from connectors.recordings import RecordingReader, RecordingWriter
from dataflows.ingest import RecordingSource
from optimizer.observe.columns import Record, RecordKind
from tests.dataflows.the_job import Kept, run, source_of
from tests.otlp_lines import MINUTE_NS, SECOND_NS, Lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from connectors.inputs import LogInput
    from optimizer.settings import Settings

NOON_NS = 1_767_268_800 * SECOND_NS  # 2026-01-01 12:00 UTC
HISTORY_MINUTES = 35  # what the traffic rule needs to know a route


class Live(Kept):
    """A live run on a folder, its clock set by hand: five seconds each time it has caught up."""

    def __init__(
        self,
        folder: Path,
        settings: Settings,
        now_ns: int = NOON_NS,
        commands: Callable[[], LogInput] | None = None,
    ) -> None:
        super().__init__()
        self.folder, self.settings, self.now_ns = folder, settings, now_ns
        self.commands = commands
        self.inputs, self.recovery = folder / "inputs", folder / "recovery"
        self.followed = folder / "followed"
        self.followed.mkdir()
        self.seen: list[tuple[int, Any]] = []

    def see(self, output: Any) -> None:
        super().see(output)
        self.seen.append((self.now_ns, output))

    def go(self, steps: Iterator[str], *, crash: bool = False) -> None:
        """Let each step's lines come and five seconds pass; then drain, or crash."""
        over = False

        def more() -> None:
            nonlocal over
            lines = next(steps, None)
            if lines is None:
                over = True
                return
            self.now_ns += 5 * SECOND_NS
            with (self.followed / "spans.jsonl").open("a") as file:
                file.write(lines)
            follower.poll()

        def stop() -> bool:
            if over and crash:
                raise AbortExecution  # as if killed: no drain, no snapshot
            return over

        with RecordingWriter(self.inputs, [PARTITION]) as writer:
            reader = RecordingReader(self.inputs)
            follower = Follower(
                self.followed,
                self.folder / "positions.json",
                Intake(writer, lambda: self.now_ns, reader.next_offsets()),
                log=self.commands() if self.commands else None,
            )
            source = RecordingSource(reader, [PARTITION], more=more, stop=stop)
            run(source, self.settings, self, self.recovery)

    def finished(self) -> Kept:
        """Take its state to the explicit end of its own log, as a replay ends."""
        return run(source_of(self.inputs), self.settings, self, self.recovery)


def write_history(folder: Path, until_ns: int, lines: Lines) -> None:
    """Write what a live run would have recorded of steady traffic: a call a second."""
    with RecordingWriter(folder, [PARTITION]) as writer:
        offset = 0
        for stamp_ns in range(until_ns - HISTORY_MINUTES * MINUTE_NS, until_ns, 5 * SECOND_NS):
            line = lines.line(stamp_ns - SECOND_NS, calls=5).encode()
            for kind, body in ((RecordKind.OTLP, line), (RecordKind.HEARTBEAT, b"")):
                writer.append(Record(PARTITION, offset, stamp_ns, kind, body))
                offset += 1


def assert_every_call_once(account: Mapping[str, int], calls: int) -> None:
    """Find in a partition's ledger that no call was lost, set aside or counted twice."""
    assert account["counted"] + account.get("corrected", 0) == calls
    assert account["spans"] == calls + account.get("duplicate", 0)
    assert not [name for name in account if name.startswith(("dead", "late", "future"))]
