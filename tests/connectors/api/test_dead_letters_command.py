"""`dead-letters`: told by name, never by content; read again once the cause is gone."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import pytest

from connectors.configuration import load
from connectors.dead_letters import DeadLetterStore, Wanted
from connectors.inputs import INPUTS
from connectors.kafka.topics import telemetry
from connectors.logs.kafka import KafkaLog
from connectors.logs.sqlite import SqliteLog
from connectors.recordings import RecordingReader, RecordingWriter, messages
from connectors.stores.sqlite import SqliteStore
from optimizer.observe.columns import Record, RecordKind
from tests.brokers.broker import Broker
from tests.brokers.fixtures import brokers
from tests.command_line import ROOT
from tests.connectors.api.shell import Shell
from tests.otlp_lines import SECOND_NS, Lines

START_NS = 1_767_268_800 * SECOND_NS
GARBAGE = b"\x00what the user asked\xff"


@pytest.fixture
def replayed(shell: Shell) -> Path:
    """A replay of one call, one that ends two minutes after it arrived, and garbage."""
    lines = Lines()
    bodies = [
        lines.line(START_NS).encode(),
        lines.line(START_NS + 120 * SECOND_NS).encode(),
        GARBAGE,
        lines.line(START_NS + 150 * SECOND_NS).encode(),
    ]
    with RecordingWriter(shell.folder / "recording", ["spans/0"]) as writer:
        for offset, (body, second) in enumerate(zip(bodies, (0, 0, 10, 150), strict=True)):
            stamp_ns = START_NS + second * SECOND_NS
            writer.append(Record("spans/0", offset, stamp_ns, RecordKind.OTLP, body))
    assert shell("replay", "recording", "--out", "out").code == 0
    return shell.folder / "out" / "dead_letters.db"


def ledger(folder: Path, partition: str) -> dict[str, int]:
    store = SqliteStore(folder / "optimizer.db")
    row = store.get("ledgers", partition)
    store.close()
    assert row
    return json.loads(row.value)


def test_a_letter_is_listed_by_reason_and_source_and_then_by_itself(
    shell: Shell, replayed: Path
) -> None:
    done = shell("dead-letters", "list", "--db", replayed)
    assert (done.code, done.errors) == (0, "")
    totals, newest = done.output.split("\n\n")
    rows = {tuple(line.split()[:4]) for line in totals.splitlines()[1:]}
    assert rows == {("not_otlp", "spans", "1", "0"), ("future_timestamp", "spans", "1", "0")}
    assert [line.split()[3] for line in newest.splitlines()[1:]] == ["spans/0@2", "spans/0@1"]
    only = shell("dead-letters", "list", "--db", replayed, "--reason", "not_otlp", "--limit", "1")
    assert "spans/0@2" in only.output
    assert "future" not in only.output
    assert "--limit shows more" not in only.output
    newest = shell("dead-letters", "list", "--db", replayed, "--limit", "1")
    assert newest.output.splitlines()[-1] == "the newest 1 of 2: --limit shows more"
    none = shell("dead-letters", "list", "--db", replayed, "--source", "else")
    assert none.output == "no dead letters\n"
    assert stat.S_IMODE(replayed.stat().st_mode) == 0o600


def test_json_lines_tell_totals_and_letters(shell: Shell, replayed: Path) -> None:
    done = shell("dead-letters", "list", "--db", replayed, "--output", "json")
    found = [json.loads(line) for line in done.output.splitlines()]
    assert [each["type"] for each in found] == ["total", "total", "dead_letter", "dead_letter"]
    assert {each["letters"] for each in found[:2]} == {1}
    shown = shell("dead-letters", "show", found[3]["id"], "--db", replayed, "--output", "json")
    told = json.loads(shown.output)
    assert found[3].items() <= told.items()
    assert told["stamp"] == "2026-01-01 12:00:00+00:00"
    assert told["content"]["spans"] == 1
    assert "gen_ai.request.model" in told["content"]["attributes"]


def test_bytes_are_shown_only_when_they_are_asked_for_and_then_to_the_byte(
    shell: Shell, replayed: Path
) -> None:
    store = DeadLetterStore(replayed)
    future, garbage = store.find(Wanted())
    raw = {letter.id: store.body(letter.id) for letter in (future, garbage)}
    store.close()
    for letter, secrets in ((garbage, ["asked", "what"]), (future, ["gpt-4o", '"chat"', "900"])):
        masked = shell("dead-letters", "show", letter.id[:8], "--db", replayed)
        assert masked.code == 0
        assert not [word for word in secrets if word in masked.output]
        assert f"bytes: {letter.size}" in masked.output
        assert "may hold prompts" in masked.errors
    program = [sys.executable, "-m", "dataflows.main", "dead-letters", "show", garbage.id, "--raw"]
    done = subprocess.run(  # the shell reads text; these bytes are none
        [*program, "--db", str(replayed)], capture_output=True, check=True, cwd=ROOT
    )
    assert done.stdout == raw[garbage.id] == GARBAGE


def test_what_a_setting_had_refused_is_counted_once_the_setting_is_mended(
    shell: Shell, replayed: Path
) -> None:
    done = shell("dead-letters", "replay", "--db", replayed, "--out", "again")
    assert (done.code, done.errors) == (0, "")
    assert done.output == "2 dead letters written; llm-optimizer replay again\n"
    records = list(RecordingReader(shell.folder / "again"))
    assert [(each.partition, each.offset, each.stamp_ns, each.kind) for each in records] == [
        ("spans/0", 0, START_NS, RecordKind.OTLP),
        ("spans/0", 1, START_NS + 10 * SECOND_NS, RecordKind.OTLP),
    ]
    (shell.folder / "mended.yaml").write_text("stream: {max_skew_secs: 300}")
    assert shell("replay", "again", "--out", "as-before").code == 0
    assert "counted" not in ledger(shell.folder / "as-before", "spans/0")
    assert shell("replay", "again", "--out", "mended", "--config", "mended.yaml").code == 0
    account = ledger(shell.folder / "mended", "spans/0")
    assert (account["counted"], account["dead:not_otlp"]) == (1, 1)
    listed = shell("dead-letters", "list", "--db", replayed, "--output", "json").output
    assert {json.loads(line).get("replayed", 1) for line in listed.splitlines()} == {1}
    nothing = shell("dead-letters", "replay", "--db", replayed, "--out", "third")
    assert nothing.output == "no dead letters are waiting to be read again\n"
    assert not (shell.folder / "third").exists()


def test_a_score_without_a_scale_is_counted_once_its_scale_is_declared(shell: Shell) -> None:
    line = Lines().line(START_NS).encode()
    trace = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"]
    told = {"id": "1", "traceId": trace, "name": "faithfulness", "value": 7.5}
    with RecordingWriter(shell.folder / "in", ["feedback"]) as writer:
        writer.append(Record("feedback", 0, START_NS, RecordKind.OTLP, line))
        body = json.dumps(told).encode()
        writer.append(Record("feedback", 1, START_NS + SECOND_NS, RecordKind.EVENT, body))
    assert shell("replay", "in", "--out", "out").code == 0
    letters = "out/dead_letters.db"
    assert "unmapped_score" in shell("dead-letters", "list", "--db", letters).output
    assert shell("dead-letters", "replay", "--db", letters, "--out", "again").code == 0
    scale = "scores: [{name: faithfulness, min: 0, max: 10}]"
    (shell.folder / "mended.yaml").write_text(scale)
    assert shell("replay", "again", "--out", "mended", "--config", "mended.yaml").code == 0
    account = ledger(shell.folder / "mended", "feedback")
    assert account["judgements"] == 1
    assert "dead:unmapped_score" not in account


def test_letters_are_appended_for_the_live_run_under_their_own_source(
    shell: Shell, replayed: Path
) -> None:
    done = shell("dead-letters", "replay", "--db", replayed, "--reason", "not_otlp")
    assert done.code == 0
    assert "1 dead letters appended to llm.optimizer.inputs of sqlite://optimizer.db" in done.output
    assert "past counts as late there; --out counts it in a replay" in done.output
    log = SqliteLog(shell.folder / "optimizer.db")
    (entry,) = log.read(INPUTS)
    log.close()
    (record,) = messages.decode(entry.value, dict(enumerate(RecordKind)))
    assert (record.partition, record.kind, record.body) == (
        "spans/replayed", RecordKind.OTLP, GARBAGE,
    )  # fmt: skip
    again = shell("dead-letters", "replay", "--db", replayed, "--reason", "not_otlp")
    assert again.output.startswith("no dead letters are waiting")
    named = shell("dead-letters", "replay", record_id(replayed, "not_otlp"), "--db", replayed)
    assert named.output.startswith("1 dead letters appended")


def record_id(path: Path, reason: str) -> str:
    store = DeadLetterStore(path)
    (letter,) = store.find(Wanted(reason=reason))
    store.close()
    return letter.id


@pytest.mark.parametrize(
    ("options", "left"),
    [
        (["--reason", "not_otlp"], ["future_timestamp"]),
        (["--before", "2026-01-01T12:00:05"], ["not_otlp"]),
        (["--before", "2026-01-01T13:00:05+01:00"], ["not_otlp"]),
        (["--source", "else"], ["future_timestamp", "not_otlp"]),
        (["--all"], []),
    ],
)
def test_letters_are_purged_as_asked(
    options: list[str], left: list[str], shell: Shell, replayed: Path
) -> None:
    done = shell("dead-letters", "purge", "--db", replayed, *options)
    assert (done.code, done.output) == (0, f"{2 - len(left)} dead letters removed\n")
    store = DeadLetterStore(replayed)
    assert [letter.reason for letter in store.find(Wanted())] == left
    assert store.gone() == ({"purge": 2 - len(left)} if len(left) < 2 else {})
    store.close()


def test_purging_without_words_removes_what_is_older_than_the_settings_say(
    shell: Shell, replayed: Path
) -> None:
    (shell.folder / "long.yaml").write_text("dead_letters: {retention_days: 3650}")
    kept = shell("dead-letters", "purge", "--db", replayed, "--config", "long.yaml")
    assert kept.output == "0 dead letters removed\n"
    assert shell("dead-letters", "purge", "--db", replayed).output == "2 dead letters removed\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("list",), "data/dead_letters.db: no such file: --db names dead_letters.db of a run"),
        (("show", "zz", "--db", "{db}"), "no dead letter begins with 'zz'"),
        (("show", "", "--db", "{db}"), "several dead letters begin with ''"),
        (("replay", "zz", "--db", "{db}"), "no dead letter begins with 'zz'"),
        (("replay", "--db", "{db}", "--out", "recording"), "recording: is not empty: name another"),
        (("purge", "--db", "{db}", "--before", "soon"), "'soon': must be a date or an instant"),
        (("list", "--db", "recording/manifest.json"), "it is not an SQLite database"),
    ],
)
def test_what_cannot_be_done_is_told_with_the_way_out(
    arguments: tuple[str, ...], told: str, shell: Shell, replayed: Path
) -> None:
    done = shell("dead-letters", *(each.format(db=replayed) for each in arguments))
    assert done.code in {1, 2}
    assert told in done.errors
    assert done.output == ""


def test_a_log_in_memory_cannot_be_appended_to(shell: Shell, replayed: Path) -> None:
    (shell.folder / "c.yaml").write_text("database: {connection_string: 'memory://'}")
    done = shell("dead-letters", "replay", "--db", replayed, "--config", "c.yaml")
    assert done.code == 2
    assert "no live run shares" in done.errors
    assert shell("dead-letters", "replay", "--db", replayed).output.startswith("2 dead letters")


@pytest.mark.parametrize(
    ("kafka", "told"),
    [
        ("inputs_topics: []", "kafka.inputs_topics is []: no live run reads a topic of inputs"),
        ("start: earliest", "llm.optimizer.inputs is read under other settings than spans: --out"),
    ],
)
def test_no_letter_is_given_to_a_topic_that_is_read_as_somebody_elses(
    kafka: str, told: str, shell: Shell, replayed: Path
) -> None:
    sources = "sources: [{source: spans, tenant: rival}]"
    (shell.folder / "c.yaml").write_text(f"kafka: {{brokers: [h:9], {kafka}}}\n{sources}")
    done = shell("dead-letters", "replay", "--db", replayed, "--config", "c.yaml")
    assert done.code == 2
    assert told in done.errors
    assert shell("dead-letters", "replay", "--db", replayed).output.startswith("2 dead letters")


@brokers()
def test_a_live_run_on_kafka_reads_letters_of_its_own_topic(
    broker: Broker, shell: Shell, replayed: Path
) -> None:
    topic = f"t{uuid4().hex}.inputs"
    kafka = json.dumps({"brokers": [broker.address], "inputs_topics": [topic]})
    (shell.folder / "c.yaml").write_text(f"kafka: {kafka}")
    done = shell("dead-letters", "replay", "--db", replayed, "--config", "c.yaml")
    assert done.output.startswith(f"2 dead letters appended to {topic} of {broker.address}")
    settings = load(shell.folder / "c.yaml", {})
    with closing(KafkaLog(settings.kafka, [broker.address])) as log:
        values = [entry.value for entry in log.read(topic)]
    read = telemetry(settings)[topic]
    store = DeadLetterStore(replayed)
    kept = [(RecordKind.OTLP, body) for _, body in store.bodies(store.find(Wanted()))]
    store.close()
    assert [read(value, ()) for value in values] == kept
