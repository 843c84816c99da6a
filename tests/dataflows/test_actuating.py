"""`actuate` as a process, and the actuator beside a run."""

from __future__ import annotations

import json
import signal
import socket
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from connectors.documents.folder import Folder
from connectors.recordings import RecordingReader
from optimizer.observe.columns import RecordKind
from tests.command_line import llm_optimizer
from tests.connectors.acting import ROUTE, a_document
from tests.dataflows.actuating import Scene, wait_until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with closing(Scene(tmp_path)) as made:
        yield made


def stopped(process: subprocess.Popen[str]) -> str:
    """Stop a process; give what it said."""
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return errors


def test_actuate_brings_documents_there_until_it_is_stopped(scene: Scene) -> None:
    scene.say(a_document(1))
    process = scene.start()
    wait_until(lambda: scene.in_force(ROUTE) == 1)
    scene.say(a_document(2, 50))
    wait_until(lambda: ("applied", 2) in scene.told())
    said = stopped(process)
    assert scene.told() == [("applied", 1), ("applied", 2)]
    assert "actuator_started gateway=memory" in said
    assert "actuator_stopped gateway=memory" in said


def test_what_somebody_else_wrote_is_a_warning(scene: Scene) -> None:
    scene.gateway.overwrite(a_document(4, 100))
    scene.say(a_document(1))
    process = scene.start()
    wait_until(lambda: ("conflict", 4) in scene.told())
    said = stopped(process).splitlines()
    (warning,) = (line for line in said if "outcome=conflict" in line)
    assert " warn  gateway_reported " in warning


def test_evaluators_of_flags_find_what_it_brings_in_one_file(scene: Scene, tmp_path: Path) -> None:
    flags = tmp_path / "documents" / "flags.json"

    def told(name: str) -> object:
        content = json.loads(flags.read_bytes())["flags"] if flags.exists() else {}
        return content.get(ROUTE, {}).get("metadata", {}).get(name)

    scene.say(a_document(1))
    process = scene.start(OPTIMIZER_GATEWAY__KIND="documents")
    wait_until(lambda: told("revision") == 1)
    assert told("until") is None
    scene.say(a_document(2, 50, leased=True))
    wait_until(lambda: told("revision") == 2)
    assert told("until") is not None
    process.kill()
    flags.unlink()
    again = scene.start(OPTIMIZER_GATEWAY__KIND="documents")
    wait_until(lambda: told("revision") == 2)
    stopped(again)


def test_a_second_one_on_the_same_folder_waits_and_takes_over(scene: Scene) -> None:
    scene.say(a_document(1))
    first = scene.start()
    wait_until(lambda: scene.in_force(ROUTE) == 1)
    second = scene.start()
    assert "actuator_started" in second.stderr.readline()
    assert "actuator_waits" in second.stderr.readline()
    first.kill()
    first.communicate()
    scene.say(a_document(2))
    wait_until(lambda: scene.in_force(ROUTE) == 2)
    stopped(second)


def test_a_run_has_its_documents_brought_there_and_hears_what_became_of_them(
    scene: Scene, tmp_path: Path
) -> None:
    scene.say(a_document(1))
    (tmp_path / "spans.jsonl").write_text("")
    run = scene.start("run", OPTIMIZER_INPUT__PATH=str(tmp_path / "spans.jsonl"))
    wait_until(lambda: scene.told() == [("applied", 1)])
    wait_until((tmp_path / "data" / "inputs.position").exists)
    stopped(run)
    assert scene.in_force(ROUTE) == 1
    recorded = list(RecordingReader(tmp_path / "data" / "inputs"))
    assert [one.kind for one in recorded].count(RecordKind.REPORT) == 1


def test_a_gateway_that_is_gone_keeps_no_run_from_running(scene: Scene, tmp_path: Path) -> None:
    scene.say(a_document(1))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "gateway.json").write_text("torn")
    (tmp_path / "spans.jsonl").write_text("")
    run = scene.start("run", OPTIMIZER_INPUT__PATH=str(tmp_path / "spans.jsonl"))
    lines = iter(run.stderr.readline, "")
    first = [next(lines) for _ in range(2)]
    assert any("job_started" in line for line in first)
    assert any("unreachable" in line or "not_reconciled" in line for line in first)
    (tmp_path / "data" / "gateway.json").unlink()
    wait_until(lambda: scene.in_force(ROUTE) == 1)
    stopped(run)


