"""Keys of the Kubernetes gateway: which object is asked for and patched, and how."""

from __future__ import annotations

import ssl
from contextlib import chdir
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from connectors.gateways.gateway_api.api_server import ApiServer
from connectors.gateways.gateway_api.gateway import GatewayApiGateway
from connectors.gateways.trials import Trial
from optimizer.documents import Unit
from optimizer.errors import GatewayUnreachable, OptimizerError
from tests.kubernetes.api_server import KubernetesApi
from tests.kubernetes.certificates import self_signed
from tests.kubernetes.manifests import KINDS, ROUTE, a_place, an_object
from tests.settings_probes.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Callable

    from optimizer.settings import Settings

OTHER = "default/gateway-check/other"
References = list[dict[str, Any]]


def opened(settings: Settings, api: KubernetesApi) -> GatewayApiGateway:
    gateway = replace(settings.gateway, url=api.address)
    return GatewayApiGateway(ApiServer(gateway, {}), gateway.gateway_api.routes)


def steered(tell: Callable[[References], Any], settings: Settings) -> dict[str, Any] | str:
    """Apply a document; give what each object then tells that is not as it was."""
    with KubernetesApi() as api:
        for kind in KINDS:
            api.create(an_object(kind))
            api.create(an_object(kind, "other"))
        elsewhere = an_object()
        elsewhere["metadata"]["namespace"] = "elsewhere"
        elsewhere["spec"]["rules"].reverse()
        api.create(elsewhere)
        before = dict(api.objects)
        document = Trial(open=lambda: opened(settings, api), route=ROUTE, unit=Unit.CALL).document(
            1
        )
        try:
            opened(settings, api).apply(document, 0, "1")
        except OptimizerError as error:
            return type(error).__name__
        return {
            f"{'/'.join(key)}.{number}": tell(rule["backendRefs"])
            for key, found in api.objects.items()
            for number, rule in enumerate(found["spec"]["rules"])
            if rule != before[key]["spec"]["rules"][number]
        }


def weights(references: References) -> list[int]:
    return [one["weight"] for one in references]


def filters(references: References) -> list[int]:
    return [len(one.get("filters", ())) for one in references]


def shown_tokens(settings: Settings) -> list[str]:
    """Give the tokens that are shown while that of the service account changes."""
    with TemporaryDirectory() as folder, chdir(folder), KubernetesApi() as api:
        for name, token in (("one", "first"), ("other", "second")):
            Path(name).mkdir()
            (Path(name) / "token").write_text(f"{token}\n")
        gateway = opened(settings, api)
        gateway.read(ROUTE)
        (Path("one") / "token").write_text("renewed")
        gateway.read(ROUTE)
        return [headers["Authorization"] for _, _, headers in api.requests]


def is_trusted(settings: Settings) -> bool:
    """Tell whether a server that shows a certificate of its own is believed."""
    with TemporaryDirectory() as folder, chdir(folder):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self_signed(Path("ca.pem"), Path("key.pem")))
        with KubernetesApi(tls=context) as api:
            try:
                opened(settings, api).read(ROUTE)
            except GatewayUnreachable:
                return False
    return True


def _given(**changes: Any) -> dict[str, Any]:
    return {"gateway": {"gateway_api": {"routes": [a_place(**changes)]}}}


AT = "gateway.gateway_api"
ITEM, BACKEND = f"{AT}.routes[]", f"{AT}.routes[].backends[]"
PATCHED = partial(steered, weights)
CHAT = {"HTTPRoute/default/chat.1": [190, 10, 0]}
FILTERED = {"HTTPRoute/default/chat.1": [1, 1, 0]}, {"HTTPRoute/default/chat.1": [2, 2, 0]}
PROBES = (
    Probe(f"{AT}.ca_file", (None, "ca.pem"), is_trusted, (False, True), _given()),
    Probe(
        f"{AT}.service_account_dir",
        ("one", "other"),
        shown_tokens,
        (["Bearer first", "Bearer renewed"], ["Bearer second", "Bearer second"]),
        _given(),
    ),
    Probe(f"{ITEM}.route", (ROUTE, OTHER), PATCHED, (CHAT, "GatewayRefused"), _given()),
    Probe(
        f"{ITEM}.resource",
        KINDS,
        PATCHED,
        (CHAT, {"AIGatewayRoute/default/chat.1": [10, 190, 1]}),
        _given(rule="1"),
    ),
    Probe(
        f"{ITEM}.namespace",
        ("default", "elsewhere"),
        PATCHED,
        (CHAT, {"HTTPRoute/elsewhere/chat.0": [190, 10, 0]}),
        _given(),
    ),
    Probe(
        f"{ITEM}.name",
        ("chat", "other"),
        PATCHED,
        (CHAT, {"HTTPRoute/default/other.1": [190, 10, 0]}),
        _given(),
    ),
    Probe(f"{ITEM}.rule", ("chat", "0"), PATCHED, (CHAT, "ModelGone"), _given()),
    Probe(f"{ITEM}.stamp_responses", (False, True), partial(steered, filters), FILTERED, _given()),
    Probe(
        f"{BACKEND}.arm",
        ("check-new", "check-old"),
        PATCHED,
        (CHAT, "GatewayRefused"),
        _given(),
    ),
    Probe(
        f"{BACKEND}.name",
        ("new-model", "spare"),
        PATCHED,
        (CHAT, {"HTTPRoute/default/chat.1": [190, 0, 10]}),
        _given(),
    ),
    Probe(f"{BACKEND}.namespace", (None, "elsewhere"), PATCHED, (CHAT, "ModelGone"), _given()),
)
