"""What an alert in our own form must be, whoever wrote it: state keeps it, people read it."""

from __future__ import annotations

import re

from optimizer.errors import InvalidEvent
from optimizer.events import Alert, FeedbackEvent

ANOMALY = re.compile(r"[a-z0-9_]{1,128}")  # part of a rule's name
MOST_LETTERS = 400
ROUTE_PARTS = 3


def check_alert(event: FeedbackEvent, alert: Alert) -> None:
    """Refuse an alert that is none, or that nobody should have to keep.

    Raises:
        InvalidEvent: It is of no route, its confidence is outside [0, 1], it counts fewer than no
            calls, or one of its texts is too long or cannot be printed.
    """
    if alert.confidence is not None and not 0 <= alert.confidence <= 1:
        raise _fault("confidence", f"is {alert.confidence:g}: must be in [0, 1]")
    if alert.samples < 0:
        raise _fault("samples", f"is {alert.samples}: must be at least 0")
    if len([*filter(None, alert.route.split("/", ROUTE_PARTS - 1))]) != ROUTE_PARTS:
        raise _fault("route", "must be tenant/service/route")
    if not ANOMALY.fullmatch(alert.anomaly):
        raise _fault("anomaly", "must be small letters, digits and underscores, at most 128")
    for name in ("route", "model", "method", "metric", "trace_id", "title"):
        text = getattr(alert, name)
        if len(text) > MOST_LETTERS or not text.isprintable():
            raise _fault(name, f"must be printable, at most {MOST_LETTERS} letters")
    if len(event.id) > MOST_LETTERS:
        raise InvalidEvent(f"FeedbackEvent: id must have at most {MOST_LETTERS} letters")


def _fault(name: str, wrong: str) -> InvalidEvent:
    return InvalidEvent(f"FeedbackEvent: data.{name} {wrong}")
