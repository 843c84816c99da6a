"""What a report of an actuator must be, whoever wrote it: state keeps it, people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.alerts import MOST_LETTERS, ROUTE_PARTS
from optimizer.errors import InvalidEvent
from optimizer.events import ReportOutcome

if TYPE_CHECKING:
    from optimizer.events import FeedbackEvent, Report


def check_report(event: FeedbackEvent, report: Report) -> None:
    """Refuse a report that is none, or that nobody should have to keep.

    Raises:
        InvalidEvent: It is of no route, it says that a model is gone and not which, or one of its
            texts is too long or cannot be printed.
    """
    if len([*filter(None, report.route.split("/", ROUTE_PARTS - 1))]) != ROUTE_PARTS:
        raise _fault("route", "must be tenant/service/route")
    if report.outcome is ReportOutcome.MODEL_GONE and not report.arm:
        raise _fault("arm", 'is "": a model that is gone is named by its arm')
    for name in ("route", "gateway", "arm", "detail"):
        text = getattr(report, name)
        if len(text) > MOST_LETTERS or not text.isprintable():
            raise _fault(name, f"must be printable, at most {MOST_LETTERS} letters")
    if len(event.id) > MOST_LETTERS:
        raise InvalidEvent(f"FeedbackEvent: id must have at most {MOST_LETTERS} letters")


def _fault(name: str, wrong: str) -> InvalidEvent:
    return InvalidEvent(f"FeedbackEvent: data.{name} {wrong}")
