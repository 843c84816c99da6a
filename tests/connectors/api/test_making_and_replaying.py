"""`import`, `simulate` and `replay`: what they make, what they refuse, and with which words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from connectors.recordings import RecordingReader, RecordingWriter
from optimizer.observe.columns import Record, RecordKind
from tests.command_line import ROOT
from tests.connectors.api.shell import Shell
from tests.otlp_lines import SECOND_NS, Lines

NOON_NS = 1_767_268_800 * SECOND_NS
WORLD = """\
start: 2026-03-02T06:00:00Z
length: 2m
routes:
  - route: acme/chat/support
    arms:
      - {model: gpt-4o, provider: openai, share: 1, latency_ms: {median: 900}}
    arrivals: {calls_per_minute: 30}
    tokens_in: {median: 100}
    tokens_out: {median: 100}
"""


@pytest.fixture
def world(shell: Shell) -> str:
    (shell.folder / "world.yaml").write_text(WORLD)
    return "world.yaml"


def test_bare_files_are_imported_and_replayed(shell: Shell) -> None:
    lines = Lines()
    with (shell.folder / "spans.jsonl").open("w") as file:
        file.writelines(lines.line(NOON_NS + at * SECOND_NS) for at in range(600))
        file.write("this line is none\n")
    done = shell("import", "spans.jsonl", "recording")
    assert (done.code, done.errors) == (0, "")
    assert done.output == (
        "recording: 601 records of 1 files, 1 without a time\n"
        "replay it: llm-optimizer replay recording\n"
    )
    replayed = shell("replay", "recording", "--windows", "5m", "--output", "json")
    assert replayed.code == 0
    assert "600 calls, " in replayed.errors
    assert "1 set aside: not_otlp" in replayed.errors
    windows = [json.loads(line) for line in replayed.output.splitlines()]
    assert {one["type"] for one in windows} == {"window"}
    assert max(one["calls"] for one in windows) == 300


@pytest.mark.parametrize(
    ("source", "destination", "told"),
    [
        ("nowhere.jsonl", "recording", "nowhere.jsonl: no such file or folder"),
        ("empty", "recording", "empty: no such file, or a folder without files"),
        ("words.txt", "recording", "words.txt: is no OTLP"),
        ("spans.jsonl", "taken", "taken: is not empty"),
        ("spans.jsonl", "words.txt", "words.txt: is a file: name another folder"),
        ("spans.jsonl", ".", ".: name a folder that is to be made"),
    ],
)
def test_what_cannot_be_imported_is_told(
    source: str, destination: str, told: str, shell: Shell
) -> None:
    (shell.folder / "empty").mkdir()
    (shell.folder / "taken" / "inside").mkdir(parents=True)
    (shell.folder / "words.txt").write_text("these are words")
    (shell.folder / "spans.jsonl").write_text(Lines().line(NOON_NS))
    before = sorted(shell.folder.rglob("*"))
    done = shell("import", source, destination)
    assert (done.code, done.output) == (1, "")
    assert told in done.errors
    assert sorted(shell.folder.rglob("*")) == before


def test_a_world_is_written_and_replayed_with_its_own_settings(shell: Shell, world: str) -> None:
    done = shell("simulate", world, "--out", "made")
    assert (done.code, done.errors) == (0, "")
    assert "from 2026-03-02 06:00 to 2026-03-02 06:02, 0 incidents planted (truth.json)" in (
        done.output
    )
    replayed = shell("replay", "made", "--windows", "1m")
    assert replayed.code == 0
    assert "window    acme/chat/support  1m" in replayed.output
    assert "unpriced" not in replayed.output
    assert "findings:  none\ndecisions: none\n" in replayed.errors


def test_all_faults_of_a_world_are_told_at_once_and_nothing_is_replaced(
    shell: Shell, world: str
) -> None:
    shell("simulate", world, "--out", "made")
    before = (shell.folder / "made" / "manifest.json").read_bytes()
    (shell.folder / world).write_text(
        WORLD.replace("2m", "5").replace("share: 1", "shore: 1") + "foo: 1\n"
    )
    done = shell("simulate", world, "--out", "made", "--force")
    assert (done.code, done.output) == (1, "")
    for told in ("length is 5: must be a duration", "foo is 1", "arms[0].shore is 1"):
        assert told in done.errors
    assert (shell.folder / "made" / "manifest.json").read_bytes() == before
    assert sorted(path.name for path in shell.folder.iterdir()) == ["made", world]


def test_only_recordings_are_replaced_and_only_when_asked(shell: Shell, world: str) -> None:
    (shell.folder / "precious").mkdir()
    (shell.folder / "precious" / "thesis.txt").write_text("years of work")
    (shell.folder / "file").write_text("")
    (shell.folder / "link").symlink_to("precious")
    for name, told in (
        ("precious", "precious: is no recording: --force replaces recordings only"),
        ("file", "file: is a file"),
        ("link", "link: is a link"),
        (".", "name a folder that is to be made"),
        ("precious/..", "name a folder that is to be made"),
    ):
        done = shell("simulate", world, "--out", name, "--force")
        assert (done.code, done.output) == (1, "")
        assert told in done.errors
    assert (shell.folder / "precious" / "thesis.txt").read_text() == "years of work"
    assert shell("simulate", world, "--out", "made").code == 0
    again = shell("simulate", world, "--out", "made")
    assert again.code == 1
    assert "made: is not empty: name another folder, or --force" in again.errors
    assert shell("simulate", world, "--out", "made", "--force").code == 0


def test_a_loop_is_played_told_kept_and_verified(shell: Shell, world: str) -> None:
    done = shell("simulate", world, "--loop", "--out", "made", "--verify", "--page", "page.html")
    assert done.code == 0
    assert "world: 2 min from 2026-03-02 06:00, seed 0" in done.output
    assert "outputs, the same byte for byte" in done.output
    assert "look at it:  made/loop.html\nlook at it:  page.html\nreplay it:" in done.output
    made = shell.folder / "made"
    (report,) = json.loads((made / "loop.json").read_bytes())
    assert report["routes"][0]["ways"][0]["name"] == "optimizer"
    assert (made / "loop.html").read_text() == (shell.folder / "page.html").read_text()
    assert (made / "said.jsonl").exists()
    assert shell("replay", "made", "--windows", "1m").code == 0


def test_a_loop_tells_programs_what_it_came_to_and_keeps_nothing(shell: Shell, world: str) -> None:
    done = shell("simulate", world, "--loop", "--output", "json", "--seeds", "2")
    assert (done.code, done.errors) == (0, "")
    assert [report["seed"] for report in json.loads(done.output)] == [0, 1]
    assert sorted(path.name for path in shell.folder.iterdir()) == [world]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "--out names no folder: a recording needs one; --loop does without"),
        (("--out", "x", "--verify"), "--verify is of a loop: add --loop, or leave it out"),
        (("--out", "x", "--seeds", "2"), "--seeds is of a loop: add --loop, or leave it out"),
        (("--out", "x", "--page", "p"), "--page is of a loop: add --loop, or leave it out"),
        (("--out", "x", "--output", "json"), "--output json tells what a loop came to"),
        (("--loop", "--verify"), "--verify needs --out: the folder that the recording is kept in"),
        (("--loop", "--page", "no/p.html"), "--page is no/p.html: there is no folder no"),
    ],
)
def test_options_that_would_change_nothing_or_fail_are_refused(
    arguments: tuple[str, ...], told: str, shell: Shell, world: str
) -> None:
    done = shell("simulate", world, *arguments)
    assert (done.code, done.output) == (2, "")
    assert told in done.errors
    assert sorted(path.name for path in shell.folder.iterdir()) == [world]


def test_a_world_that_is_not_there_is_told(shell: Shell) -> None:
    done = shell("simulate", "nowhere.yaml", "--out", "made")
    assert (done.code, done.output) == (1, "")
    assert "no such world file; `demo` and `closed-loop` name those that ship" in done.errors
    assert "cannot be read" in shell("simulate", ".", "--out", "made").errors


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        ("nowhere", 1, "nowhere/manifest.json: No such file or directory: name a folder with"),
        ("empty", 1, "empty/manifest.json: No such file or directory: name a folder with"),
        ("made --resume", 2, "--resume needs --out: the folder of the interrupted replay"),
        ("made --resume --out new", 1, "new: holds no replay to resume: start without --resume"),
        ("made --out full", 1, "full: is not empty: choose another --out, or --resume it"),
        ("made --resume --out full", 1, "full: holds no replay to resume"),
        ("made --out world.yaml", 1, "world.yaml: Not a directory: choose another --out"),
        ("made --out world.yaml/in", 1, "world.yaml/in: Not a directory: choose another --out"),
        ("made --out new --config nowhere.yaml", 2, "nowhere.yaml is not there"),
    ],
)
def test_a_replay_that_cannot_begin_says_why_and_leaves_nothing(
    arguments: str, code: int, told: str, shell: Shell, world: str
) -> None:
    shell("simulate", world, "--out", "made")
    (shell.folder / "empty").mkdir()
    (shell.folder / "full" / "inside").mkdir(parents=True)
    before = sorted(shell.folder.rglob("*"))
    done = shell("replay", *arguments.split())
    assert (done.code, done.output) == (code, "")
    assert told in done.errors
    assert done.errors.count("\n") == 1
    assert sorted(shell.folder.rglob("*")) == before


def test_a_damaged_recording_ends_a_replay_with_one_message(recording: Path, shell: Shell) -> None:
    """The damage lies in the middle, so it is met inside the engine."""
    made = shell.folder / "made"
    reader = RecordingReader(recording)
    with RecordingWriter(made, reader.manifest.partitions) as writer:
        for number, record in enumerate(reader):
            writer.append(record)
            if number % 500 == 0:
                writer.flush()
    shutil.copy(recording / "prices.yaml", made)
    path = made / "00000000.zst"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    done = shell("replay", made, "--out", "out")
    assert done.code == 1
    (message,) = done.errors.splitlines()
    assert message.startswith(f"llm-optimizer: {path}: at byte ")
    assert message.endswith("restore a copy of the file")


def test_a_recording_that_still_grows_is_replayed_as_far_as_it_goes(
    shell: Shell, world: str
) -> None:
    shell("simulate", world, "--out", "made")
    path = shell.folder / "made" / "00000000.zst"
    with RecordingWriter(shell.folder / "made", []) as writer:
        writer.append(Record("otlp_spans-0", 10**6, NOON_NS, RecordKind.HEARTBEAT, b"x" * 999))
    path.write_bytes(path.read_bytes()[:-5])
    done = shell("replay", "made", "--windows", "none")
    assert done.code == 0
    assert "the recording's last frame is torn: it was still being written" in done.errors


def test_prices_that_cannot_be_read_are_told_before_anything_runs(shell: Shell, world: str) -> None:
    shell("simulate", world, "--out", "made")
    (shell.folder / "made" / "prices.yaml").unlink()
    done = shell("replay", "made")
    assert done.code in {1, 2}
    assert done.output == ""
    assert "prices.yaml" in done.errors
    assert "Traceback" not in done.errors


def test_the_signal_of_imported_files_may_be_told(shell: Shell) -> None:
    sample = ROOT / "tests/samples/metrics/litellm_1.106.2.pb"
    shutil.copy(sample, shell.folder / "points.pb")
    taken_for_traces = shell("import", "points.pb", "spans")
    assert taken_for_traces.code == 0
    assert taken_for_traces.errors == (
        "1 without a time were read as traces: if they hold another signal, say so with --signal, "
        "or in the file's name, such as x.metrics.pb\n"
    )
    told = shell("import", "points.pb", "metrics", "--signal", "metrics")
    assert (told.code, told.errors) == (0, "")
    kinds = [
        {record.kind for record in RecordingReader(shell.folder / name)}
        for name in ("spans", "metrics")
    ]
    assert kinds == [{RecordKind.OTLP}, {RecordKind.METRICS}]
    assert (
        "invalid choice: 'fumes'" in shell("import", "points.pb", "x", "--signal", "fumes").errors
    )
