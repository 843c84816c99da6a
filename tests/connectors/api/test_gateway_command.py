"""`llm-optimizer gateway check`: a gateway is tried, and what it does not do is said."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from connectors.api.opening import open_store
from connectors.api.opening_gateways import open_gateway
from connectors.dead_letters import DeadLetterStore
from connectors.gateways.conformance import CHECKS
from connectors.gateways.memory import MemoryGateway
from connectors.logs.memory import MemoryLog
from connectors.publisher import Publisher
from optimizer.settings import validate
from tests.connectors.acting import a_document
from tests.connectors.api.shell import Shell


@pytest.mark.parametrize("kind", ["memory", "documents"])
def test_what_a_gateway_can_do_is_tried_and_nothing_is_left_of_it(
    kind: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTIMIZER_GATEWAY__KIND", kind)
    done = shell("gateway", "check")
    assert (done.code, done.errors) == (0, "")
    first, *rest = done.output.splitlines()
    assert first == f"gateway {kind}"
    checks = [line for line in rest if not line.startswith(" ")]
    assert len(checks) == len(CHECKS)
    assert {line.split()[0] for line in checks} <= {"HELD", "CANNOT", "UNSHOWN"}
    assert not [path for path in Path("documents").rglob("*.json") if path.name != "index.json"]
    again = shell("gateway", "check", "--output", "json")
    about, *results = map(json.loads, again.output.splitlines())
    assert (about["type"], about["name"], about["leases"]) == ("gateway", kind, True)
    assert [one["name"] for one in results] == [check.__name__ for check in CHECKS]


def test_a_gateway_that_breaks_a_rule_fails_the_check(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTIMIZER_GATEWAY__KIND", "memory")
    monkeypatch.setattr(MemoryGateway, "revert", lambda *_: None)
    done = shell("gateway", "check")
    assert done.code == 1
    (broken,) = (line for line in done.output.splitlines() if line.startswith("BROKEN"))
    assert "After a revert the incumbent serves all" in broken


def test_what_is_there_is_shown_beside_what_should_be(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTIMIZER_GATEWAY__KIND", "memory")
    refused = shell("gateway", "show")
    assert (refused.code, refused.output) == (1, "")
    assert f"{Path('optimizer.db').absolute()}: no such database: start `llm" in refused.errors
    assert not Path("optimizer.db").exists()
    open_store("sqlite://optimizer.db").close()
    assert shell("gateway", "show").output == "no route has a document yet\n"
    names = ("in force", "still to come", "somebody else's", "changed", "nobody said it")
    routes = {name: f"acme/shop/{number}" for number, name in enumerate(names)}
    said = [a_document(2, route=route) for name, route in routes.items() if name != names[-1]]
    with closing(open_store("sqlite://optimizer.db")) as store:
        publisher = Publisher(MemoryLog(), DeadLetterStore(), store, "svc")
        publisher.publish(said)
    gateway = open_gateway(validate({"gateway": {"kind": "memory"}}))
    for name, revision, slots in (
        ("in force", 2, 10),
        ("still to come", 1, 10),
        ("somebody else's", 3, 10),
        ("changed", 2, 50),
        ("nobody said it", 7, 10),
    ):
        gateway.apply(a_document(revision, slots, route=routes[name]), 0, "")
    head, *lines = shell("gateway", "show").output.splitlines()
    assert head.split() == ["route", "wanted", "there", "replicas"]
    assert [line.split("  ")[0] for line in lines] == sorted(routes.values())
    for name, line in zip(names, lines, strict=True):
        assert f"  {name}  " in line
        assert "  one " in line
    shown = shell("gateway", "show", "--output", "json").output.splitlines()
    pairs = [(one["wanted"], one["there"]) for one in map(json.loads, shown)]
    assert pairs == [(2, 2), (2, 1), (2, 3), (2, 2), (0, 7)]


def test_without_a_gateway_there_is_nothing_to_try(shell: Shell) -> None:
    done = shell("gateway", "check")
    assert done.code == 2
    assert "OPTIMIZER_GATEWAY__KIND" in done.errors


def test_a_gateway_that_cannot_be_reached_is_told(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTIMIZER_GATEWAY__KIND", "documents")
    Path("documents").write_text("a file where a folder should be")
    done = shell("gateway", "check")
    assert done.code == 1
    assert "gateway.documents_dir" in done.errors
