"""Keys of the receiver: who is answered what, where."""

from __future__ import annotations

import logging
import threading
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from dataflows.followed import followed
from tests.settings_probes.probe import Probe

if TYPE_CHECKING:
    from optimizer.settings import Settings

SIZES = (1, 2 << 20)
TOKEN = "open-sesame"  # noqa: S105 - made up
PATIENCE_S = 20


class _Told(logging.Handler):
    """Remembers where telemetry is received, as the journal tells it."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() == "otlp_received":
            self.addresses.append(record.fields["address"])  # type: ignore[attr-defined]


def answered(settings: Settings, sizes: tuple[int, ...] = (1,)) -> list[tuple[str | None, int]]:
    """Give the host of each receiver, and what it answers to requests of some sizes."""
    journal, told = logging.getLogger("llm_optimizer"), _Told()
    level = journal.level
    journal.addHandler(told)
    journal.setLevel(logging.INFO)
    try:
        with TemporaryDirectory() as folder, ExitStack() as stack:
            followed(stack, settings, Path(folder), threading.Event())
            return [
                (urlsplit(address).hostname, _status(address, size))
                for address in told.addresses
                for size in sizes
            ]
    finally:
        journal.removeHandler(told)
        journal.setLevel(level)


def _status(address: str, size: int) -> int:
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{address}/v1/traces",
        data=b" " * size,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {TOKEN}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def of_sizes(settings: Settings) -> list[int]:
    return [status for _, status in answered(settings, SIZES)]


HOSTS = ("127.0.0.1", "127.0.0.2")
FILES = {"input": {"path": "spans.jsonl"}, "database": {"connection_string": "memory://"}}
GIVEN = {"input": {"otlp_http_port": 0}, "database": {"connection_string": "memory://"}}
PROBES = (
    Probe("input.otlp_http_port", (None, 0), answered, ([], [("127.0.0.1", 200)]), FILES),
    Probe("input.otlp_http_host", HOSTS, answered, tuple([(host, 200)] for host in HOSTS), GIVEN),
    Probe(
        "input.otlp_http_token",
        (TOKEN, "another-one"),
        answered,
        ([("127.0.0.1", 200)], [("127.0.0.1", 401)]),
        GIVEN,
    ),
    Probe("input.otlp_http_max_mb", (1, 2), of_sizes, ([200, 413], [200, 200]), GIVEN),
)
