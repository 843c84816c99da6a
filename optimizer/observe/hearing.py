"""Events that are no calls: from when on they count, and which come too early or too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.events import Heard, nanoseconds
from optimizer.panes import FINAL_NS, MINUTE_NS

if TYPE_CHECKING:
    from optimizer.events import FeedbackEvent
    from optimizer.observe.columns import Record
    from optimizer.observe.rules import StreamRules


def heard(event: FeedbackEvent, watermark_ns: int) -> Heard:
    """Give an event with the instant from which it counts.

    Args:
        event: The event.
        watermark_ns: How far the time of the partition it came in has come.
    """
    due_ns = max(nanoseconds(event.timestamp), watermark_ns)
    return Heard(event, min(due_ns, FINAL_NS))  # what is due after all time cannot be stored


def is_ahead(event: FeedbackEvent, record: Record, rules: StreamRules) -> bool:
    """Tell whether an event says it happened after anybody could have known."""
    return nanoseconds(event.timestamp) > record.stamp_ns + rules.skew_ns


def is_over(alert: Heard, rules: StreamRules) -> bool:
    """Tell whether an alert no longer holds at the end of the minute in which it counts."""
    end_ns = (alert.due_ns // MINUTE_NS + 1) * MINUTE_NS
    return end_ns - nanoseconds(alert.event.timestamp) >= rules.alert_ns
