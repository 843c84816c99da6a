"""Requests that are not taken."""

from __future__ import annotations

from http import HTTPStatus

RETRY_AFTER_S = 1


class Refused(Exception):
    """A request that is not taken.

    Attributes:
        status: What is answered.
        keep_alive: The body was read, so the connection can be used on.
    """

    def __init__(self, status: HTTPStatus, told: str, *, keep_alive: bool = False) -> None:
        super().__init__(told)
        self.status = status
        self.keep_alive = keep_alive

    @property
    def retry_after_s(self) -> int | None:
        """When to try again, seconds; None where trying again does not help."""
        return RETRY_AFTER_S if self.status is HTTPStatus.SERVICE_UNAVAILABLE else None
