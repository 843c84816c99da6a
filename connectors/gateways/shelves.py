"""Where the memory gateway keeps what it holds: in its process, or in a file that outlives it."""

from __future__ import annotations

import fcntl
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec

from optimizer.documents import Document
from optimizer.errors import GatewayUnreachable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager


class Running(NamedTuple):
    """What a replica runs.

    Attributes:
        from_ns: From when on, nanoseconds since the epoch.
        document: What it then runs.
    """

    from_ns: int
    document: Document


@dataclass(slots=True, kw_only=True)
class Place:
    """What there is of one route.

    Attributes:
        document: The one in force, as it acts; None while a first one is on its way.
        lease_until_ns: When its lease ends; it means nothing to a document without one.
        replicas: What each replica runs, the newest last.
    """

    document: Document | None = None
    lease_until_ns: int = 0
    replicas: dict[str, list[Running]] = field(default_factory=dict)


class Written(NamedTuple):
    """One write that was done.

    Attributes:
        at_ns: When, nanoseconds since the epoch.
        route: Of which route.
        revision: The revision written.
        what: `apply`, `renew`, `revert`, `remove` or `foreign`.
        replica: The replica it was pushed to; `""` for all at once.
        key: The key it came with; `""` for none.
    """

    at_ns: int
    route: str
    revision: int
    what: str
    replica: str = ""
    key: str = ""


@dataclass(slots=True, kw_only=True)
class Contents:
    """All that a memory gateway holds: places by route, and every write in its order."""

    places: dict[str, Place] = field(default_factory=dict)
    writes: list[Written] = field(default_factory=list)


class Shelf(Protocol):
    """Keeps contents, for one at a time."""

    def taken(self) -> AbstractContextManager[Contents]:
        """Give the contents to one; others wait until it is done."""

    def keep(self, contents: Contents) -> None:
        """Make a change last; whoever does has taken them."""


class MemoryShelf:
    """Keeps contents as long as its process lives."""

    def __init__(self) -> None:
        self._contents = Contents()
        self._lock = threading.RLock()

    @contextmanager
    def taken(self) -> Iterator[Contents]:
        """Give the contents to one thread."""
        with self._lock:
            yield self._contents

    def keep(self, contents: Contents) -> None:
        """Do nothing more: they are what was given."""


class FileShelf:
    """Keeps contents in a file, each change in one step; processes wait for one another.

    Args:
        path: The file; a second one beside it, ending in `.lock`, is what they wait for.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def taken(self) -> Iterator[Contents]:
        """Give the contents to one process.

        Raises:
            GatewayUnreachable: The file cannot be read or locked.
        """
        with self._explained():
            self._path.parent.mkdir(parents=True, exist_ok=True)
            lock = self._path.with_name(f"{self._path.name}.lock").open("a")
        with lock:
            with self._explained():
                fcntl.flock(lock, fcntl.LOCK_EX)
                contents = self._read()
            yield contents

    def keep(self, contents: Contents) -> None:
        """Write them.

        Raises:
            GatewayUnreachable: The disk is full or refuses.
        """
        new = self._path.with_name(f"{self._path.name}.new")
        with self._explained():
            new.write_bytes(msgspec.json.encode(contents))
            new.replace(self._path)

    def _read(self) -> Contents:
        if not self._path.exists():
            return Contents()
        return msgspec.json.decode(self._path.read_bytes(), type=Contents)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (OSError, msgspec.DecodeError) as error:
            told = getattr(error, "strerror", None) or str(error)
            raise GatewayUnreachable(
                f"{self._path}: {told}: let this user read and write it, free space, or name "
                "another folder (OPTIMIZER_SERVICE__DATA_DIR)"
            ) from error
