"""Events that are no calls: from when on they count, and which come too early or too late."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.events import Heard, Order, OrderAction, Report, nanoseconds
from optimizer.panes import FINAL_NS, MINUTE_NS

if TYPE_CHECKING:
    from optimizer.events import FeedbackEvent
    from optimizer.observe.columns import Record
    from optimizer.observe.rules import StreamRules


AT_ONCE = frozenset({OrderAction.STOP, OrderAction.PAUSE, OrderAction.ROLL_BACK})


def heard(event: FeedbackEvent, watermark_ns: int) -> Heard:
    """Give an event with the instant from which it counts.

    That is its own time, or how far time has come where that is later. What makes things safer,
    and what gateways report, does not wait for its own time: it counts as soon as it is there.

    Args:
        event: The event.
        watermark_ns: How far the time of the partition it came in has come; -1 where nothing tells.
    """
    due_ns = max(nanoseconds(event.timestamp), watermark_ns)
    if watermark_ns >= 0 and _is_urgent(event):
        due_ns = watermark_ns
    return Heard(event, min(due_ns, FINAL_NS))  # what is due after all time cannot be stored


def is_ahead(event: FeedbackEvent, record: Record, rules: StreamRules) -> bool:
    """Tell whether an event says it happened after anybody could have known."""
    return nanoseconds(event.timestamp) > record.stamp_ns + rules.skew_ns


def is_over(alert: Heard, rules: StreamRules) -> bool:
    """Tell whether an alert no longer holds at the end of the minute in which it counts."""
    end_ns = (alert.due_ns // MINUTE_NS + 1) * MINUTE_NS
    return end_ns - nanoseconds(alert.event.timestamp) >= rules.alert_ns


def _is_urgent(event: FeedbackEvent) -> bool:
    match event.data:
        case Order(action=action):
            return action in AT_ONCE
        case Report():
            return True
    return False
