"""What goes where: results to standard output, how it goes to standard error, each fit for both."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.api.console import Console
from connectors.api.progress import Progress
from connectors.codecs import to_json
from connectors.logs.sqlite import SqliteLog
from connectors.publisher import DECISIONS, FINDINGS
from optimizer.findings import FindingStatus, Severity, remark
from optimizer.observe.observer import Ledger
from optimizer.panes import FINAL_NS
from optimizer.rollouts import Verdict, VerdictKind
from tests.builders import ROUTE, START, a_document, a_finding, a_progress, minutes_later
from tests.command_line import ENVIRONMENT, ROOT, llm_optimizer, start

PROGRAM = [sys.executable, "-m", "dataflows.main"]
CLEAR = "\r\x1b[2K"


def test_json_lines_are_those_of_the_log_and_nothing_else(recording: Path, replayed: Path) -> None:
    done = llm_optimizer("replay", recording, "--output", "json", "--windows", "15m")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert {one["type"] for one in said} == {"window", "finding", "decision"}
    assert {one["kind"] for one in said if one["type"] == "window"} == {"15m"}
    log = SqliteLog(replayed / "optimizer.db")
    for topic, kind in ((FINDINGS, "finding"), (DECISIONS, "decision")):
        logged = [json.loads(entry.value)["data"] for entry in log.read(topic)]
        assert [one for one in said if one["type"] == kind] == [
            {"type": kind, **data} for data in logged
        ]
    log.close()


def test_the_account_adds_up_and_stands_apart_from_the_results(recording: Path) -> None:
    done = llm_optimizer("replay", recording)
    words = Counter(line[18:28].split()[0] for line in done.stdout.splitlines())
    assert words.keys() == {"FINDING", "DECISION", "window"}
    # And no progress: it was quick.
    _, account, findings, decisions, *covered = done.stderr.splitlines()
    assert "\x1b" not in done.stdout + done.stderr
    assert re.fullmatch(
        r"[\d,]+ records, 7,417 calls, \d+ scores, \d+ windows in \d+\.\d s", account
    )
    opened = sum(int(part.split()[-1]) for part in findings.split(":")[1].split(","))
    log = [line for line in done.stdout.splitlines() if "FINDING" in line and "over:" not in line]
    assert 0 < opened <= len(log)
    assert decisions == "decisions: pending 1"
    assert all(re.fullmatch(r"scores:    \S+: cover \d+% of .*", line) for line in covered)
    assert len(covered) >= 1


@pytest.mark.parametrize(
    ("command", "lines"),
    [("replay {recording}", 1), ("config show", 1), ("config schema", 0), ("--help", 0)],
)
def test_a_reader_that_leaves_early_is_no_error(command: str, lines: int, recording: Path) -> None:
    process = start(*command.format(recording=recording).split())
    for _ in range(lines):
        assert process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 0
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


@pytest.mark.parametrize("command", ["replay {recording}", "config show", "--help"])
def test_output_that_cannot_be_written_is_told(command: str, recording: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*PROGRAM, *command.format(recording=recording).split()],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "llm-optimizer: the output: No space left on device\n"


def on_a_terminal(*arguments: object) -> tuple[str, str]:
    """Run a command whose standard error is a terminal; give its output and what that shows."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*PROGRAM, *map(str, arguments)],
        cwd=ROOT,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            shown += os.read(ours, 65_536)
        except OSError:  # the other end was closed
            break
    os.close(ours)
    output, _ = process.communicate()
    assert process.returncode == 0
    return output.decode(), shown.decode().replace("\r\n", "\n")


def test_on_a_terminal_progress_is_one_line_that_goes_away(recording: Path) -> None:
    output, shown = on_a_terminal("replay", recording, "--windows", "none")
    assert "\x1b" not in output
    moving, account = shown.rsplit(CLEAR, 1)
    assert len(re.findall(r"2026-03-02 0\d:\d\d  [\d,]+ records", moving)) >= 2
    assert all(part == "" or part.startswith("2026") for part in moving.split(CLEAR))
    assert "\n" not in moving  # it never scrolls
    assert account.startswith("\n")
    assert "decisions: pending 1\n" in account


