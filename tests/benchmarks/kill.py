"""Kill a replay with SIGKILL at random outputs, resume it, and compare every byte it decided.

Points are drawn over outputs written, not over time. Between kills the batch size changes too.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.logs.sqlite import SqliteLog
from connectors.publisher import DECISIONS, DOCUMENTS, FINDINGS, ROLLOUTS
from optimizer.errors import StorageFailed
from tests.benchmarks.figures import Figure

if TYPE_CHECKING:
    from collections.abc import Iterable

TOPICS = (FINDINGS, DECISIONS, DOCUMENTS, ROLLOUTS)
EPOCH_S = "0.05"


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:
    """Kill 50 times (5 when small); `data` is a recording to use instead of the demo's."""
    kills = 5 if small else 50
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as folder:
        recording = data or make_recording(Path(folder))
        whole = Path(folder) / "whole"
        replay(recording, whole, []).wait()
        expected = said(whole)
        total = sum(len(events) for events in expected.values())
        wrong, repeated, done, trial = 0, 0, 0, 0
        while done < kills:
            trial += 1
            out = Path(folder) / f"trial-{trial}"
            done += disturb(rng, recording, out, total, min(kills - done, rng.randint(1, 3)))
            wrong += said(out) != expected
            repeated += sum(written(out)) - total
    yield Figure("kill", done, "kills", f"{trial} replays of {total} outputs")
    yield Figure("kill_replays_that_differ", wrong, "replays", "0 is asked")
    yield Figure("kill_outputs_repeated", repeated, "outputs", "with equal bytes; ids tell them")


def make_recording(folder: Path) -> Path:
    """Write the demo's world."""
    recording = folder / "recording"
    command = [sys.executable, "-m", "dataflows.main", "simulate", "demo", "--out", recording]
    subprocess.run(command, check=True, capture_output=True)
    return recording


def disturb(rng: random.Random, recording: Path, out: Path, total: int, kills: int) -> int:
    """Replay with some kills, each at a random output; give how many there were."""
    points = sorted(rng.sample(range(total), min(kills, total)))
    done = 0
    for number, point in enumerate(points):
        process = replay(recording, out, ["--resume"] if number else [], rng.choice((1, 7, 64)))
        while process.poll() is None and sum(written(out)) <= point:
            time.sleep(0.002)
        time.sleep(rng.random() * 0.05)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            done += 1
        process.wait()
    resume = ["--resume"] if (out / "recovery").is_dir() else []
    code = replay(recording, out, resume, rng.choice((1, 7, 64))).wait()
    if code:
        raise RuntimeError(f"the resumed replay ended with {code}")
    return done


def replay(recording: Path, out: Path, more: list[str], batch: int = 16) -> subprocess.Popen[bytes]:
    """Start a replay that takes a snapshot often."""
    return subprocess.Popen(
        [sys.executable, "-m", "dataflows.main", "replay", recording, "--out", out,
         "--batch", str(batch), "--windows", "none", *more],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OPTIMIZER_RECOVERY__INTERVAL_SECS": EPOCH_S},
    )  # fmt: skip


def written(out: Path) -> list[int]:
    """How many outputs each topic holds by now."""
    if not (out / "optimizer.db").exists():
        return [0]
    try:
        with closing(SqliteLog(out / "optimizer.db", 30)) as log:
            return [log.end(topic) for topic in TOPICS]
    except StorageFailed:
        return [0]  # the replay is just making the file


def said(out: Path) -> dict[str, list[bytes]]:
    """Every event of a run in its order, repeated ids removed; a repeat must have equal bytes."""
    log = SqliteLog(out / "optimizer.db", 30)
    events: dict[str, list[bytes]] = {}
    for topic in TOPICS:
        seen: dict[str, bytes] = {}
        for entry in log.read(topic, 0, 1_000_000):
            name = json.loads(entry.value)["id"]
            if seen.setdefault(name, entry.value) != entry.value:
                seen[f"{name} differs"] = entry.value
        events[topic] = list(seen.values())
    log.close()
    return events
