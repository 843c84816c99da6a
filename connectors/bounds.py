"""What the numbers and instants of an event can be; beyond that no column could hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.errors import InvalidEvent
from optimizer.events import Alert, Order, Report, Score, nanoseconds
from optimizer.observe.figures import MAX_END_NS
from optimizer.observe.words import MAX_REVISION, SLOTS

if TYPE_CHECKING:
    from optimizer.events import FeedbackEvent

MAX_SAMPLES = 1 << 53


def check_bounds(event: FeedbackEvent) -> None:
    """Refuse an event whose numbers or instant cannot be meant.

    Raises:
        InvalidEvent: One of them cannot; the message names it and what it must be.
    """
    if not 0 <= nanoseconds(event.timestamp) <= MAX_END_NS:
        raise InvalidEvent(f"FeedbackEvent: timestamp is {event.timestamp}: must be 1970 to 2116")
    match event.data:
        case Score(slot=slot, revision=revision):
            _check("slot", slot, -1, SLOTS - 1)
            _check("revision", revision, 0, MAX_REVISION - 1)
        case Report(revision=revision) | Order(revision=int() as revision):
            _check("revision", revision, 0, MAX_REVISION - 1)
        case Alert(samples=samples):
            _check("samples", samples, 0, MAX_SAMPLES)


def _check(name: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        # The number may be too long to be printed.
        raise InvalidEvent(f"FeedbackEvent: data.{name} must be in {least} to {most}")
