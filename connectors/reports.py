"""What a report of an actuator must be, whoever wrote it: state keeps it, people read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.readable import check_texts, fault, parts_in
from optimizer.events import ReportOutcome

if TYPE_CHECKING:
    from optimizer.events import FeedbackEvent, Report


def check_report(event: FeedbackEvent, report: Report) -> None:
    """Refuse a report that is none, or that nobody should have to keep.

    Raises:
        InvalidEvent: It is of no route, it says that a model is gone and not which, or one of its
            texts is too long or cannot be printed.
    """
    if not parts_in(report.route):
        raise fault("route", "must be tenant/service/route")
    if report.outcome is ReportOutcome.MODEL_GONE and not report.arm:
        raise fault("arm", 'is "": a model that is gone is named by its arm')
    check_texts(event, report, ("route", "gateway", "arm", "detail"))
