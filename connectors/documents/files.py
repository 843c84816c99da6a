"""Files that are whole at every moment: written aside, made durable, then put in place."""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from optimizer.errors import StorageFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_ASIDE = ".new"


def put(path: Path, data: bytes) -> None:
    """Write a file, or leave the old one as it was; durable when it returns.

    Raises:
        StorageFailed: It could not be written.
    """
    aside = path.with_name(f"{path.name}{_ASIDE}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with aside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
        _settle(path.parent)
    except OSError as error:
        with suppress(OSError):
            aside.unlink(missing_ok=True)
        raise StorageFailed(_told(path, error)) from error


def read(path: Path, most: int) -> bytes | None:
    """Read a file; None where it is not there, one byte more than `most` where it is larger.

    Raises:
        StorageFailed: It could not be read.
    """
    try:
        return read_up_to(path, most)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StorageFailed(_told(path, error)) from error


def read_up_to(path: Path, most: int) -> bytes:
    """Read a file, of a larger one than `most` one byte more than that."""
    with path.open("rb") as file:
        return file.read(most + 1)


def remove(path: Path) -> None:
    """Take a file away; nothing where it is not there.

    Raises:
        StorageFailed: It cannot be taken away.
    """
    try:
        path.unlink(missing_ok=True)
    except NotADirectoryError:
        return
    except OSError as error:
        raise StorageFailed(_told(path, error)) from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other writers of a folder out, also those of other processes.

    Raises:
        StorageFailed: The folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StorageFailed(_told(folder, error)) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _settle(folder: Path) -> None:
    """Make the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _told(path: Path, error: OSError) -> str:
    return f"{path}: {error.strerror}: free space or name another folder (gateway.documents_dir)"
