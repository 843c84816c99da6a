"""How many bytes all requests together may hold in memory until they are written down."""

from __future__ import annotations

from http import HTTPStatus
from threading import Lock
from typing import Self

from connectors.receiving.refusals import Refused


class Room:
    """Room for bytes that come over many connections at once.

    Args:
        most_bytes: How many there may be.
    """

    def __init__(self, most_bytes: int) -> None:
        self._left = most_bytes
        self._lock = Lock()

    @property
    def left(self) -> int:
        """How many more bytes there is room for."""
        return self._left

    def take(self, size: int) -> bool:
        """Take some of it, or tell that there is not so much."""
        with self._lock:
            has_room = size <= self._left
            self._left -= size * has_room
        return has_room

    def give_back(self, size: int) -> None:
        """Let others have what was taken."""
        with self._lock:
            self._left += size


class Share:
    """What one request holds of the room; given back when it is left.

    Args:
        room: The room.
    """

    def __init__(self, room: Room) -> None:
        self._room = room
        self._size = 0

    def grow(self, size: int) -> None:
        """Hold more bytes.

        Raises:
            Refused: There is no room left; there will be.
        """
        if not self._room.take(size):
            told = "too many requests wait to be written down: try again"
            raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, told)
        self._size += size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._room.give_back(self._size)
