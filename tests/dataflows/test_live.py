"""A live run is a recording that still grows: silence is heard, and no crash costs a call."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest
from bytewax.inputs import AbortExecution

from connectors.following import PARTITION, Follower
from connectors.recordings import RecordingReader, RecordingWriter
from dataflows.ingest import RecordingSource
from optimizer.findings import Finding
from optimizer.settings import Settings, validate
from tests.dataflows.live_input import assert_every_call_once, write_history
from tests.dataflows.the_job import Kept, run, source_of
from tests.otlp_lines import MINUTE_NS, SECOND_NS, Lines

NOON_NS = 1_767_268_800 * SECOND_NS  # 2026-01-01 12:00 UTC


class Live(Kept):
    """A live run on a folder, its clock set by hand: five seconds each time it has caught up."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        super().__init__()
        self.folder, self.settings, self.now_ns = folder, settings, NOON_NS
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
                writer,
                lambda: self.now_ns,
                reader.next_offsets(),
            )
            source = RecordingSource(reader, [PARTITION], more=more, stop=stop)
            run(source, self.settings, self, self.recovery)

    def finished(self) -> Kept:
        """Take its state to the explicit end of its own log, as a replay ends."""
        return run(source_of(self.inputs), self.settings, self, self.recovery)


def test_traffic_that_ends_is_heard_within_a_window_and_replayed_to_the_byte(
    tmp_path: Path,
) -> None:
    live, lines = Live(tmp_path, validate({})), Lines()
    write_history(live.inputs, NOON_NS, lines)
    talking = (lines.line(NOON_NS + at * SECOND_NS, calls=5) for at in range(4, 60, 5))
    live.go(talking)
    live.go(repeat("", 8))  # it was drained and started again
    live.go(repeat("", 8))
    stops = [(at, one) for at, one in live.seen if _is_stop(one)]
    assert [one.route for _, one in stops] == ["default/chat/default"]
    heard_ns = stops[0][0] - (NOON_NS + MINUTE_NS)  # the last call ended a second before
    assert heard_ns <= MINUTE_NS + live.settings.stream.allowed_disorder_secs * SECOND_NS
    assert heard_ns > MINUTE_NS
    replayed = run(source_of(live.inputs), live.settings)
    assert replayed.said() == live.said()
    assert replayed.written() == live.written()
    assert replayed.windows()[: len(live.windows())] == live.windows()


def _is_stop(output: Any) -> bool:
    return isinstance(output, Finding) and output.rule == "traffic_stop"


@pytest.mark.parametrize("seed", range(2))
def test_crashes_and_drains_of_a_live_run_neither_lose_nor_repeat_a_call(
    seed: int, tmp_path: Path
) -> None:
    rng = random.Random(seed)
    live, lines = Live(tmp_path, validate({"recovery": {"interval_secs": 0.05}})), Lines()
    positions = tmp_path / "positions.json"
    is_read_again = False
    for number in range(6):
        some = [""] * rng.randint(1, 6)
        for at in range(len(some)):
            ends = (live.now_ns + (5 * at - rng.randrange(9)) * SECOND_NS for _ in range(3))
            some[at] = "".join(lines.line(end_ns) for end_ns in ends)
        before = positions.read_bytes() if positions.exists() else None
        live.go(iter(some), crash=number % 3 < 2)
        if before and number < 5 and rng.random() < 0.5:  # killed before it noted what it read
            positions.write_bytes(before)
            is_read_again = True
    replayed = run(source_of(live.inputs), live.settings)
    finished = live.finished()
    assert finished.said() == replayed.said()
    assert finished.windows() == replayed.windows()
    (account,) = replayed.ledgers().values()
    assert finished.ledgers() == replayed.ledgers()
    assert_every_call_once(account, lines.calls)
    assert bool(account.get("duplicate")) == is_read_again
