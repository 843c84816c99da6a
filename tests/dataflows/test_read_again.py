"""What a live run set aside is read again once its cause is gone, and counted: with processes."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

from connectors.recordings import RecordingReader
from optimizer.observe.columns import Record, RecordKind
from optimizer.settings import validate
from tests.command_line import llm_optimizer, start
from tests.dataflows.the_job import run, source_of
from tests.otlp_lines import SECOND_NS, Lines


def test_a_call_from_the_future_counts_when_the_setting_is_mended(tmp_path: Path) -> None:
    variables = {
        "OPTIMIZER_INPUT__PATH": str(tmp_path / "spans.jsonl"),
        "OPTIMIZER_SERVICE__DATA_DIR": str(tmp_path / "data"),
        "OPTIMIZER_DATABASE__CONNECTION_STRING": f"sqlite://{tmp_path / 'optimizer.db'}",
    }
    mended = variables | {"OPTIMIZER_STREAM__MAX_SKEW_SECS": "3600"}
    line = Lines().line(time.time_ns() + 600 * SECOND_NS)  # noqa: TID251 - a real process
    (tmp_path / "spans.jsonl").write_text(line)
    first = start("run", **variables)
    heard = iter(first.stderr.readline, "")
    assert "reason=future_timestamp" in next(one for one in heard if "set_aside" in one)
    stop(first)
    listed = llm_optimizer("dead-letters", "list", **variables)
    assert "future_timestamp  input   1        0" in listed.stdout
    done = llm_optimizer("dead-letters", "replay", **mended)
    assert "1 dead letters appended to llm.optimizer.inputs" in done.stdout, done.stderr
    second = start("run", **mended)
    while len(calls(tmp_path)) < 2:
        time.sleep(0.05)
    stop(second)
    settings = validate({"stream": {"max_skew_secs": 3600}})
    inputs = tmp_path / "data" / "inputs"
    (live,) = (
        run(source_of(inputs), settings, recovery=tmp_path / "data" / "recovery").ledgers().values()
    )
    assert (live["spans"], live["future_timestamp"], live["counted"]) == (2, 1, 1)
    (replayed,) = run(source_of(inputs), settings).ledgers().values()
    assert (replayed["spans"], replayed["counted"], replayed["duplicate"]) == (2, 1, 1)


def stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors


def calls(folder: Path) -> list[Record]:
    reader = RecordingReader(folder / "data" / "inputs")
    return [record for record in reader if record.kind is RecordKind.OTLP]
