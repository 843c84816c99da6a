"""Keys of gateways that are spoken to over HTTP: who is asked, with what, and for how long."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

from connectors.gateways.http import client_of
from optimizer.errors import GatewayUnreachable, SettingsInvalid
from optimizer.settings import Settings
from tests.answering import Answering, answer
from tests.settings_probes.probe import Probe

HERE = "http://127.0.0.1:1"  # the probe puts a server of its own there


def is_told_where(settings: Settings) -> bool:
    try:
        client_of(settings.gateway)
    except SettingsInvalid:
        return False
    return True


def authorization(settings: Settings) -> list[str]:
    """Give what a server is shown."""
    with Answering(answer()) as server:
        client_of(replace(settings.gateway, url=server.address)).request("GET", "/")
    lines = server.requests[0].split("\r\n")
    return [line for line in lines if line.startswith("Authorization")]


def waits_for_a_slow_one(settings: Settings) -> str:
    with ExitStack() as stack:
        server = stack.enter_context(Answering())
        try:
            client_of(replace(settings.gateway, url=server.address)).request("GET", "/")
        except GatewayUnreachable as error:
            return str(error).rpartition(": ")[2]
    return "an answer"


GIVEN = {"gateway": {"url": HERE}}
PROBES = (
    Probe("gateway.url", (None, HERE), is_told_where, (False, True)),
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
        waits_for_a_slow_one,
        ("no whole answer in 0.1 s", "no whole answer in 0.2 s"),
        GIVEN,
    ),
)
