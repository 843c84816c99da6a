"""The program stopped from outside, politely or not: nothing is lost, no byte is changed."""

from __future__ import annotations

import random
import shutil
import signal
import time
from pathlib import Path

import pytest

from connectors.recordings import RecordingWriter
from optimizer.observe.columns import Record, RecordKind
from tests.benchmarks.kill import disturb, said, written
from tests.command_line import llm_optimizer, start


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_kill_9_at_any_output_changes_no_byte(
    seed: int, recording: Path, replayed: Path, tmp_path: Path
) -> None:
    expected = said(replayed)
    total = sum(map(len, expected.values()))
    kills = disturb(random.Random(seed), recording, tmp_path / "out", total, 4)
    assert kills >= 2
    assert said(tmp_path / "out") == expected


def test_sigterm_drains_a_replay_which_then_goes_on_without_a_repeat(
    recording: Path, replayed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    paced = start(
        "replay", recording, "--out", out, "--speed", "4000", OPTIMIZER_RECOVERY__INTERVAL_SECS="60"
    )
    first = paced.stdout.readline()
    paced.send_signal(signal.SIGTERM)
    rest, errors = paced.communicate(timeout=120)
    assert paced.returncode == 130
    assert "FINDING" in first + rest
    assert f"stopped before the end; --out {out} --resume goes on from here" in errors
    before = sum(written(out))
    assert 0 < before < sum(written(replayed))
    done = llm_optimizer("replay", recording, "--out", out, "--resume")
    assert done.returncode == 0, done.stderr
    assert said(out) == said(replayed)
    assert sum(written(out)) == sum(written(replayed))


def test_a_replay_that_was_finished_says_nothing_when_it_is_resumed(
    recording: Path, replayed: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(replayed, tmp_path / "out")
    done = llm_optimizer("replay", recording, "--out", out, "--resume")
    assert (done.returncode, done.stdout) == (0, "")
    assert written(out) == written(replayed)


@pytest.mark.slow
def test_a_replay_killed_as_it_begins_can_be_started_again_or_resumed(
    recording: Path, replayed: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    for name in (".", ".recovery/part-0.sqlite3", "recovery", "optimizer.db", "dead_letters.db"):
        process = start("replay", recording, "--out", out, *resume(out))
        while process.poll() is None and not (out / name).exists():
            time.sleep(0.0005)
        process.kill()
        assert "llm-optimizer:" not in process.communicate()[1]
    done = llm_optimizer("replay", recording, "--out", out, *resume(out))
    assert done.returncode == 0, done.stderr
    assert said(out) == said(replayed)


def resume(out: Path) -> list[str]:
    return ["--resume"] if (out / "recovery").is_dir() else []


@pytest.mark.slow
def test_a_full_disk_ends_a_replay_with_one_message_and_costs_nothing(
    recording: Path, replayed: Path, tmp_path: Path
) -> None:
    """A limit on the size of files stands in for the disk: each store is refused in its turn."""
    out = tmp_path / "out"
    for limit_kb, interval_secs, refused in (
        (24, "0.05", "recovery"),  # as it is begun
        (60, "60", "optimizer.db"),
        (60, "0.05", "recovery"),
    ):
        done = llm_optimizer(
            "replay", recording, "--out", out, "--windows", "none", *resume(out),
            most_kb=limit_kb, OPTIMIZER_RECOVERY__INTERVAL_SECS=interval_secs,
        )  # fmt: skip
        assert done.returncode == 1
        (message,) = done.stderr.splitlines()
        assert message.startswith(f"llm-optimizer: {out / refused}: ")
        assert "disk" in message
        assert "space" in message
    done = llm_optimizer("replay", recording, "--out", out, "--resume")
    assert done.returncode == 0, done.stderr
    assert said(out) == said(replayed)


def test_shards_may_not_be_dealt_anew_in_the_middle(recording: Path, replayed: Path) -> None:
    done = llm_optimizer(
        "replay", recording, "--out", replayed, "--resume", OPTIMIZER_STREAM__SHARD_GROUPS="4"
    )
    assert done.returncode == 2
    assert "stream.shard_groups is 4: must stay 8" in done.stderr


def test_a_replay_goes_on_with_what_it_was_begun_with_and_with_nothing_else(
    recording: Path, replayed: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(replayed, tmp_path / "out")
    moved = shutil.copytree(recording, tmp_path / "moved")
    done = llm_optimizer(
        "replay", moved, "--out", out, "--resume", OPTIMIZER_RECOVERY__INTERVAL_SECS="1"
    )
    assert done.returncode == 0, done.stderr
    other = llm_optimizer(
        "replay", moved, "--out", out, "--resume", OPTIMIZER_STREAM__DEDUPE_SECS="99"
    )
    assert other.returncode == 2
    assert f"--resume: {out} was begun with other settings: name the same" in other.stderr
    with RecordingWriter(tmp_path / "else", ["p"]) as writer:
        writer.append(Record("p", 0, 1, RecordKind.HEARTBEAT, b""))
    config = recording / "config.yaml"
    other = llm_optimizer("replay", tmp_path / "else", "--out", out, "--resume", "--config", config)
    assert other.returncode == 2
    assert f"--resume: {out} was begun with other recording: name the same" in other.stderr


def test_dead_letters_that_find_no_room_end_a_replay_with_one_message(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(400_000)
    with RecordingWriter(tmp_path / "in", ["p"]) as writer:
        writer.append(Record("p", 0, 1, RecordKind.OTLP, noise))
    full = llm_optimizer("replay", tmp_path / "in", "--out", tmp_path / "out", most_kb=200)
    assert full.returncode == 1
    (message,) = full.stderr.splitlines()
    assert message.startswith(f"llm-optimizer: {tmp_path}/out/dead_letters.db: ")
    assert "space" in message
    done = llm_optimizer("replay", tmp_path / "in", "--out", tmp_path / "out", "--resume")
    assert done.returncode == 0, done.stderr
    listed = llm_optimizer("dead-letters", "list", "--db", tmp_path / "out" / "dead_letters.db")
    assert "not_otlp  p       1        0         400,000" in listed.stdout
