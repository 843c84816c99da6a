"""`documents show --patch`: what a document comes to in a manifest, for those who deploy by Git."""

from __future__ import annotations

import io
import json
import re
import textwrap
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from connectors import gateways
from connectors.codecs import to_json
from connectors.gateways.conformance import CHECKS
from connectors.gateways.trials import Trial
from connectors.stores.sqlite import SqliteStore
from optimizer.documents import Unit
from optimizer.models import Arm, ModelConfig
from optimizer.ports import Row
from tests.kubernetes.api_server import KubernetesApi, patched
from tests.kubernetes.crd import faults_of, unknown_in
from tests.kubernetes.manifests import KINDS, ROUTE, a_place, an_object

if TYPE_CHECKING:
    from tests.connectors.api.shell import Shell

DOCUMENT = Trial(open=lambda: None, route=ROUTE, unit=Unit.CALL).document(3, 30)


def prepared(shell: Shell, resource: str, **gateway: object) -> None:
    """Settings that name an object, and a database with a document."""
    settings = {
        "gateway": {**gateway, "gateway_api": {"routes": [a_place(resource)]}},
        "rollout": {"unit": "call"},
    }
    (shell.folder / "config.yaml").write_text(yaml.safe_dump(settings))
    with closing(SqliteStore(shell.folder / "optimizer.db")) as store:
        store.put("documents", [Row(ROUTE, "", to_json(DOCUMENT))])


SHOW = ("documents", "show", ROUTE, "--config", "config.yaml", "--patch")


@pytest.mark.parametrize("kind", KINDS)
def test_the_patch_of_a_manifest_is_printed_and_leads_to_the_documents_weights(
    kind: str, shell: Shell
) -> None:
    prepared(shell, kind)
    manifest = an_object(kind)
    del manifest["metadata"]["namespace"]
    others = [an_object(kind, "other"), {"kind": kind}, "no object"]
    (shell.folder / "routes.yaml").write_text(yaml.safe_dump_all([*others, manifest]))
    done = shell(*SHOW, "routes.yaml")
    assert (done.code, done.errors) == (0, "")
    found = patched(manifest, yaml.safe_load(done.output))
    assert faults_of(kind, found) + unknown_in(kind, found) == []
    weights = {one["name"]: one.get("weight") for one in found["spec"]["rules"][1]["backendRefs"]}
    assert (weights["new-model"], weights["old-model"]) == (30, 170)
    told = shell(*SHOW, "routes.yaml", "--output", "json").output
    assert json.loads(told) == yaml.safe_load(done.output)


def test_a_manifest_is_read_from_standard_input_too(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared(shell, "HTTPRoute")
    manifest = an_object(resourceVersion="12")
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(manifest)))
    first, *_ = yaml.safe_load(shell(*SHOW, "-").output)
    assert first == {"op": "replace", "path": "/metadata/resourceVersion", "value": "12"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (yaml.safe_dump(an_object(name="other")), "routes.yaml holds no HTTPRoute default/chat"),
        (yaml.safe_dump(an_object("AIGatewayRoute")), "holds no HTTPRoute default/chat"),
        ("a: [", "routes.yaml cannot be read: "),
        (None, "No such file"),
    ],
)
def test_where_the_object_is_not_found_it_is_said(
    text: str | None, told: str, shell: Shell
) -> None:
    prepared(shell, "HTTPRoute")
    if text is not None:
        (shell.folder / "routes.yaml").write_text(text)
    done = shell(*SHOW, "routes.yaml")
    assert (done.code, done.output) == (1, "")
    assert told in done.errors


def test_a_route_that_no_object_deals_has_no_patch(shell: Shell) -> None:
    prepared(shell, "HTTPRoute")
    (shell.folder / "config.yaml").write_text("")
    done = shell(*SHOW, "routes.yaml")
    assert done.code == 1
    assert "nothing says which object deals" in done.errors


def test_a_gateway_of_kubernetes_is_checked_and_shown(shell: Shell) -> None:
    with KubernetesApi() as api:
        before = api.create(an_object())
        prepared(shell, "HTTPRoute", kind="gateway_api", url=api.address)
        done = shell("gateway", "check", "--config", "config.yaml")
        assert (done.code, done.errors) == (0, "")
        first, *rest = done.output.splitlines()
        assert first == "gateway gateway_api"
        assert [line for line in rest if "not the slot: shares are checked by counts" in line]
        checks = [line.split()[0] for line in rest if not line.startswith(" ")]
        assert (len(checks), checks.count("CANNOT"), checks.count("UNSHOWN")) == (len(CHECKS), 2, 1)
        assert "BROKEN" not in checks
        assert api.objects["HTTPRoute", "default", "chat"]["spec"] == before["spec"]
        shown = shell("gateway", "show", "--config", "config.yaml").output
    assert shown.splitlines()[1].split() == [
        ROUTE, "3", "0", "still", "to", "come", "do", "not", "tell",
    ]  # fmt: skip


def test_a_check_without_an_object_for_it_says_what_it_needs(shell: Shell) -> None:
    with KubernetesApi() as api:
        settings = {"gateway": {"kind": "gateway_api", "url": api.address}}
        (shell.folder / "config.yaml").write_text(yaml.safe_dump(settings))
        sticky = shell("gateway", "check", "--config", "config.yaml")
        settings |= {"rollout": {"unit": "call"}}
        (shell.folder / "config.yaml").write_text(yaml.safe_dump(settings))
        done = shell("gateway", "check", "--config", "config.yaml")
    assert (sticky.code, done.code) == (2, 1)
    assert "rollout.unit is conversation: must be call" in sticky.errors
    assert f"nothing says which object deals the calls of {ROUTE}" in done.errors


BLOCK = r"```yaml\n(.*?)```"
PAGE = (Path(gateways.__file__).parent / "gateway_api.md").read_text()


def test_the_page_is_short_and_its_settings_and_manifest_go_together(shell: Shell) -> None:
    assert len(PAGE.splitlines()) <= 80
    rules, settings = (
        yaml.safe_load(textwrap.dedent(block)) for block in re.findall(BLOCK, PAGE, re.DOTALL)
    )
    (shell.folder / "config.yaml").write_text(yaml.safe_dump(settings))
    manifest = an_object(name="answer") | {"spec": rules}
    (shell.folder / "routes.yaml").write_text(yaml.safe_dump(manifest))
    old, new = (Arm(config=ModelConfig(model=name)) for name in ("gpt-4o", "gpt-4o-mini"))
    trial = Trial(
        open=lambda: None,
        route="default/shop/answer",
        unit=Unit.CALL,
        arms=(new, old),
    )
    with closing(SqliteStore(shell.folder / "optimizer.db")) as store:
        store.put("documents", [Row(trial.route, "", to_json(trial.document(1, 10)))])
    (command,) = re.findall(r"^`llm-optimizer (documents .*)`$", PAGE, re.MULTILINE)
    done = shell(*command.split())
    assert (done.code, done.errors) == (0, "")
    assert yaml.safe_load(done.output)[-1]["path"] == "/spec/rules/0/backendRefs"