def test_one_process_at_a_time_brings_documents_to_a_folder(scene: Scene, tmp_path: Path) -> None:
    documents, route = Folder(tmp_path / "documents"), "default/shop/answer"
    (tmp_path / "spans.jsonl").write_text("")
    variables = {
        "OPTIMIZER_GATEWAY__KIND": "documents",
        "OPTIMIZER_GATEWAY__DOCUMENTS_DIR": str(documents.path),
        "OPTIMIZER_INPUT__PATH": str(tmp_path / "spans.jsonl"),
    }
    scene.say(a_document(1, route=route))
    run = scene.start("run", **variables)
    wait_until(lambda: documents.opened(route) is not None)
    for command in ("run", "actuate"):
        other = scene.start(command, **variables, OPTIMIZER_SERVICE__DATA_DIR=str(tmp_path / "two"))
        _, errors = other.communicate(timeout=120)
        assert other.returncode == 1
        assert f"{documents.path}: another process brings documents there: stop that" in errors
    for command in ("check", "show"):  # they act on a route of their own, or on none
        done = llm_optimizer("gateway", command, cwd=tmp_path, **variables)
        assert done.returncode == 0, done.stderr
    follower = scene.start("actuate", **variables)  # with the same data, it may take over
    wait_until(lambda: "actuator_waits" in follower.stderr.readline())
    run.kill()
    run.communicate()
    scene.say(a_document(2, route=route))
    wait_until(lambda: documents.opened(route).document.revision == 2)
    stopped(follower)


def test_a_run_that_lost_its_state_takes_nothing_back(scene: Scene, tmp_path: Path) -> None:
    (tmp_path / "spans.jsonl").write_text("")
    (tmp_path / "config.yaml").write_text(
        f"routes: [{{route: {ROUTE}, incumbent: {{model: some-other}}}}]"
    )
    variables = {
        "OPTIMIZER_GATEWAY__KIND": "documents",
        "OPTIMIZER_INPUT__PATH": str(tmp_path / "spans.jsonl"),
    }
    command = ("run", "--config", "config.yaml")
    run = scene.start(*command, **variables)
    wait_until(lambda: "job_started" in run.stderr.readline())
    stopped(run)
    documents = Folder(tmp_path / "documents")
    documents.publish(a_document(4))
    again = scene.start(*command, **variables)
    wait_until(lambda: "job_started" in again.stderr.readline())
    stopped(again)
    for _ in range(2):  # to be refused leaves no state
        lost = scene.start(
            *command, **variables, OPTIMIZER_SERVICE__DATA_DIR=str(tmp_path / "other")
        )
        _, errors = lost.communicate(timeout=120)
        assert lost.returncode == 2
        assert f"{ROUTE}: revision 4 in {documents.path} lets " in errors


@pytest.mark.slow
def test_a_full_disk_stops_no_actuator(scene: Scene) -> None:
    routes = [f"default/shop/r{number}" for number in range(80)]
    scene.say(*(a_document(1, route=route) for route in routes))
    process = scene.start(most_kb=64)  # no file may become larger: neither gateway nor state
    wait_until(lambda: "not_reconciled" in process.stderr.readline())
    there = len(scene.gateway.routes())
    assert 0 < there < len(routes)
    process.kill()
    process.communicate()
    again = scene.start()
    wait_until(lambda: len(scene.gateway.routes()) == len(routes))
    stopped(again)
    assert {report.outcome for report in scene.reports()} <= {"applied", "seen"}


@pytest.mark.parametrize("command", [["actuate"], ["run"]])
def test_a_port_that_is_taken_is_told_at_the_start(
    command: list[str], scene: Scene, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = scene.start(
            *command,
            OPTIMIZER_GATEWAY__KIND="documents",
            OPTIMIZER_GATEWAY__HTTP_PORT=str(taken.getsockname()[1]),
            OPTIMIZER_INPUT__PATH=str(tmp_path / "spans.jsonl"),
        )
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "gateway.http_port" in errors


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "gateway.kind is none"),
        (
            {"GATEWAY__KIND": "memory", "DATABASE__CONNECTION_STRING": "memory://"},
            "needs a log that outlives the process",
        ),
        (
            {"GATEWAY__KIND": "documents", "GATEWAY__SIGNING_KEY": "5e"},
            "must be 64 hexadecimal digits",
        ),
    ],
    ids=["no gateway", "a log nobody else reads", "a key that is none"],
)
def test_what_cannot_work_is_refused_at_the_start(
    variables: dict[str, str], told: str, tmp_path: Path
) -> None:
    given = {f"OPTIMIZER_{name}": value for name, value in variables.items()}
    done = llm_optimizer("actuate", cwd=tmp_path, **given)
    assert done.returncode == 2
    assert told in done.stderr
