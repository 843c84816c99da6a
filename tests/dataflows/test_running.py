"""`run` as a process: killed, drained, refused, out of space; and in real time."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from pathlib import Path
from threading import Timer

import pytest

from connectors.recordings import RecordingReader
from optimizer.observe.columns import RecordKind
from optimizer.settings import validate
from tests.command_line import llm_optimizer, start
from tests.dataflows.live_input import assert_every_call_once, write_history
from tests.dataflows.the_job import run, source_of
from tests.otlp_lines import MINUTE_NS, SECOND_NS, Lines


def variables(folder: Path) -> dict[str, str]:
    return {
        "OPTIMIZER_INPUT__PATH": str(folder / "followed"),
        "OPTIMIZER_SERVICE__DATA_DIR": str(folder / "data"),
        "OPTIMIZER_DATABASE__CONNECTION_STRING": f"sqlite://{folder}/optimizer.db",
        "OPTIMIZER_RECOVERY__INTERVAL_SECS": "0.05",
    }


@pytest.mark.slow
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
    _, errors = process.communicate(timeout=120)
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
    more, _ = process.communicate(timeout=120)
    finding = json.loads(heard)
    assert (finding["type"], finding["rule"]) == ("finding", "traffic_stop")
    assert 1.25 <= minutes < 2  # the first silent minute, 15 s of disorder, a heartbeat
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


def test_a_second_run_on_the_same_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "followed").mkdir()
    first = start("run", **variables(tmp_path))
    assert "job_started" in first.stderr.readline()
    second = llm_optimizer("run", **variables(tmp_path))
    assert (second.returncode, second.stdout) == (1, "")
    assert f"{tmp_path}/data/inputs: another writer has it open: stop that" in second.stderr
    assert "or name another folder (for a run: service.data_dir)" in second.stderr
    first.send_signal(signal.SIGINT)
    _, errors = first.communicate(timeout=120)
    assert first.returncode == 0
    assert "records, 0 calls" in errors


@pytest.mark.parametrize(
    ("variable", "value", "told"),
    [
        ("SERVICE__DATA_DIR", "{file}/data", "{file}/data/inputs: Not a directory: "),
        ("DATABASE__CONNECTION_STRING", "sqlite://{file}/x.db", "{file}/x.db: "),
        ("DATABASE__CONNECTION_STRING", "mysql://u:secret@h/d", "must be sqlite://PATH or memory"),
        ("DATABASE__CONNECTION_STRING", "postgres://u:secret@h/d", "not available yet"),
    ],
)
def test_a_run_that_has_nowhere_to_write_says_so(
    variable: str, value: str, told: str, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    given = variables(tmp_path) | {f"OPTIMIZER_{variable}": value.format(file=file)}
    done = llm_optimizer("run", **given)
    assert done.returncode in {1, 2}
    assert told.format(file=file) in done.stderr
    assert "secret" not in done.stderr
    assert "Traceback" not in done.stderr


def test_an_input_that_is_not_there_yet_is_told(tmp_path: Path) -> None:
    process = start("run", **variables(tmp_path))
    assert "warn  input_missing" in process.stderr.readline()
    assert "job_started" in process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 0


@pytest.mark.slow
def test_a_full_disk_ends_a_run_with_one_message_and_the_next_run_goes_on(tmp_path: Path) -> None:
    lines = Lines()
    write_history(tmp_path / "data" / "inputs", time.time_ns(), lines)  # noqa: TID251
    (tmp_path / "followed").mkdir()
    full = llm_optimizer("run", most_kb=90, **variables(tmp_path))
    assert full.returncode == 1
    told = [line for line in full.stderr.splitlines() if "llm-optimizer:" in line]
    assert len(told) == 1
    assert "space" in told[0]
    assert "Traceback" not in full.stderr
    assert "panicked" not in full.stderr
    (tmp_path / "followed" / "spans.jsonl").write_text(lines.line(time.time_ns()))  # noqa: TID251
    process = start("run", **variables(tmp_path))
    wait_until_read(tmp_path)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    assert process.returncode == 0
    (account,) = run(source_of(tmp_path / "data" / "inputs"), validate({})).ledgers().values()
    assert_every_call_once(account, lines.calls)


def test_a_run_that_may_do_less_alone_than_was_asked_says_so(tmp_path: Path) -> None:
    process = start("run", OPTIMIZER_AUTONOMY="auto", **variables(tmp_path))
    giving_up = Timer(30, process.kill)
    giving_up.start()
    lines = [process.stderr.readline() for _ in range(3)]
    giving_up.cancel()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=120)
    (told,) = (line for line in lines if "autonomy_capped" in line)
    assert "asked=auto allowed=guard" in told
    assert "stamps.unsigned_autonomy" in told


@pytest.mark.slow
def test_an_order_from_another_process_takes_effect_in_real_time(tmp_path: Path) -> None:
    (tmp_path / "followed").mkdir()
    quick = {"OPTIMIZER_STREAM__ALLOWED_DISORDER_SECS": "1"}
    given = variables(tmp_path) | quick
    process = start("run", "--output", "json", "--windows", "none", **given)
    giving_up = Timer(200, process.kill)
    giving_up.start()
    assert "job_started" in process.stderr.readline()
    route = "default/chat/default"
    pause = ("orders", "pause", route, "--author", "ada", "--wait", 90)
    done = llm_optimizer(*pause, **given)
    wrong = llm_optimizer("orders", "approve", "0" * 8, **given)
    giving_up.cancel()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=120)
    assert done.returncode == 0, done.stderr
    assert f"FINDING   {route}  info: An order to pause was carried out" in done.stdout
    assert wrong.returncode == 1
    (said,) = map(json.loads, output.splitlines())
    assert (said["rule"], said["route"], said["detail"]) == ("order_obeyed", route, "Given by ada")
    shown = ("--output", "json", "--windows", "none")
    replayed = llm_optimizer("replay", tmp_path / "data" / "inputs", *shown, "--verify", **given)
    assert replayed.stdout == output
    assert "verified:  1 outputs, the same byte for byte\n" in replayed.stderr
    assert "not as when it was recorded" not in replayed.stderr
