"""Keys of gateways that are spoken to over HTTP: who is asked, with what, and for how long."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from connectors.api.opening_gateways import open_gateway
from connectors.gateways.reference import managed_configs
from connectors.gateways.reference.serving import JsonFile, JsonServer
from optimizer.errors import GatewayUnreachable, SettingsInvalid
from tests.answering import Answering, answer
from tests.connectors.acting import a_document
from tests.settings_probes.probe import Probe

if TYPE_CHECKING:
    from connectors.gateways.reference.serving import Reply, Request
    from optimizer.ports import Gateway
    from optimizer.settings import Settings

HERE = "http://127.0.0.1:1"  # a probe puts a server of its own there


def opened(settings: Settings, address: str) -> Gateway:
    return open_gateway(replace(settings, gateway=replace(settings.gateway, url=address)))


def is_opened(settings: Settings) -> bool:
    try:
        open_gateway(settings)
    except SettingsInvalid:
        return False
    return True


def authorization(settings: Settings) -> list[str]:
    """Give what a server is shown."""
    with Answering(answer(200, b'{"routes": []}')) as server:
        opened(settings, server.address).routes()
    lines = server.requests[0].split("\r\n")
    return [line for line in lines if line.startswith("Authorization")]


def waits_for_a_silent_one(settings: Settings) -> str:
    with Answering() as server:
        try:
            opened(settings, server.address).routes()
        except GatewayUnreachable as error:
            return str(error).rpartition(": ")[2].partition(" (")[0]
    return "an answer"


def written(settings: Settings) -> list[tuple[Any, ...]]:
    """Give where a Config Manager is told to keep a document."""
    asked: list[Request] = []
    answered = managed_configs.made(JsonFile(None))

    def remember(request: Request) -> Reply:
        asked.append(request)
        return answered(request)

    with closing(JsonServer(remember)) as server:
        opened(settings, server.address).apply(a_document(1), 0, "")
    return [(one.parts[3], one.content["env"]) for one in asked if one.method == "POST"]


GIVEN = {"gateway": {"kind": "orchestrator", "url": HERE}}
CONFIGS = {"gateway": {"kind": "config_manager", "url": HERE}}
PROBES = (
    Probe("gateway.url", (None, HERE), is_opened, (False, True), GIVEN),
    Probe(
        "gateway.token",
        (None, "abc"),
        authorization,
        ([], ["Authorization: Bearer abc"]),
        GIVEN,
    ),
    Probe(
        "gateway.timeout_secs",
        (0.1, 0.2),
        waits_for_a_silent_one,
        ("no whole answer in 0.1 s", "no whole answer in 0.2 s"),
        GIVEN,
    ),
    Probe(
        "gateway.config_manager.namespace",
        ("llm-optimizer", "acme/live"),
        written,
        ([("llm-optimizer", "production")], [("acme/live", "production")]),
        CONFIGS,
    ),
    Probe(
        "gateway.config_manager.environment",
        ("production", "edge"),
        written,
        ([("llm-optimizer", "production")], [("llm-optimizer", "edge")]),
        CONFIGS,
    ),
)
