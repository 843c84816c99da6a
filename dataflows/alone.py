"""One actuator at a time: with a data folder, and on a folder of documents."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from connectors.journal import note
from optimizer.errors import StorageFailed
from optimizer.settings import GatewayKind

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from contextlib import ExitStack

    from optimizer.settings import Settings

_WAIT_S = 0.5
_DATA, _DOCUMENTS = "OPTIMIZER_SERVICE__DATA_DIR", "OPTIMIZER_GATEWAY__DOCUMENTS_DIR"


def data_lock(settings: Settings) -> Path:
    """Name what an actuator locks in its data folder."""
    return Path(settings.service.data_dir).resolve() / "actuator.lock"


def documents_lock(settings: Settings) -> Path:
    """Name what an actuator locks in its folder of documents, before `data_lock`."""
    return Path(settings.gateway.documents_dir).resolve() / ".actuator.lock"


def hold(stack: ExitStack, settings: Settings) -> bool:
    """Keep other actuators from a folder of documents as long as a stack is open.

    Returns:
        Whether there is nothing more to wait for: false where an actuator with the same data
        folder holds it, which this one may follow.

    Raises:
        StorageFailed: One with another data folder holds it, or it cannot be written to.
    """
    if settings.gateway.kind is not GatewayKind.DOCUMENTS:
        return True
    lock = documents_lock(settings)
    if _take(stack.enter_context(_opened(lock, _DOCUMENTS))):
        return True
    if _is_taken(data_lock(settings)):
        return False
    raise StorageFailed(
        f"{lock.parent}: another process brings documents there: stop that one first, or name "
        f"another folder (gateway.documents_dir, {_DOCUMENTS})"
    )


@contextmanager
def alone(lock: Path, stop: threading.Event) -> Iterator[bool]:
    """Wait until no other actuator works on a folder; tell whether that came to be.

    Args:
        lock: What it locks.
        stop: Ends the wait.

    Raises:
        StorageFailed: The folder cannot be written to.
    """
    with _opened(lock, f"{_DATA}, {_DOCUMENTS}") as file:
        is_waiting = False
        while not stop.is_set() and not _take(file):
            if not is_waiting:
                note("info", "actuator_waits", until="the other one of this folder ends")
            is_waiting = True
            stop.wait(_WAIT_S)
        yield not stop.is_set()


def _opened(lock: Path, named_by: str) -> IO[str]:
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        return lock.open("a")
    except OSError as error:
        way_out = f"name a folder this user may write to ({named_by})"
        raise StorageFailed(f"{lock}: {error.strerror}: {way_out}") from error


def _take(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_taken(lock: Path) -> bool:
    if not lock.exists():
        return False
    with _opened(lock, _DATA) as file:
        return not _take(file)
