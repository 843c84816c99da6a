"""Reports on their way to the log, each once: also through restarts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid5

from connectors.commands import as_record
from connectors.journal import note
from connectors.readable import MOST_LETTERS
from optimizer.events import EventSource, EventType, FeedbackEvent, Report, ReportOutcome
from optimizer.findings import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from connectors.sqlite import Database
    from optimizer.observe.columns import Record

    Append = Callable[[Iterable[Record]], None]

_REMEMBERED = 100_000


class Outbox:
    """Tells reports that were not told before; those that cannot be told now wait.

    A crash between telling and noting it tells a report again, with the same id.

    Args:
        append: Adds records to the log's own input; they are durable when it returns.
        state: Where it is noted what was told.
        clock: Gives nanoseconds since the epoch.
    """

    def __init__(self, append: Append, state: Database, clock: Callable[[], int]) -> None:
        self._append = append
        self._state = state
        self._clock = clock
        self._waiting: dict[str, FeedbackEvent] = {}
        self._told = {name for (name,) in state.rows("SELECT id FROM told")}
        self._unkept: list[str] = []

    def tell(self, report: Report, *identity: object) -> None:
        """Let a report wait to be told, if it was not told before.

        Args:
            report: The report.
            identity: What tells it from others of its outcome, revision, route and gateway.
        """
        facts = (report.gateway, report.route, report.revision, report.outcome, *identity)
        name = str(uuid5(NAMESPACE, "\n".join(("report", *map(str, facts)))))
        if name in self._told or name in self._waiting:
            return
        self._waiting[name] = FeedbackEvent(
            id=name,
            timestamp=datetime.fromtimestamp(self._clock() // 1000 / 1e6, UTC),
            source=EventSource.SYSTEM,
            event_type=EventType.METRIC,
            data=report,
        )
        level = "warn" if report.outcome is ReportOutcome.CONFLICT else "info"
        note(level, "gateway_reported", **_fields(report))

    def send(self) -> None:
        """Tell what waits.

        Raises:
            StorageFailed: The log, or the file that notes it, cannot be written; what was not told
                waits for the next time.
        """
        if self._waiting:
            now_ns = self._clock()
            self._append([as_record(event, now_ns) for event in self._waiting.values()])
            self._told.update(self._waiting)
            self._unkept += self._waiting
            self._waiting.clear()
        if self._unkept:
            self._keep()

    def _keep(self) -> None:
        with self._state.transaction() as connection:
            names = [(name,) for name in self._unkept]
            connection.executemany("INSERT OR IGNORE INTO told (id) VALUES (?)", names)
            oldest = "DELETE FROM told WHERE number <= (SELECT max(number) FROM told) - ?"
            connection.execute(oldest, (_REMEMBERED,))
        self._unkept.clear()


def as_detail(text: str) -> str:
    """Give a text as a report may carry it: one line, not too long."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text)
    return printable if len(printable) <= MOST_LETTERS else f"{printable[: MOST_LETTERS - 1]}…"


def _fields(report: Report) -> dict[str, object]:
    told = {"route": report.route, "revision": report.revision, "outcome": str(report.outcome)}
    return told | ({"detail": report.detail} if report.detail else {})
