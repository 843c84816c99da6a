"""`documents`: what traffic should be like is looked at, checked and served."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from connectors.client import Client
from connectors.codecs import cloud_event, to_json
from connectors.documents.folder import Folder
from connectors.documents.names import CURRENT, file_of
from connectors.documents.parsing import document_of
from connectors.documents.proofs import public_key_of
from connectors.documents.rendering import body_of
from connectors.logs.sqlite import SqliteLog
from connectors.publisher import DECISIONS, DOCUMENTS, FINDINGS
from connectors.stores.sqlite import SqliteStore
from optimizer.decide.orders import OBEYED
from optimizer.documents import SLOTS, Allotment, Document
from optimizer.findings import FindingStatus
from optimizer.ports import Row
from tests.builders import ROUTE, START, a_decision, a_finding
from tests.connectors.api.shell import Shell
from tests.connectors.documents.examples import NEW, OLD, OTHER_PAIR, PAIR, a_document, a_lease

FIRST = a_document(
    revision=1,
    arms=(OLD,),
    allotments=(Allotment(arm=OLD.id, slots=SLOTS),),
    leased=False,
    decision_id="",
    reason="what serves it today",
)
DECISION = a_decision(incumbent=OLD.id, candidate=NEW.id)
STEP = a_document(revision=2, decision_id=DECISION.id, created_at=START + timedelta(minutes=1))
ORDER = a_finding(
    rule=OBEYED,
    status=FindingStatus.CLOSED,
    since=STEP.created_at,
    seen=STEP.created_at,
    until=STEP.created_at,
    title="An order to approve was carried out",
    detail="Given by ada: looks right",
)
SETTINGS = """
routes:
  - route: acme/shop/answer
    incumbent: {model: gpt-4o, prompt: answer, prompt_version: "3"}
    candidates: [{model: gpt-4o-mini, temperature: 0.2, system_prompt: Be brief.}]
