"""`llm-optimizer gateway` with gateways over HTTP, and their pages: what they say can be done."""

from __future__ import annotations

import re
import textwrap
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from connectors import gateways
from connectors.api.opening import open_store
from connectors.gateways.conformance import CHECKS
from connectors.gateways.reference import configurations, managed_configs, orchestrator
from connectors.gateways.reference.serving import JsonFile, JsonServer
from optimizer.settings import validate

if TYPE_CHECKING:
    from tests.connectors.api.shell import Shell

TOKEN = "abc"  # noqa: S105 - made up
FOLDER = Path(gateways.__file__).parent
MADE = {
    "orchestrator": orchestrator.made,
    "configurations": configurations.made,
    "config_manager": managed_configs.made,
}
CANNOT = {"orchestrator": 0, "configurations": 2, "config_manager": 3}
each_kind = pytest.mark.parametrize("kind", MADE)


@each_kind
def test_the_settings_of_its_page_lead_to_a_gateway_that_holds(
    kind: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (FOLDER / f"{kind}.md").read_text()
    assert len(page.splitlines()) <= 80
    (settings,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    (shell.folder / "config.yaml").write_text(textwrap.dedent(settings))
    assert validate(yaml.safe_load(settings)).gateway.kind == kind
    with closing(JsonServer(MADE[kind](JsonFile(None)), token=TOKEN)) as server:
        monkeypatch.setenv("OPTIMIZER_GATEWAY__URL", server.address)
        monkeypatch.setenv("OPTIMIZER_GATEWAY__TOKEN", TOKEN)
        done = shell("gateway", "check", "--config", "config.yaml")
        open_store("sqlite://optimizer.db").close()  # as `run` makes it
        shown = shell("gateway", "show", "--config", "config.yaml")
        monkeypatch.setenv("OPTIMIZER_GATEWAY__TOKEN", "wrong")
        refused = shell("gateway", "check", "--config", "config.yaml")
    assert (done.code, done.errors) == (0, "")
    head, *rest = done.output.splitlines()
    assert head == f"gateway {kind}"
    outcomes = [line.split()[0] for line in rest if not line.startswith(" ")]
    assert len(outcomes) == len(CHECKS)
    assert outcomes.count("CANNOT") == CANNOT[kind]
    assert outcomes.count("HELD") == len(CHECKS) - CANNOT[kind] - 1  # nothing breaks the way off
    assert shown.output == "no route has a document yet\n"
    assert refused.code == 1
    assert "OPTIMIZER_GATEWAY__TOKEN" in refused.errors


@each_kind
def test_without_an_address_or_anybody_there_it_says_what_to_set(
    kind: str, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPTIMIZER_GATEWAY__KIND", kind)
    monkeypatch.setenv("OPTIMIZER_ROLLOUT__UNIT", "call")
    unset = shell("gateway", "check")
    assert (unset.code, unset.output) == (2, "")
    assert f"gateway.kind is {kind}: needs gateway.url (OPTIMIZER_GATEWAY__URL)" in unset.errors
    with closing(JsonServer(MADE[kind](JsonFile(None)))) as gone:
        address = gone.address
    monkeypatch.setenv("OPTIMIZER_GATEWAY__URL", address)
    away = shell("gateway", "check")
    assert away.code == 1
    assert f"{address}/" in away.errors
    assert "Connection refused (OPTIMIZER_GATEWAY__URL" in away.errors
