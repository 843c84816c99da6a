"""`llm-optimizer gateway check`: a gateway is tried, and what it does not do is said."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.gateways.conformance import CHECKS
from connectors.gateways.memory import MemoryGateway
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