"""


def written(folder: Path, *documents: Document) -> Path:
    """A database as a run leaves it."""
    path = folder / "optimizer.db"
    with closing(SqliteLog(path)) as log, closing(SqliteStore(path)) as store:
        for each in documents:
            log.append(DOCUMENTS, [(each.route, to_json(cloud_event(each, "svc")))])
            store.put("documents", [Row(each.route, "", to_json(each))])
        log.append(FINDINGS, [(ROUTE, to_json(cloud_event(ORDER, "svc")))])
        log.append(DECISIONS, [(ROUTE, to_json(cloud_event(DECISION, "svc")))])
        store.put("decisions", [Row(DECISION.id, "", to_json(DECISION))])
    return path


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return written(tmp_path, FIRST, STEP, replace(FIRST, route="acme/shop/sum"))


def test_the_newest_document_of_each_route_is_listed(shell: Shell, database: Path) -> None:
    done = shell("documents", "list", "--db", database)
    assert (done.code, done.errors) == (0, "")
    _, one, other = done.output.splitlines()
    assert one.split()[:2] == ["acme/shop/answer", "2"]
    assert f"leased   5 % {NEW.id}, 95 % {OLD.id}" in one
    assert other.split()[:2] == ["acme/shop/sum", "1"]


def test_a_list_is_of_a_route_or_service(shell: Shell, database: Path) -> None:
    def listed(route: str) -> int:
        done = shell("documents", "list", "--db", database, "--route", route, "--output", "json")
        return len(done.output.splitlines())

    assert [listed(route) for route in ("acme", "acme/shop/sum", "acme/sho")] == [2, 1, 0]
    none = shell("documents", "list", "--db", database, "--route", "x")
    assert none.output == "no documents\n"


def test_a_document_is_shown_for_people_programs_and_gateways(shell: Shell, database: Path) -> None:
    text = shell("documents", "show", ROUTE, "--db", database).output
    assert f"{ROUTE}, revision 2, made 2025-03-03 12:01:00 UTC" in text
    assert "5 %  slots 0 to 9" in text
    assert "temperature 0.2" in text
    read = shell("documents", "show", ROUTE, "--db", database, "--output", "json").output
    assert json.loads(read)["allotments"][0] == {"arm": NEW.id, "slots": 10}
    flags = shell("documents", "show", ROUTE, "--db", database, "--flags").output
    assert flags.strip().encode() == body_of(STEP)


def test_an_earlier_revision_is_shown(shell: Shell, database: Path) -> None:
    done = shell("documents", "show", ROUTE, "--revision", 1, "--db", database)
    assert "revision 1" in done.output
    none = shell("documents", "show", ROUTE, "--revision", 9, "--db", database)
    assert (none.code, none.output) == (1, "")
    assert "has no revision 9: there are 1, 2" in none.errors


def test_versions_say_who_and_why(shell: Shell, database: Path) -> None:
    done = shell("documents", "versions", ROUTE, "--db", database)
    _, one, two = done.output.splitlines()
    assert one.endswith("what serves it today")
    assert f"{DECISION.id[:8]}  {STEP.reason}" in two
    assert two.endswith(f"{ORDER.title}. {ORDER.detail}")
    told = shell("documents", "versions", ROUTE, "--db", database, "--output", "json").output
    assert json.loads(told.splitlines()[1])["decision"]["rationale"] == DECISION.rationale


@pytest.mark.parametrize("chosen", [(), ("--to", 2), ("--from", 1, "--to", 2)])
def test_a_difference_is_of_two_revisions(shell: Shell, database: Path, chosen) -> None:
    done = shell("documents", "diff", ROUTE, "--db", database, *chosen)
    assert (done.code, done.errors) == (0, "")
    assert f"share of {NEW.id}: 0 % -> 5 %" in done.output.splitlines()
    told = shell("documents", "diff", ROUTE, "--db", database, *chosen, "--output", "json").output
    assert (json.loads(told)["from"], json.loads(told)["to"]) == (1, 2)


def test_the_first_revision_follows_nothing(shell: Shell, database: Path) -> None:
    done = shell("documents", "diff", ROUTE, "--db", database, "--to", 1)
    assert f"traffic: 100 % {OLD.id}" in done.output


@pytest.mark.parametrize(
    "command",
    [("show",), ("show", "a/b/c"), ("versions", "a/b/c"), ("diff", "a/b/c")],
)
def test_a_route_without_documents_is_told(shell: Shell, database: Path, command) -> None:
    done = shell("documents", *command, "--db", database)
    assert (done.code, done.output) == (1, "")
    assert "documents list" in done.errors


def dry_run(shell: Shell, database: Path, *options: object):
    (database.parent / "optimizer.yaml").write_text(SETTINGS)
    config = ("--config", database.parent / "optimizer.yaml")
    wanted = ("--dry-run", DECISION.id[:8])
    return shell("documents", "show", *wanted, "--db", database, *config, *options)


@pytest.mark.parametrize("documents", [(), (FIRST,)])
def test_a_dry_run_shows_what_approving_would_put_out(
    shell: Shell, tmp_path: Path, documents
) -> None:
    done = dry_run(shell, written(tmp_path, *documents), "--flags")
    assert (done.code, done.errors) == (0, "")
    document = document_of(done.output.strip().encode(), lambda _: "Be brief.")
    assert document.revision == 2
    assert document.allotments == (
        Allotment(arm=NEW.id, slots=10),
        Allotment(arm=OLD.id, slots=190),
    )
    assert (document.decision_id, document.leased) == (DECISION.id, True)


def test_a_dry_run_tells_why_nothing_would_be_put_out(shell: Shell, tmp_path: Path) -> None:
    database = written(tmp_path, FIRST, STEP)
    assert "has a rollout in progress" in dry_run(shell, database).errors
    bare = shell("documents", "show", "--dry-run", DECISION.id, "--db", written(tmp_path, FIRST))
    assert "the settings declare no arm" in bare.errors
    none = shell("documents", "show", "--dry-run", "ffff", "--db", database)
    assert "no decision begins with 'ffff'" in none.errors


@pytest.fixture
def published(tmp_path: Path) -> Path:
    folder = Folder(tmp_path / "documents", PAIR.private)
    folder.publish(a_document(), lease=a_lease(a_document()))
    return folder.path


def test_valid_files_are_told_so(shell: Shell, published: Path, tmp_path: Path) -> None:
    unsigned = tmp_path / "mine.json"
    unsigned.write_bytes(body_of(a_document()) + b"\n")
    signed = published / file_of(CURRENT, ROUTE)
    done = shell("documents", "validate", signed, unsigned)
    assert (done.code, done.errors) == (0, "")
    assert done.output.count("acme/shop/answer, revision 7, is valid") == 2


def test_all_faults_of_files_are_told(shell: Shell, tmp_path: Path) -> None:
    content = json.loads(body_of(a_document()))
    flag = content["flags"][ROUTE]
    flag["state"], flag["metadata"]["revision"], flag["more"] = "OFF", 0, 1
    (tmp_path / "bad.json").write_text(json.dumps(content))
    done = shell("documents", "validate", "bad.json", "none.json")
    assert done.code == 1
    for fault in ("state must be ENABLED", "flag.more is not known", "none.json: no such file"):
        assert fault in done.output


def test_what_is_published_is_verified(shell: Shell, published: Path) -> None:
    given = ("--dir", published, "--public-key", PAIR.public)
    done = shell("documents", "verify", *given)
    assert (done.code, done.errors) == (0, "")
    assert done.output.count("as it should be") == 3
    other = shell("documents", "verify", "--dir", published, "--public-key", OTHER_PAIR.public)
    assert other.code == 1
    assert other.output.count("it is signed with the key") == 3


def test_the_key_of_the_settings_verifies(
    shell: Shell, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTIMIZER_GATEWAY__SIGNING_KEY", OTHER_PAIR.private)
    assert shell("documents", "verify").code == 1
    monkeypatch.setenv("OPTIMIZER_GATEWAY__SIGNING_KEY", PAIR.private)
    assert shell("documents", "verify").code == 0
    (published / file_of(CURRENT, ROUTE)).write_bytes(b"torn")
    done = shell("documents", "verify", "--output", "json")
    assert done.code == 1
    told = [json.loads(line) for line in done.output.splitlines()]
    assert [each["file"] for each in told if each["fault"]] == [file_of(CURRENT, ROUTE)]


def test_a_folder_that_is_not_there_is_told(shell: Shell) -> None:
    done = shell("documents", "verify")
    assert (done.code, done.output) == (1, "")
    assert "--dir names one" in done.errors


def test_keys_are_drawn_and_kept_where_only_the_owner_reads(shell: Shell, tmp_path: Path) -> None:
    shown = json.loads(shell("documents", "keygen", "--output", "json").output)
    assert public_key_of(shown["private_key"]) == shown["public_key"]
    kept = json.loads(shell("documents", "keygen", "--out", "key", "--output", "json").output)
    private = (tmp_path / "key").read_text().strip()
    assert public_key_of(private) == kept["public_key"] != shown["public_key"]
    assert private not in json.dumps(kept)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    again = shell("documents", "keygen", "--out", "key")
    assert (again.code, again.output) == (2, "")
    assert (tmp_path / "key").read_text().strip() == private


def test_serving_needs_a_port(shell: Shell) -> None:
    done = shell("documents", "serve")
    assert done.code == 2
    assert "OPTIMIZER_GATEWAY__HTTP_PORT" in done.errors


@pytest.mark.parametrize("port", ["-1", "65536", "x"])
def test_a_port_that_is_none_is_refused(shell: Shell, port: str) -> None:
    assert shell("documents", "serve", "--port", port).code == 2


def test_a_folder_is_served_until_told_to_stop(published: Path) -> None:
    command = [sys.executable, "-m", "dataflows.main", "documents", "serve"]
    serving = subprocess.Popen(
        [*command, "--dir", published, "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
    )
    said = serving.stdout.readline()
    assert said.startswith(f"documents of {published} at http://127.0.0.1:")
    assert serving.stdout.readline().endswith("/flags.json\n")
    with Client(said.split()[-1], PAIR.public, routes=[ROUTE]) as client:
        assert client.status(ROUTE).revision == 7
    serving.send_signal(signal.SIGINT)
    assert serving.communicate(timeout=120) == ("", "llm-optimizer: interrupted\n")
    assert serving.returncode == 130
