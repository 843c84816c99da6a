"""A log and a gateway on disk, and actuators that are processes of their own."""

from __future__ import annotations

import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING

from connectors.codecs import cloud_event, from_json, to_json
from connectors.gateways.memory import MemoryGateway
from connectors.gateways.shelves import FileShelf
from connectors.inputs import INPUTS
from connectors.logs.sqlite import SqliteLog
from connectors.publisher import DOCUMENTS
from connectors.recordings import messages
from optimizer.errors import GatewayUnreachable
from optimizer.events import FeedbackEvent
from optimizer.observe.columns import RecordKind
from tests.command_line import start

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

    from optimizer.documents import Document
    from optimizer.events import Report

PATIENCE_S = 120
_KINDS = {kind.value: kind for kind in RecordKind}


class Scene:
    """A folder with a log and what the actuators in it make of its documents."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []
        self.gateway = MemoryGateway(shelf=FileShelf(folder / "data" / "gateway.json"))

    def start(self, *command: object, most_kb: int = 0, **more: str) -> subprocess.Popen[str]:
        """Start an actuator, or another command."""
        variables = {
            "OPTIMIZER_GATEWAY__KIND": "memory",
            "OPTIMIZER_SERVICE__DATA_DIR": str(self.folder / "data"),
            "OPTIMIZER_DATABASE__CONNECTION_STRING": f"sqlite://{self.folder}/optimizer.db",
        } | more
        process = start(*command or ("actuate",), cwd=self.folder, most_kb=most_kb, **variables)
        self.processes.append(process)
        return process

    def close(self) -> None:
        """End what a test that failed left running."""
        for process in self.processes:
            process.kill()
            process.communicate()

    def say(self, *documents: Document) -> None:
        """Append documents to the log."""
        events = [(one.route, to_json(cloud_event(one, "svc"))) for one in documents]
        with closing(SqliteLog(self.folder / "optimizer.db")) as log:
            log.append(DOCUMENTS, events)

    def reports(self) -> list[Report]:
        """Give what was reported by now, each once."""
        with closing(SqliteLog(self.folder / "optimizer.db")) as log:
            entries = log.read(INPUTS, 0, 100_000)
        records = [record for one in entries for record in messages.decode(one.value, _KINDS)]
        events = [from_json(FeedbackEvent, record.body) for record in records]
        return [event.data for event in {event.id: event for event in events}.values()]

    def told(self) -> list[tuple[str, int]]:
        """Give outcome and revision of what was reported."""
        return [(str(one.outcome), one.revision) for one in self.reports()]

    def in_force(self, route: str) -> int:
        """Give the revision in force at the gateway; 0 for none."""
        with suppress(GatewayUnreachable):
            document = self.gateway.read(route)
            return document.revision if document else 0
        return 0


def wait_until(
    is_so: Callable[[], bool], patience_s: float = PATIENCE_S, pause_s: float = 0.01
) -> None:
    """Wait for what processes are to bring about."""
    until = time.monotonic() + patience_s  # noqa: TID251 - real processes
    while not is_so():
        assert time.monotonic() < until, "it did not come about"  # noqa: TID251
        time.sleep(pause_s)