class Terminal(io.StringIO):
    """What is written to a terminal, without one."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "written"),
    [
        pytest.param(io.StringIO, "13\n23\n33\nend\n", id="a plain line every ten seconds"),
        pytest.param(Terminal, None, id="a moving line five times a second"),
    ],
)
def test_progress_is_told_now_and_then(stream: type[io.StringIO], written: str | None) -> None:
    told, now = stream(), 3.0
    progress = Progress(told, lambda: now)
    for tenths in range(305):
        now = 3.0 + tenths / 10
        progress.tell(f"{now:g}")
    progress.clear()
    told.write("end\n")
    if written is None:
        lines = told.getvalue().split(CLEAR)
        assert 140 <= len(lines) <= 155
        assert (lines[0], lines[1], lines[-1]) == ("", "3", "end\n")
    else:
        assert told.getvalue() == written


@pytest.mark.slow
def test_an_error_takes_the_moving_line_away(recording: Path) -> None:
    ours, theirs = pty.openpty()
    with Path("/dev/full").open("w") as full:  # the first finding cannot be written
        process = subprocess.Popen(
            [*PROGRAM, "replay", str(recording), "--speed", "2000"],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdout=full,
            stderr=theirs,
        )
    os.close(theirs)
    process.wait(60)
    shown = os.read(ours, 65_536).decode()
    os.close(ours)
    assert process.returncode == 1
    assert shown.endswith(f"{CLEAR}llm-optimizer: the output: No space left on device\r\n")


def account_after(capsys: pytest.CaptureFixture[str], *outputs: object) -> list[str]:
    with Console("table", "none") as console:
        for output in outputs:
            console.watch(output)
    return capsys.readouterr().err.splitlines()[1:]


def test_an_account_of_a_run_says_since_when_and_until_when_it_counts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    minute = Ledger("input", 1_790_000_040_000_000_000, {"records": 4, "counted": 30})
    account, counted, *_ = account_after(capsys, minute)
    assert account.startswith("4 records, 30 calls in ")
    assert counted == (
        "counted:   records to scores since the first start, as of 2026-09-21 14:14; "
        "what came later follows, the rest is this run's"
    )
    assert account_after(capsys)[1] == "counted:   nothing yet: no minute has passed"
    whole = minute._replace(watermark_ns=FINAL_NS)
    assert not any(line.startswith("counted") for line in account_after(capsys, whole))


def test_an_account_counts_a_finding_once_also_one_noticed_later_than_it_began(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told_late = a_finding(rule="external_latency", seen=START + timedelta(minutes=1))
    worse = replace(told_late, seen=START + timedelta(minutes=2), severity=Severity.CRITICAL)
    over = replace(worse, status=FindingStatus.CLOSED, until=worse.seen)
    *_, findings, _ = account_after(capsys, told_late, worse, over)
    assert findings == "findings:  external_latency 1"


def test_an_account_tells_what_became_of_calls_and_scores_that_do_not_count(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counts = {"records": 9, "shadowed": 13, "duplicate": 5, "late": 2, "unsigned": 1}
    scores = Ledger("attribution", FINAL_NS, {"scores": 4, "repeated_scores": 1})
    account, *_ = account_after(capsys, Ledger("input", FINAL_NS, counts), scores)
    assert account.startswith(
        "9 records, 0 calls, 4 scores, 5 duplicate, 1 repeated scores, 13 shadowed, 2 late, "
        "1 unsigned stamps in "
    )


@pytest.mark.parametrize(
    ("counts", "times"),
    [
        pytest.param([("a", 0), ("a", 3), ("a", 3)], 1, id="they come"),
        pytest.param([("a", 9), ("b", 0), ("b", 1)], 1, id="in one partition"),
        pytest.param([("a", 9), ("a", 9), ("b", 9)], 0, id="an earlier run counted them"),
    ],
)
def test_it_is_said_once_where_the_signatures_of_stamps_do_not_fit(
    counts: list[tuple[str, int]], times: int, capsys: pytest.CaptureFixture[str]
) -> None:
    ledgers = [Ledger(partition, 0, {"badly_signed": count}) for partition, count in counts]
    said = [line for line in account_after(capsys, *ledgers) if "warning" in line]
    assert len(said) == times
    assert all("must sign with stamps.key (OPTIMIZER_STAMPS__KEY)" in line for line in said)


def test_a_run_prints_documents_and_what_changes_in_rollouts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    needed = Verdict(
        kind=VerdictKind.NEED_DATA,
        reason="metrics_open",
        metric="cost",
        detail="7 of 60 slots",
        calls_needed=1400,
        until=minutes_later(90),
    )
    with Console("table", "none") as console:
        console.watch(a_document())
        console.watch(a_progress())
        console.watch(a_progress(at=minutes_later(1), candidate_calls=99))
        console.watch(a_progress(at=minutes_later(2), paused=True, verdict=needed))
    candidate, incumbent = (arm.id for arm in a_document().arms)
    step = f"ROLLOUT   {ROUTE}  {candidate} at 5.0% (step 1"
    missing = "7 of 60 slots, about 1,400 more calls, until 2025-03-03 13:30"
    document, first, changed = capsys.readouterr().out.splitlines()
    shares = f"5.0% {candidate}, 95.0% {incumbent}; leased (step 1)"
    assert document == f"2025-03-03 12:00  DOCUMENT  {ROUTE}  revision 3: {shares}"
    looked = "15 calls against 285: need data (metrics open cost)"
    assert first == f"2025-03-03 12:00  {step}), {looked}"
    assert changed == f"2025-03-03 12:02  {step}, paused), {looked}, {missing}"


def test_a_run_prints_more_of_a_remark_than_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    finding = a_finding()
    over = replace(finding, status=FindingStatus.CLOSED, until=minutes_later(5))
    with Console("table", "none") as console:
        console.watch(remark((ROUTE, "", "rollout_waits"), START, "It cannot start", "No scores."))
        console.watch(remark((ROUTE, "", "rollout_waits"), START, "It cannot start", ""))
        console.watch(finding)
        console.watch(over)
    said = [line.split(f"{ROUTE}  ")[1] for line in capsys.readouterr().out.splitlines()]
    assert said == [
        "info: It cannot start. No scores.",
        "info: It cannot start",
        f"critical: {finding.title}",
        f"over: {finding.title}",
    ]


def test_a_run_prints_documents_and_rollouts_as_json_too(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Console("json", "none") as console:
        console.watch(a_document())
        console.watch(a_progress())
    document, rollout = map(json.loads, capsys.readouterr().out.splitlines())
    assert (document.pop("type"), rollout.pop("type")) == ("document", "rollout")
    assert document == json.loads(to_json(a_document()))
    assert rollout == json.loads(to_json(a_progress()))
