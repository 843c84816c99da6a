"""A live run is a recording that still grows: silence is heard, and no crash costs a call."""

from __future__ import annotations

import random
from itertools import repeat
from pathlib import Path
from typing import Any

import pytest

from optimizer.findings import Finding
from optimizer.settings import validate
from tests.dataflows.live_input import NOON_NS, Live, assert_every_call_once, write_history
from tests.dataflows.the_job import run, source_of
from tests.otlp_lines import MINUTE_NS, SECOND_NS, Lines


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
