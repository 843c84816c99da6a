"""What an alert in our own form must be, whoever wrote it: state keeps it, people read it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from connectors.readable import check_texts, fault, parts_in

if TYPE_CHECKING:
    from optimizer.events import Alert, FeedbackEvent

ANOMALY = re.compile(r"[a-z0-9_]{1,128}")  # part of a rule's name


def check_alert(event: FeedbackEvent, alert: Alert) -> None:
    """Refuse an alert that is none, or that nobody should have to keep.

    Raises:
        InvalidEvent: It is of no route, its confidence is outside [0, 1], it counts fewer than no
            calls, or one of its texts is too long or cannot be printed.
    """
    if alert.confidence is not None and not 0 <= alert.confidence <= 1:
        raise fault("confidence", f"is {alert.confidence:g}: must be in [0, 1]")
    if alert.samples < 0:
        raise fault("samples", f"is {alert.samples}: must be at least 0")
    if not parts_in(alert.route):
        raise fault("route", "must be tenant/service/route")
    if not ANOMALY.fullmatch(alert.anomaly):
        raise fault("anomaly", "must be small letters, digits and underscores, at most 128")
    check_texts(event, alert, ("route", "model", "method", "metric", "trace_id", "title"))
