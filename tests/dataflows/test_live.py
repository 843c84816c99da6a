"""A live run is a recording that still grows: silence is heard, and no crash costs a call."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from collections.abc import Iterator
from itertools import chain, repeat
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from bytewax.inputs import AbortExecution

from connectors.following import PARTITION, Follower
from connectors.recordings import RecordingReader, RecordingWriter
from dataflows.ingest import RecordingSource
from optimizer.findings import Finding
from optimizer.observe.columns import Record, RecordKind
from optimizer.settings import Settings, validate
from tests.command_line import llm_optimizer, start
from tests.dataflows.the_job import Kept, run, source_of
from tests.otlp_lines import SECOND_NS, Lines

NOON_NS = 1_767_268_800 * SECOND_NS  # 2026-01-01 12:00 UTC
MINUTE_NS = 60 * SECOND_NS
HISTORY_MINUTES = 35  # what the traffic rule needs to know a route


def write_history(folder: Path, until_ns: int, lines: Lines) -> None:
    """Write what a live run would have recorded of steady traffic: a call a second."""
    with RecordingWriter(folder, [PARTITION]) as writer:
        offset = 0
        for stamp_ns in range(until_ns - HISTORY_MINUTES * MINUTE_NS, until_ns, 5 * SECOND_NS):
            line = lines.line(stamp_ns - SECOND_NS, calls=5).encode()
            for kind, body in ((RecordKind.OTLP, line), (RecordKind.HEARTBEAT, b"")):
                writer.append(Record(PARTITION, offset, stamp_ns, kind, body))
                offset += 1


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
                reader.next_offsets()[PARTITION],
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
    live.go(chain(talking, repeat("", 16)))
    stops = [(at, one) for at, one in live.seen if _is_stop(one)]
    assert [one.route for _, one in stops] == ["default/chat/default"]
    heard_ns = stops[0][0] - (NOON_NS + MINUTE_NS)  # the last call ended a second before
    assert heard_ns <= MINUTE_NS + live.settings.stream.allowed_disorder_secs * SECOND_NS
    assert heard_ns > MINUTE_NS
    replayed = run(source_of(live.inputs), live.settings)
    assert replayed.said() == live.said()
    assert replayed.windows()[: len(live.windows())] == live.windows()


def _is_stop(output: Any) -> bool:
    return isinstance(output, Finding) and output.rule == "traffic_stop"


@pytest.mark.parametrize("seed", range(4))
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


def assert_every_call_once(account: Any, calls: int) -> None:
    assert account["counted"] + account.get("corrected", 0) == calls
    assert account["spans"] == calls + account.get("duplicate", 0)
    assert not [name for name in account if name.startswith(("dead", "late", "future"))]


def variables(folder: Path, **more: str) -> dict[str, str]:
    return {
        "OPTIMIZER_INPUT__PATH": str(folder / "followed"),
        "OPTIMIZER_SERVICE__DATA_DIR": str(folder / "data"),
        "OPTIMIZER_DATABASE__CONNECTION_STRING": f"sqlite://{folder}/optimizer.db",
        "OPTIMIZER_RECOVERY__INTERVAL_SECS": "0.05",
        **more,
    }


def test_kill_9_while_lines_come_neither_loses_nor_repeats_a_call(tmp_path: Path) -> None:
    rng, lines = random.Random(1), Lines()
    followed = tmp_path / "followed" / "spans.jsonl"
    followed.parent.mkdir()
    for number in range(5):
        process = start("run", **variables(tmp_path))
        assert "job_started" in process.stderr.readline()
        until = time.monotonic() + 0.3 + rng.random()  # noqa: TID251 - a real process, in real time
        while time.monotonic() < until:  # noqa: TID251
            with followed.open("a") as file:
                file.write(lines.line(time.time_ns() - SECOND_NS))  # noqa: TID251
            time.sleep(0.005)
        if number < 4:
            process.kill()
            process.communicate()
    wait_until_read(tmp_path)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "job_stopped" in errors
    settings = validate({})
    replayed = run(source_of(tmp_path / "data" / "inputs"), settings)
    (account,) = replayed.ledgers().values()
    assert_every_call_once(account, lines.calls)
    state = tmp_path / "state"
    shutil.copytree(tmp_path / "data" / "recovery", state)
    resumed = run(source_of(tmp_path / "data" / "inputs"), settings, recovery=state)
    assert resumed.ledgers() == replayed.ledgers()
    assert resumed.windows() == replayed.windows()[-len(resumed.windows()) :]


@pytest.mark.slow
def test_the_program_hears_silence_in_real_time(tmp_path: Path) -> None:
    lines = Lines()
    (tmp_path / "followed").mkdir()
    write_history(tmp_path / "data" / "inputs", time.time_ns(), lines)  # noqa: TID251
    process = start("run", "--output", "json", "--windows", "none", **variables(tmp_path))
    giving_up = Timer(170, process.kill)
    giving_up.start()
    for _ in range(5):
        last_ns = time.time_ns()  # noqa: TID251
        with (tmp_path / "followed" / "spans.jsonl").open("a") as file:
            file.write(lines.line(last_ns))
        time.sleep(1)
    heard = process.stdout.readline()
    minutes = (time.time_ns() / MINUTE_NS) - (last_ns // MINUTE_NS + 1)  # noqa: TID251
    giving_up.cancel()
    process.send_signal(signal.SIGTERM)
    more, _ = process.communicate(timeout=20)
    finding = json.loads(heard)
    assert (finding["type"], finding["rule"]) == ("finding", "traffic_stop")
    assert 1.25 <= minutes < 1.35  # the first silent minute, 15 s of disorder, a heartbeat
    replayed = llm_optimizer(
        "replay", tmp_path / "data" / "inputs", "--output", "json", "--windows", "none"
    )
    assert replayed.stdout == heard + more


def wait_until_read(folder: Path) -> None:
    """Wait until a run has read all that stands in what it follows, and a little longer."""
    reader = RecordingReader(folder / "data" / "inputs")
    followed = (folder / "followed" / "spans.jsonl").read_bytes().splitlines()
    bodies: set[bytes] = set()
    while not bodies.issuperset(followed):
        bodies = {record.body for record in reader if record.kind is RecordKind.OTLP}
        time.sleep(0.1)
