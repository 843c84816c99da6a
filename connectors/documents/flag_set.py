"""All routes as one flag file of flagd, as they act at this moment.

Evaluators of flags know no leases. So where a route's step has none that holds, or its gateway let
the incumbent take over, this file has no targeting and no revision: the default variant, which is
the incumbent, serves all, and its calls are stamped with nothing that would prove a step.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from connectors.documents.folder import Folder
from connectors.documents.following import Followed
from connectors.documents.rendering import SCHEMA
from connectors.documents.sources import FolderSource

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

FLAGS = "flags.json"


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

    def read(self) -> bytes:
        """Give the file as it is now; JSON, one line.

        Raises:
            DocumentInvalid: The folder's index is damaged.
            StorageFailed: It cannot be read.
        """
        with self._lock:
            told = sorted(str(entry["route"]) for entry in self._folder.index())
            known = self._routes
            self._routes = {route: known.get(route) or self._new(route) for route in told}
            for followed in self._routes.values():
                followed.refresh(self._source, self._clocks())
            flags = {route: self._flag(followed) for route, followed in self._routes.items()}
        there = {route: flag for route, flag in flags.items() if flag is not None}
        content = json.dumps({"$schema": SCHEMA, "flags": there}, separators=(",", ":"))
        return f"{content}\n".encode()

    def _new(self, route: str) -> Followed:
        return Followed(route, self._keys)

    def _flag(self, followed: Followed) -> dict[str, Any] | None:
        if not followed.file:
            return None
        (flag,) = json.loads(followed.file)["flags"].values()
        if not followed.status(self._clocks()).is_followed:
            flag["targeting"] = {}
            flag["metadata"]["revision"] = 0
        acting: dict[str, Any] = flag
        return acting
