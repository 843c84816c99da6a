"""`orders` and `rollouts`: what is ordered is appended whole; what cannot be is told at once."""

from __future__ import annotations

import getpass
import json
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connectors.api.opening import open_store
from connectors.codecs import cloud_event, read_event, to_json
from connectors.dead_letters import DeadLetterStore
from connectors.inputs import INPUTS
from connectors.logs.sqlite import SqliteLog
from connectors.publisher import FINDINGS, Publisher
from connectors.recordings import messages
from connectors.stores.sqlite import SqliteStore
from optimizer.decide.orders import OBEYED, REFUSED
from optimizer.decisions import DecisionStatus
from optimizer.events import EVERYWHERE, OrderAction
from optimizer.findings import finding_id, remark
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.observer import Ledger
from optimizer.rollouts import Phase
from optimizer.starting import WAITS
from tests.builders import (
    ROUTE,
    START,
    a_decision,
    a_document,
    a_finding,
    a_progress,
    a_summary,
    an_order,
    minutes_later,
)
from tests.command_line import start

if TYPE_CHECKING:
    from optimizer.events import Order
    from tests.connectors.api.shell import Shell

KINDS = {int(kind): kind for kind in RecordKind}
PENDING = a_decision()
CANCELLED = a_decision(
    created_at=minutes_later(1), status=DecisionStatus.CANCELLED, reason="expired"
)


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shell: Shell) -> Path:  # noqa: ARG001
    """Views of a run that has just said what it does, and their settings."""
    file = tmp_path / "optimizer.db"
    say(file, PENDING, CANCELLED, a_document(), a_progress(), Ledger("p", time.time_ns(), {}))  # noqa: TID251
    monkeypatch.setenv("OPTIMIZER_DATABASE__CONNECTION_STRING", f"sqlite://{file}")
    return file


def say(file: Path, *outputs: object) -> None:
    """Let a run say something."""
    with closing(SqliteLog(file)) as log, closing(SqliteStore(file)) as store:
        publisher = Publisher(log, DeadLetterStore(), store, "svc")
        publisher.publish(outputs)
        publisher.flush()


def given(file: Path) -> list[Order]:
    """Give the orders that were appended."""
    with closing(SqliteLog(file)) as log:
        entries = log.read(INPUTS)
    records = [one for entry in entries for one in messages.decode(entry.value, KINDS)]
    assert {(one.partition, one.kind) for one in records} <= {(INPUTS, RecordKind.ORDER)}
    return [read_event(one.body).data for one in records]


@pytest.mark.parametrize(
    ("words", "order"),
    [
        (f"approve {PENDING.id[:9]}", {"decision_id": PENDING.id, "revision": 3}),
        (f"reject {PENDING.id}", {"decision_id": PENDING.id, "revision": 3}),
        (f"pause {ROUTE}", {}),
        (f"resume {ROUTE}", {"revision": 3}),
        (f"pin {ROUTE}", {"revision": 3}),
        (f"unpin {ROUTE}", {"revision": 3}),
        ("pin acme/shop/other", {"route": "acme/shop/other", "revision": 0}),
        ("pause acme/shop/*", {"route": "acme/shop/*"}),
        (f"roll-back {ROUTE}", {"decision_id": PENDING.id}),
        (f"roll-back {PENDING.id[:9]}", {"decision_id": PENDING.id}),
        ("roll-back acme/shop/other", {"route": "acme/shop/other"}),
        (f"stop {ROUTE}", {}),
        ("stop acme/shop/*", {"route": "acme/shop/*"}),
        ("stop --everything --yes", {"route": EVERYWHERE}),
        ("start --everything", {"route": EVERYWHERE}),
        (f"start {ROUTE}", {}),
    ],
)
def test_an_order_is_appended_with_what_the_views_show(
    words: str, order: dict[str, object], shell: Shell, database: Path
) -> None:
    done = shell("orders", *words.split(), "--reason", "why not", "--author", "ada")
    assert (done.code, done.errors) == (0, "")
    (appended,) = given(database)
    action = OrderAction(words.split(maxsplit=1)[0].replace("-", "_"))
    wanted = an_order(action, reason="why not", **order).data
    assert appended == wanted
    assert done.output.splitlines()[-1].startswith("order ")
    assert done.output.splitlines()[-1].endswith(f"appended to {INPUTS} of sqlite://{database}")


