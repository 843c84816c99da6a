"""All routes as one flag file of flagd, as they act at this moment.

Evaluators of flags know no leases, but they know what time it is. So here the rule of a step that
is leased names the lease's end, and from that second on the incumbent serves all, also where
nobody is left to write another file. A step without a lease that holds, and one whose gateway let
the incumbent take over, have no rule and no revision: the default variant, which is the incumbent,
serves all, and its calls are stamped with nothing that would prove a step.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

from connectors.documents.folder import Folder
from connectors.documents.following import Followed
from connectors.documents.rendering import SCHEMA
from connectors.documents.sources import FolderSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

FLAGS = "flags.json"
_SECOND_NS = 1_000_000_000


class FlagSet:
    """Follows all documents of a folder; may be read by many threads.

    Args:
        path: The folder.
        clocks: Gives wall clock and monotonic clock, nanoseconds.
        public_keys: Who may have signed what is followed; empty when nobody asks.
    """

    def __init__(
        self, path: Path, clocks: Callable[[], tuple[int, int]], public_keys: Sequence[str] = ()
    ) -> None:
        self._keys = public_keys
        self._folder = Folder(path)
        self._source = FolderSource(path)
        self._clocks = clocks
        self._lock = threading.Lock()
        self._routes: dict[str, Followed] = {}
        self._written: dict[str, _Written] = {}
        self._content, self._fresh_until_ns = b"", 0

    def read(self, *, is_new: bool = False) -> bytes:
        """Give the file; JSON, one line.

        Args:
            is_new: As it is now. Else it is given again for as long as it took to make, so that
                many readers cost no more than one.

        Raises:
            DocumentInvalid: The folder's index is damaged.
            StorageFailed: It cannot be read.
        """
        with self._lock:
            begun_ns = self._clocks()[1]
            if is_new or begun_ns >= self._fresh_until_ns:
                self._content = self._made()
                made_ns = self._clocks()[1]
                self._fresh_until_ns = made_ns + (made_ns - begun_ns)
            return self._content

    def _made(self) -> bytes:
        told = sorted(str(entry["route"]) for entry in self._folder.index())
        known = self._routes
        self._routes = {route: known.get(route) or self._new(route) for route in told}
        for followed in self._routes.values():
            followed.refresh(self._source, self._clocks())
        there = [(route, one) for route, one in self._routes.items() if one.file]
        self._written = {route: self._write(route, followed) for route, followed in there}
        flags = ",".join(written.flag for written in self._written.values())
        return f'{{"$schema":"{SCHEMA}","flags":{{{flags}}}}}\n'.encode()

    def _new(self, route: str) -> Followed:
        return Followed(route, self._keys)

    def _write(self, route: str, followed: Followed) -> _Written:
        """Write a route's flag, unless it is the one that was written before."""
        is_followed = followed.status(self._clocks()).is_followed
        until_s = _end_of(followed) if is_followed else None
        before = self._written.get(route)
        if before and before[:3] == (followed.file, is_followed, until_s):
            return before
        (flag,) = json.loads(followed.file)["flags"].values()
        acting = _acting(flag, until_s) if is_followed else _returned(flag)
        text = f"{json.dumps(route)}:{json.dumps(acting, separators=(',', ':'))}"
        return _Written(followed.file, is_followed, until_s, text)


class _Written(NamedTuple):
    """A flag as text, and what it was made of."""

    file: bytes
    is_followed: bool
    until_s: int | None
    flag: str


def _end_of(followed: Followed) -> int | None:
    """Give the second from which on a lease has ended; None for no lease."""
    return None if followed.until_ns is None else followed.until_ns // _SECOND_NS


def _acting(flag: dict[str, Any], until_s: int | None) -> dict[str, Any]:
    """Give a flag that ends with its lease, and tells how its slots are dealt."""
    salt, *shares = flag["targeting"]["fractional"]
    told = {"salt": salt["cat"][0], "slots": json.dumps(shares, separators=(",", ":"))}
    targeting = flag["targeting"]
    if until_s is not None:
        told["until"] = until_s
        is_held = {"<": [{"var": "$flagd.timestamp"}, until_s]}
        targeting = {"if": [is_held, targeting, flag["defaultVariant"]]}
    return {**flag, "targeting": targeting, "metadata": {**flag["metadata"], **told}}


def _returned(flag: dict[str, Any]) -> dict[str, Any]:
    """Give a flag that serves the incumbent."""
    return {**flag, "targeting": {}, "metadata": {**flag["metadata"], "revision": 0}}
