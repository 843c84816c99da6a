"""What others do to an object that we steer, what a server refuses, and where it is found."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from connectors.gateways.gateway_api.api_server import ApiServer
from connectors.gateways.gateway_api.gateway import GatewayApiGateway
from connectors.mixes import reverted
from optimizer.errors import (
    GatewayRefused,
    GatewayUnreachable,
    RevisionConflict,
    SettingsInvalid,
)
from tests.answering import Answering, answer
from tests.kubernetes.api_server import KubernetesApi
from tests.kubernetes.manifests import KINDS, ROUTE, a_place, an_object, settings_of
from tests.kubernetes.opening import a_trial, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from optimizer.documents import Document


@pytest.fixture
def api() -> Iterator[KubernetesApi]:
    with KubernetesApi() as server:
        yield server


def applied(api: KubernetesApi, kind: str = "HTTPRoute") -> tuple[GatewayApiGateway, Document]:
    """A gateway that has brought a first document."""
    api.create(an_object(kind))
    gateway = opened(api.address, kind)
    document = a_trial(lambda: gateway).document(1, 40)
    gateway.apply(document, 0, "1")
    return gateway, document


def weigh(*weights: int) -> Callable[[dict[str, Any]], None]:
    def change(found: dict[str, Any]) -> None:
        for one, weight in zip(found["spec"]["rules"][1]["backendRefs"], weights, strict=True):
            one["weight"] = weight

    return change


@pytest.mark.parametrize("kind", KINDS)
def test_weights_that_somebody_else_changed_are_another_document_until_the_next_revision(
    kind: str, api: KubernetesApi
) -> None:
    gateway, document = applied(api, kind)
    api.edit(kind, "chat", weigh(1, 2, 1))
    there = gateway.read(ROUTE)
    assert there
    assert (there.revision, there != document) == (1, True)
    order = ("old", "new") if kind == "HTTPRoute" else ("new", "old")
    one, other = (f"{name}-model {weight}" for name, weight in zip(order, (1, 2), strict=True))
    assert there.reason.endswith(f"now deals to {one}, {other}, spare 1")
    assert sorted(one.slots for one in there.allotments) == [67, 133]
    with pytest.raises(
        RevisionConflict, match="no older than 1: somebody else changed"
    ) as conflict:
        gateway.apply(document, 1, "1")
    assert conflict.value.found == 1
    with pytest.raises(RevisionConflict, match="kubectl annotate"):
        gateway.remove(ROUTE, 1)
    newer = a_trial(lambda: gateway).document(2, 0)
    with pytest.raises(RevisionConflict, match="revision 1 is there, 0 was expected"):
        gateway.apply(newer, 0, "2")
    gateway.apply(newer, 1, "2")
    assert gateway.read(ROUTE) == newer


def test_a_rule_or_an_object_that_is_gone_serves_nothing(api: KubernetesApi) -> None:
    gateway, document = applied(api)
    api.edit("HTTPRoute", "chat", lambda found: found["spec"]["rules"].pop())
    there = gateway.read(ROUTE)
    assert there
    assert there.reason.endswith("deals to no backend at all")
    newer = a_trial(lambda: gateway).document(2)
    with pytest.raises(GatewayRefused, match="has no rule chat: it has 1"):
        gateway.apply(newer, 1, "2")
    api.objects.clear()
    assert gateway.read(ROUTE) is None
    assert list(gateway.routes()) == []
    with pytest.raises(GatewayRefused, match="HTTPRoute default/chat is not there: make it first"):
        gateway.apply(document, 0, "1")


def test_a_revert_undoes_also_what_somebody_else_changed(api: KubernetesApi) -> None:
    gateway, document = applied(api)
    api.edit("HTTPRoute", "chat", weigh(0, 5, 5))
    gateway.revert(ROUTE, 1)
    assert gateway.read(ROUTE) == reverted(document)
    patches = len([one for one in api.requests if one[0] == "PATCH"])
    gateway.revert(ROUTE, 1)
    assert len([one for one in api.requests if one[0] == "PATCH"]) == patches


def test_a_status_written_in_between_does_not_stand_in_the_way(api: KubernetesApi) -> None:
    gateway, _ = applied(api)
    turns = iter(range(3))

    def write_status(server: KubernetesApi) -> None:
        if (turn := next(turns, None)) is not None:
            server.edit("HTTPRoute", "chat", lambda found: found.update(status={"turn": turn}))

    api.before_patch = write_status
    newer = a_trial(lambda: gateway).document(2)
    gateway.apply(newer, 1, "2")
    assert gateway.read(ROUTE) == newer
    assert next(turns, None) is None


def test_an_object_that_never_rests_is_told_as_unreachable(api: KubernetesApi) -> None:
    gateway, _ = applied(api)
    turns = count()
    api.before_patch = lambda server: server.edit(
        "HTTPRoute", "chat", lambda found: found.update(status={"turn": next(turns)})
    )
    with pytest.raises(GatewayUnreachable, match="HTTPRoute default/chat is written too often"):
        gateway.apply(a_trial(lambda: gateway).document(2), 1, "2")


def test_damaged_annotations_are_nothing_and_are_written_anew(api: KubernetesApi) -> None:
    gateway, document = applied(api)

    def damage(found: dict[str, Any]) -> None:
        found["metadata"]["annotations"] = dict.fromkeys(found["metadata"]["annotations"], "{")

    api.edit("HTTPRoute", "chat", damage)
    assert gateway.read(ROUTE) is None
    gateway.apply(document, 0, "1")
    assert gateway.read(ROUTE) == document


def test_what_a_server_refuses_is_told_in_its_words(api: KubernetesApi) -> None:
    gateway, _ = applied(api)
    place = gateway._places[ROUTE]  # noqa: SLF001 - what it was opened with
    for value, told in ((1, 'unknown field "spec.rules'), ({"weight": -1}, "is invalid: ")):
        path = "/spec/rules/1/nosuch" if value == 1 else "/spec/rules/1/backendRefs/0"
        with pytest.raises(GatewayRefused, match="HTTPRoute default/chat cannot be dealt so") as no:
            gateway._server.patch(place, [{"op": "add", "path": path, "value": value}])  # noqa: SLF001
        assert told in str(no.value)
        assert len(str(no.value)) < 700


def test_what_nobody_mapped_and_what_no_server_knows_is_told_with_the_way_out() -> None:
    with Answering(answer(404, b"404 page not found\n", ["Content-Type: text/plain"])) as server:
        gateway = opened(server.address)
        with pytest.raises(GatewayRefused, match=r"name it in gateway\.gateway_api\.routes"):
            gateway.read("default/other/route")
        with pytest.raises(GatewayRefused, match="the server knows no HTTPRoute: install its CRD"):
            gateway.read(ROUTE)


def test_who_writes_shows_a_token_and_is_named() -> None:
    with KubernetesApi(token="t0ken") as api:  # noqa: S106 - made up
        api.create(an_object())
        with pytest.raises(GatewayRefused, match="401: Unauthorized: give a token"):
            opened(api.address).read(ROUTE)
        gateway = opened(api.address, token="t0ken")  # noqa: S106
        gateway.apply(a_trial(lambda: gateway).document(1), 0, "1")
        method, path, headers = api.requests[-1]
    query = "fieldManager=llm-auto-optimizer&fieldValidation=Strict"
    assert (method, path.partition("?")[2]) == ("PATCH", query)
    assert headers["Content-Type"] == "application/json-patch+json"


def test_two_routes_of_one_object_do_not_meet(api: KubernetesApi) -> None:
    manifest = an_object()
    manifest["spec"]["rules"][0] = manifest["spec"]["rules"][1] | {"name": "other"}
    before = api.create(manifest)
    places = [a_place(), a_place(route="default/other/route", rule="other")]
    gateway = settings_of(api.address, *places).gateway
    both = GatewayApiGateway(ApiServer(gateway, {}), gateway.gateway_api.routes)
    first = a_trial(lambda: both).document(1, 40)
    second = replace(first, route="default/other/route", revision=9)
    both.apply(first, 0, "1")
    both.apply(second, 0, "9")
    assert both.routes() == [ROUTE, "default/other/route"]
    assert (both.read(first.route), both.read(second.route)) == (first, second)
    both.remove(ROUTE, 1)
    assert (both.read(first.route), both.read(second.route)) == (None, second)
    both.remove(second.route, 9)
    assert api.objects["HTTPRoute", "default", "chat"]["spec"] == before["spec"]


@pytest.mark.parametrize(
    ("environment", "address"),
    [
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "6443"},
         "https://10.0.0.1:6443"),
        ({"KUBERNETES_SERVICE_HOST": "fd00::1"}, "https://[fd00::1]:443"),
    ],
)  # fmt: skip
def test_in_a_pod_the_server_is_found_by_itself(environment: dict[str, str], address: str) -> None:
    gateway = settings_of("http://x", a_place()).gateway
    server = ApiServer(replace(gateway, url=None), environment)
    assert server.address == address


def test_outside_a_pod_the_address_must_be_given_and_certificates_be_some(tmp_path: Path) -> None:
    gateway = settings_of("https://x", a_place()).gateway
    with pytest.raises(SettingsInvalid, match=r"`kubectl proxy`.*OPTIMIZER_GATEWAY__URL"):
        ApiServer(replace(gateway, url=None), {})
    (tmp_path / "none.pem").write_text("no certificate")
    for name in ("none.pem", "missing.pem"):
        told = replace(gateway.gateway_api, ca_file=str(tmp_path / name))
        with pytest.raises(SettingsInvalid, match=f"ca_file is .*{name}.*GATEWAY_API__CA_FILE"):
            ApiServer(replace(gateway, gateway_api=told), {})