def test_what_an_order_is_about_is_shown(shell: Shell, database: Path) -> None:  # noqa: ARG001
    done = shell("orders", "approve", PENDING.id)
    words = [line[18:28].strip() for line in done.output.splitlines()[:-1]]
    assert words == ["DECISION", "ROLLOUT", "DOCUMENT"]
    done = shell("orders", "pause", "acme/shop/unheard")
    assert done.output.splitlines()[0] == "acme/shop/unheard: no call was seen yet"


def test_a_route_that_is_only_watched_is_known(shell: Shell, database: Path) -> None:
    say(database, a_summary(route="acme/shop/watched"))
    done = shell("orders", "pause", "acme/shop/watched")
    assert done.output.splitlines()[0].startswith("order ")


def test_who_ordered_is_who_is_logged_in_unless_told(shell: Shell, database: Path) -> None:
    assert shell("orders", "pause", ROUTE).code == 0
    assert [one.author for one in given(database)] == [getpass.getuser()]


def test_each_order_has_an_id_of_its_own(shell: Shell, database: Path) -> None:
    for _ in range(3):
        shell("orders", "pause", ROUTE)
    with closing(SqliteLog(database)) as log:
        assert len({entry.value for entry in log.read(INPUTS)}) == 3


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        ("approve 00000000", 1, "no decision begins with '00000000': see `llm-optimizer"),
        (f"approve {CANCELLED.id}", 1, "is cancelled (expired): only a pending one is answered"),
        ("roll-back unknown", 1, "no decision begins with 'unknown'"),
        ("pause shop", 1, "data.route must be tenant/service/route"),
        ("pause acme/*/r", 1, "data.route must be tenant/service/route"),
        ("pause *", 1, "data.route is *: to pause names a route"),
        ("stop --everything", 2, "add --yes to do it"),
        ("stop *", 2, "add --yes to do it"),
        ("stop", 2, "one of the arguments ROUTE --everything is required"),
        (f"stop {ROUTE} --everything --yes", 2, "not allowed with argument"),
        (f"pause {ROUTE} --reason {'x' * 401}", 1, "data.reason must be printable, at most 400"),
        (f"pause {ROUTE} --wait 0", 2, "must be a whole number, at least 1"),
    ],
)
def test_what_cannot_be_ordered_is_told_and_not_appended(
    words: str, code: int, told: str, shell: Shell, database: Path
) -> None:
    done = shell("orders", *words.split())
    assert done.code == code
    assert told in done.errors
    assert given(database) == []


def test_an_order_to_nobody_is_told(shell: Shell, tmp_path: Path) -> None:
    done = shell("orders", "pause", ROUTE)
    assert done.code == 1
    assert "no such database: start `llm-optimizer run` with these settings first" in done.errors
    assert not list(tmp_path.glob("*.db"))


