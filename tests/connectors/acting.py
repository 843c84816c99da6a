"""An actuator between a log in memory and a gateway, in a time that moves when it waits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from connectors.actuator import Actuator, open_state
from connectors.codecs import cloud_event, from_json, to_json
from connectors.gateways.memory import MemoryGateway
from connectors.gateways.shelves import MemoryShelf
from connectors.inputs import INPUTS
from connectors.logs.memory import MemoryLog
from connectors.publisher import DOCUMENTS
from connectors.recordings import messages
from optimizer.events import FeedbackEvent, Report
from optimizer.observe.columns import RecordKind
from tests.connectors.gateway_kinds import SECOND_NS, Time, a_trial

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from optimizer.documents import Document
    from optimizer.observe.columns import Record
    from optimizer.ports import Log

ROUTE = a_trial().route
LEASE_S = 30
_KINDS = {kind.value: kind for kind in RecordKind}


def a_document(revision: int, slots: int = 10, **changes) -> Document:
    return replace(a_trial().document(revision, slots), **changes)


class Stage:
    """A log, a gateway and any number of actuators between them."""

    def __init__(self, folder: Path, **options) -> None:
        self.folder = folder
        self.time = Time()
        self.log: Log = MemoryLog()
        self.shelf = MemoryShelf()
        self.options = options
        self.gateway = self.opened()
        self.judged = True

    def opened(self) -> MemoryGateway:
        lease_ns = LEASE_S * SECOND_NS
        return MemoryGateway(shelf=self.shelf, clock=self.time, lease_ns=lease_ns, **self.options)

    def actuator(self, name: str = "actuator", gateway: MemoryGateway | None = None) -> Actuator:
        """Start one; those of the same name go on with the same state."""
        return Actuator(
            self.log,
            gateway or self.gateway,
            self.append,
            open_state(self.folder / f"{name}.db"),
            lease_s=LEASE_S,
            is_judged=lambda: self.judged,
            clock=self.time,
            timer=lambda: self.time.now_ns / SECOND_NS,
        )

    def append(self, records: Iterable[Record]) -> None:
        self.log.append(INPUTS, [(each.partition, messages.encode(each)) for each in records])

    def say(self, *documents: Document) -> None:
        events = [(one.route, to_json(cloud_event(one, "svc"))) for one in documents]
        self.log.append(DOCUMENTS, events)

    def play(
        self, actuator: Actuator, seconds: float = 2.0, until: Callable[[], bool] | None = None
    ):
        """Let an actuator take turns for so long."""
        end_ns = self.time.now_ns + round(seconds * SECOND_NS)
        while self.time.now_ns < end_ns and not (until and until()):
            self.time.wait(max(0.001, actuator.turn()))

    def events(self) -> list[FeedbackEvent]:
        """Give what was reported."""
        entries = self.log.read(INPUTS, 0, 100_000)
        records = [record for one in entries for record in messages.decode(one.value, _KINDS)]
        assert {record.kind for record in records} <= {RecordKind.REPORT}
        return [from_json(FeedbackEvent, record.body) for record in records]

    def reports(self) -> list[Report]:
        return [event.data for event in self.events()]

    def told(self) -> list[tuple[str, int]]:
        return [(str(one.outcome), one.revision) for one in self.reports()]

    def applied(self) -> list[int]:
        """Give the revisions that were written, in their order."""
        return [one.revision for one in self.gateway.writes() if one.what == "apply"]
