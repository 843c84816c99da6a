"""Keys of the gateway: what the actuator beside a run makes of a document in the log."""

from __future__ import annotations

import json
import logging
import time
from contextlib import ExitStack, chdir, closing, contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from connectors.api.opening import open_log
from connectors.api.opening_gateways import open_gateway
from connectors.codecs import cloud_event, to_json
from connectors.documents.parsing import open_file
from connectors.documents.sources import ServerSource
from connectors.inputs import INPUTS
from connectors.publisher import DOCUMENTS
from dataflows.actuate import beside
from dataflows.alone import hold
from optimizer.settings import GatewayKind
from tests.answering import Answering, answer
from tests.connectors.acting import ROUTE, a_document
from tests.settings_probes.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from optimizer.settings import Settings

PATIENCE_S = 20
CURRENT, LEASE = f"documents/current/{ROUTE}.json", f"documents/leases/{ROUTE}.json"


@contextmanager
def actuated(settings: Settings) -> Iterator[None]:
    """Stand in a folder where a leased step was brought to the gateway, which goes on."""
    with TemporaryDirectory() as folder, chdir(folder), ExitStack() as stack:
        log = stack.enter_context(closing(open_log(settings.database.connection_string)))
        event = cloud_event(a_document(1, leased=True), "svc")
        log.append(DOCUMENTS, [(ROUTE, to_json(event))])
        with ExitStack() as running:
            beside(running, settings, is_held=hold(running, settings))
            until = time.monotonic() + PATIENCE_S  # noqa: TID251 - a real thread
            while settings.gateway.kind is not GatewayKind.NONE and not log.end(INPUTS):
                assert time.monotonic() < until  # noqa: TID251
                time.sleep(0.01)
            yield


def published(names: Iterable[str], settings: Settings) -> list[Any]:
    """Give what these files hold; None for those that are not there."""
    with actuated(settings):
        found = (Path(name) for name in names)
        return [json.loads(path.read_bytes()) if path.exists() else None for path in found]


class _Told(logging.Handler):
    """Remembers where documents are served, as the journal tells it."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "documents_served":
            self.addresses.append(record.fields["address"])  # type: ignore[attr-defined]


def served(settings: Settings) -> list[tuple[str | None, int]]:
    """Give each host that serves documents, and the revision it serves."""
    journal, told = logging.getLogger("llm_optimizer"), _Told()
    level = journal.level
    journal.addHandler(told)
    journal.setLevel(logging.INFO)
    try:
        with actuated(settings):
            return [(urlsplit(each).hostname, _revision(each)) for each in told.addresses]
    finally:
        journal.removeHandler(told)
        journal.setLevel(level)


def _revision(address: str) -> int:
    with closing(ServerSource(address)) as source:
        data = source.fetch(CURRENT.removeprefix("documents/")).data
    return open_file(data or b"").document.revision


def are_there(names: Iterable[str], settings: Settings) -> list[bool]:
    return [content is not None for content in published(names, settings)]


def is_signed(settings: Settings) -> list[bool]:
    return ["ed25519" in content["proof"] for content in published((CURRENT, LEASE), settings)]


def lease_length_s(settings: Settings) -> float:
    (lease,) = published([LEASE], settings)
    begun, until = (datetime.fromisoformat(lease[name]) for name in ("issued_at", "until"))
    return (until - begun).total_seconds()


def told_by_replicas(settings: Settings) -> list[int | None]:
    """Give what a proxy that runs revision 3 is read as; the settings name it by its place."""
    status = {"routes": {"a/b/c": {"revision": 3, "is_followed": True}}}
    with Answering(answer(content=json.dumps(status).encode())) as server:
        named = tuple(server.address for _ in settings.gateway.replicas)
        gateway = replace(settings.gateway, replicas=named)
        opened = open_gateway(replace(settings, gateway=gateway))
        return list(opened.observe("a/b/c").values())


HOSTS = ("127.0.0.1", "127.0.0.2")
GIVEN = {"gateway": {"kind": "documents"}}
GIVEN_PORT = {"gateway": {"kind": "documents", "http_port": 0}}
PROBES = (
    Probe(
        "gateway.kind",
        ("none", "memory"),
        partial(are_there, ["data/gateway.json", CURRENT]),
        ([False, False], [True, False]),
    ),
    Probe(
        "gateway.documents_dir",
        ("documents", "elsewhere"),
        partial(are_there, [CURRENT, CURRENT.replace("documents", "elsewhere")]),
        ([True, False], [False, True]),
        GIVEN,
    ),
    Probe("gateway.signing_key", (None, "5e" * 32), is_signed, ([False] * 2, [True] * 2), GIVEN),
    Probe("gateway.http_port", (None, 0), served, ([], [("127.0.0.1", 1)]), GIVEN),
    Probe("gateway.http_host", HOSTS, served, tuple([(host, 1)] for host in HOSTS), GIVEN_PORT),
    Probe("gateway.replicas", ([], ["http://host:4000"]), told_by_replicas, ([], [3]), GIVEN),
    Probe("gateway.lease_secs", (30, 900), lease_length_s, (30, 900), GIVEN),
)