@pytest.mark.parametrize(
    ("minutes", "told"),
    [(None, "no run has told of a minute yet"), (4, "the run last told of 20"), (2, "")],
)
def test_a_run_that_is_silent_is_told(
    minutes: int | None, told: str, shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "optimizer.db"
    ago_ns = (minutes or 0) * 60 * 10**9
    ledgers = [] if minutes is None else [Ledger("p", time.time_ns() - ago_ns, {})]  # noqa: TID251
    say(file, *ledgers)
    monkeypatch.setenv("OPTIMIZER_DATABASE__CONNECTION_STRING", f"sqlite://{file}")
    done = shell("orders", "pause", ROUTE)
    assert done.code == 0
    assert (told in done.errors) if told else (done.errors == "")


def answer(file: Path, rule: str, route: str = ROUTE) -> None:
    """Answer the newest order, as a run would."""
    with closing(SqliteLog(file)) as log:
        for _ in range(600):
            if entries := log.read(INPUTS):
                break
            time.sleep(0.05)
        (record,) = messages.decode(entries[-1].value, KINDS)
        assert isinstance(record, Record)
        name = finding_id(route, read_event(record.body).id, rule, START)
        said = [
            a_finding(id="another", rule=rule),
            replace(remark((route, "", rule), START, "An answer", "Given by ada"), id=name),
            remark((route, "", WAITS), START, "It cannot be started yet", "No scores."),
            remark((route, "", WAITS), minutes_later(1), "Of another instant", ""),
        ]
        events = [to_json(cloud_event(one, "svc")) for one in said]
        log.append(FINDINGS, [(route, event) for event in events])


@pytest.mark.parametrize(
    ("words", "rule", "code"),
    [
        (f"pause {ROUTE}", OBEYED, 0),
        (f"approve {PENDING.id[:9]}", OBEYED, 0),
        (f"approve {PENDING.id[:9]}", REFUSED, 1),
        ("stop acme/shop/*", OBEYED, 0),
    ],
)
def test_who_waits_is_told_what_came_of_it(
    words: str, rule: str, code: int, database: Path
) -> None:
    place = f"sqlite://{database}"
    process = start(
        "orders", *words.split(), "--wait", 30, OPTIMIZER_DATABASE__CONNECTION_STRING=place
    )
    answer(database, rule)
    output, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (code, "")
    lines = output.splitlines()
    after = lines[lines.index(next(one for one in lines if one.startswith("order "))) + 1 :]
    findings = [line.split("info: ")[1] for line in after if "FINDING" in line]
    waits = ["It cannot be started yet. No scores."] if "approve" in words else []
    assert findings == ["An answer. Given by ada", *waits]
    assert [line[18:26] for line in after if "FINDING" not in line] == ["DECISION"] * len(waits)


def test_who_waits_in_vain_is_told(shell: Shell, database: Path) -> None:  # noqa: ARG001
    done = shell("orders", "pause", ROUTE, "--wait", 1)
    assert done.code == 1
    assert "nobody obeyed within 1 s: is `llm-optimizer run` running" in done.errors


ENDED = a_progress(route="acme/shop/ended", phase=Phase.ENDED)


def test_rollouts_are_listed_those_that_ended_when_asked_for(shell: Shell, database: Path) -> None:
    say(database, ENDED)
    head, line = shell("rollouts", "list").output.splitlines()
    assert head.split()[:2] == ["route", "seen"]
    assert line.split()[:4] == [ROUTE, "2025-03-03", "12:00:00", PENDING.id[:8]]
    assert "step 1" in line
    assert "need data (metrics open cost)" in line
    assert len(shell("rollouts", "list", "--all").output.splitlines()) == 3
    assert shell("rollouts", "list", "--route", "rival").output == "no rollouts\n"
    said = shell("rollouts", "list", "--output", "json").output
    assert json.loads(said) == {"type": "rollout", **json.loads(to_json(a_progress()))}


def test_a_rollout_is_shown_with_its_document_and_its_decision(
    shell: Shell, database: Path
) -> None:
    lines = dict(
        line.split(": ", 1) for line in shell("rollouts", "show", ROUTE).output.splitlines()
    )
    assert (lines["stands"], lines["share"]) == ("step 1", "5.0%")
    assert lines["calls"] == "15 of the candidate, 285 beside them"
    assert lines["document"].startswith("revision 3: 5.0% ")
    assert "model gpt-4o -> gpt-4o-mini" in lines["change"]
    said = shell("rollouts", "show", ROUTE, "--output", "json", "--db", database).output
    assert json.loads(said)["decision_id"] == PENDING.id
    missing = shell("rollouts", "show", "acme/shop/other")
    assert missing.code == 1
    assert "acme/shop/other has no rollout: see `llm-optimizer rollouts list`" in missing.errors


def test_what_changes_in_rollouts_is_watched(shell: Shell, database: Path) -> None:
    moved = replace(a_progress(), step=1, at=minutes_later(1))
    say(database, moved, moved, ENDED)
    said = shell("rollouts", "watch", "--no-follow", "--route", ROUTE).output.splitlines()
    assert [line.split("(")[1].split(")")[0] for line in said] == ["step 1", "step 2"]
    assert len(shell("rollouts", "watch", "--no-follow").output.splitlines()) == 3


@pytest.mark.usefixtures("database")
def test_where_no_rollout_is_watched_that_is_said(shell: Shell) -> None:
    watch = ("rollouts", "watch", "--no-follow")
    none = shell(*watch, "--route", "acme/none").output
    assert none == "no rollouts of acme/none among the last 10 changes\n"
    open_store("sqlite://empty.db").close()
    assert shell(*watch, "--db", "empty.db").output == "no rollouts\n"
    assert shell(*watch, "--db", "empty.db", "--output", "json").output == ""


def test_the_help_tells_apart_what_stop_and_roll_back_undo(shell: Shell) -> None:
    words = " ".join(shell("orders", "--help").output.split())
    assert "stop undo what is on its way (roll-back undoes what was kept)" in words
