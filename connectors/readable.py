"""What every event that anyone may write must be: state keeps its texts, people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.errors import InvalidEvent

if TYPE_CHECKING:
    from collections.abc import Iterable

    from optimizer.events import FeedbackEvent

MOST_LETTERS = 400
_ROUTE_PARTS = 3


def check_texts(event: FeedbackEvent, data: object, names: Iterable[str]) -> None:
    """Refuse an event with a text that is too long or cannot be printed.

    Args:
        event: The event, whose id is one of its texts.
        data: What it carries.
        names: The texts of its data.

    Raises:
        InvalidEvent: One is.
    """
    for name in names:
        text = getattr(data, name)
        if len(text) > MOST_LETTERS or not text.isprintable():
            raise fault(name, f"must be printable, at most {MOST_LETTERS} letters")
    if len(event.id) > MOST_LETTERS:
        raise InvalidEvent(f"FeedbackEvent: id must have at most {MOST_LETTERS} letters")


def parts_in(route: str) -> list[str] | None:
    """Give tenant, service and route; None where one is missing."""
    parts = [*filter(None, route.split("/", _ROUTE_PARTS - 1))]
    return parts if len(parts) == _ROUTE_PARTS else None


def fault(name: str, wrong: str) -> InvalidEvent:
    """Give the error for a member of an event's data."""
    return InvalidEvent(f"FeedbackEvent: data.{name} {wrong}")
