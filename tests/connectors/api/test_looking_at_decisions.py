"""`decisions`: what was decided is found again, by person and by program; what is not is told."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from connectors.api import rendering
from connectors.codecs import to_json
from connectors.stores.sqlite import SqliteStore
from optimizer.decisions import DecisionStatus
from optimizer.ports import Row
from tests.builders import a_decision
from tests.connectors.api.shell import Shell


@pytest.fixture
def database(replayed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(replayed / "optimizer.db", tmp_path))


def test_the_list_is_a_table_with_a_line_for_each(shell: Shell, database: Path) -> None:
    done = shell("decisions", "list", "--db", database)
    assert (done.code, done.errors) == (0, "")
    head, line = done.output.splitlines()
    assert head.split()[0] == "id"
    assert "acme/chat/support" in line
    assert "latency_threshold" in line
    assert line.index("acme") == head.index("route")


def test_json_lines_have_a_type_and_all_of_a_decision(shell: Shell, database: Path) -> None:
    listed = json.loads(shell("decisions", "list", "--db", database, "--output", "json").output)
    shown = shell("decisions", "show", listed["id"][:8], "--db", database, "--output", "json")
    tailed = shell("decisions", "tail", "--no-follow", "--db", database, "--output", "json")
    assert listed == json.loads(shown.output) == json.loads(tailed.output)
    assert listed["type"] == "decision"
    assert listed["expected_impact"]
    assert listed["changes"][0]["parameter"] == "model"


def test_one_decision_is_shown_whole(shell: Shell, database: Path) -> None:
    listed = json.loads(shell("decisions", "list", "--db", database, "--output", "json").output)
    done = shell("decisions", "show", listed["id"], "--db", database)
    assert (done.code, done.errors) == (0, "")
    told = {line.split(":")[0].strip(" -") for line in done.output.splitlines()}
    assert set(listed) - {"type"} <= told


def test_the_tail_says_what_the_replay_said(shell: Shell, database: Path) -> None:
    done = shell("decisions", "tail", "--no-follow", "--db", database)
    assert (done.code, done.errors) == (0, "")
    (line,) = done.output.splitlines()
    listed = json.loads(shell("decisions", "list", "--db", database, "--output", "json").output)
    assert f"DECISION  acme/chat/support  {listed['id'][:8]} pending (recommended)" in line
    assert listed["rationale"] in line


def test_why_a_decision_was_made_is_said_once() -> None:
    line = rendering.as_line(a_decision(status=DecisionStatus.COMPLETED, reason="kept"))
    assert "completed (kept)" in line
    assert a_decision().rationale not in line


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ("--route acme/chat/support", 1),
        ("--route acme/chat", 1),
        ("--route acme", 1),
        ("--route acme/chat/sup", 0),
        ("--route acme/tickets/classify", 0),
        ("--status pending", 1),
        ("--status completed", 0),
    ],
)
def test_the_list_is_narrowed(options: str, count: int, shell: Shell, database: Path) -> None:
    done = shell("decisions", "list", "--db", database, *options.split())
    assert done.code == 0
    assert done.output.count("acme/chat/support") == count
    assert ("no decisions" in done.output) == (not count)


def test_a_status_nobody_has_is_told(shell: Shell, database: Path) -> None:
    done = shell("decisions", "list", "--status", "done", "--db", database)
    assert (done.code, done.output) == (2, "")
    assert "--status is 'done': must be one of pending, " in done.errors


def test_an_id_must_name_one_decision(shell: Shell, tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "two.db")
    for number in (1, 2):
        decision = a_decision(id=f"abc{number}")
        store.put("decisions", [Row(decision.id, "2026", to_json(decision))])
    store.close()
    unknown = shell("decisions", "show", "zzz", "--db", "two.db")
    several = shell("decisions", "show", "abc", "--db", "two.db")
    assert (unknown.code, unknown.output, several.code, several.output) == (1, "", 1, "")
    assert "no decision begins with 'zzz': see `llm-optimizer decisions list`" in unknown.errors
    assert "several decisions begin with 'abc': give more of the id" in several.errors
    assert shell("decisions", "show", "abc2", "--db", "two.db").code == 0


@pytest.mark.parametrize("action", ["list", "show abc", "tail --no-follow"])
def test_a_database_that_is_not_there_is_told_and_not_made(action: str, shell: Shell) -> None:
    for options in ((), ("--db", "nowhere.db"), ("--db", ".")):
        done = shell("decisions", *action.split(), *options)
        assert (done.code, done.output) == (1, "")
        name = Path(options[1] if options else "optimizer.db").absolute()
        assert f"{name}: no such database: --db names optimizer.db of a run" in done.errors
    assert list(shell.folder.iterdir()) == []


@pytest.mark.parametrize("action", ["list", "show abc", "tail --no-follow"])
def test_other_files_and_newer_databases_are_refused(action: str, shell: Shell) -> None:
    (shell.folder / "text").write_text("these are some words and not a database\n" * 20)
    with sqlite3.connect(shell.folder / "newer.db") as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    for name, told in (("text", "not an SQLite database"), ("newer.db", "version 99")):
        done = shell("decisions", *action.split(), "--db", name)
        assert (done.code, done.output) == (1, "")
        assert name in done.errors
        assert told in done.errors


def test_an_empty_database_holds_no_decisions(shell: Shell) -> None:
    SqliteStore(shell.folder / "empty.db").close()
    assert shell("decisions", "list", "--db", "empty.db") == (0, "no decisions\n", "")
    assert shell("decisions", "list", "--db", "empty.db", "--output", "json") == (0, "", "")
    tail = ("decisions", "tail", "--no-follow", "--db", "empty.db")
    assert shell(*tail) == (0, "no decisions\n", "")
    assert shell(*tail, "--output", "json") == (0, "", "")


def test_a_run_that_keeps_nothing_cannot_be_looked_at(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTIMIZER_DATABASE__CONNECTION_STRING", "memory://")
    done = shell("decisions", "list")
    assert done.code == 1
    assert "memory:// keeps nothing to look at" in done.errors
