"""What a choice costs the request path, and how soon a client follows a new document."""

from __future__ import annotations

import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.client import Client
from connectors.documents.folder import Folder
from connectors.documents.server import DocumentServer
from tests.benchmarks.figures import Figure, share
from tests.connectors.documents.examples import PAIR, ROUTE, a_document, a_lease

if TYPE_CHECKING:
    from collections.abc import Iterable


def run(*, small: bool, data: Path | None) -> Iterable[Figure]:  # noqa: ARG001 - needs none
    """Measure choices under a leased document, without and with signed stamps."""
    units = [f"conversation-{number:032x}" for number in range(500 if small else 20_000)]
    with tempfile.TemporaryDirectory() as place:
        folder = Folder(Path(place), PAIR.private)
        document = a_document(slots=100)
        folder.publish(document, lease=a_lease(document, datetime.now(UTC)))  # noqa: TID251
        for name, key in (("client_choose_us", None), ("client_choose_signed_us", "a key")):
            with Client(folder.path, PAIR.public, key, routes=[ROUTE]) as client:
                yield Figure(f"{name}_first_200", _each_us(client, units[:200]), "us", "mean")
                times = [_each_us(client, units) for _ in range(2 if small else 7)]
            yield Figure(name, min(times), "us", "mean, best run")
            yield Figure(f"{name}_median", share(times, 0.5), "us", "mean, median run")
        times = _follow_ms(folder, range(8, 10 if small else 28))
        yield Figure("client_follow_ms", max(times), "ms", "published to followed, HTTP, worst")


def _each_us(client: Client, units: list[str]) -> float:
    began = time.perf_counter()
    for unit in units:
        client.choose(ROUTE, unit)
    return (time.perf_counter() - began) / len(units) * 1e6


def _follow_ms(folder: Folder, revisions: range) -> list[float]:
    server, times = DocumentServer(folder.path), []
    with Client(server.address, PAIR.public, routes=[ROUTE]) as client:
        for revision in revisions:
            folder.publish(a_document(revision=revision, leased=False))
            began = time.perf_counter()
            while client.choose(ROUTE, "someone").revision != revision:
                time.sleep(0.001)
            times.append((time.perf_counter() - began) * 1e3)
    server.close()
    return times
