"""How far each followed file has been read: through restarts, renames and files begun anew."""

from __future__ import annotations

import hashlib
import json
import os
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from optimizer.errors import RecordingInvalid

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_HEAD_BYTES = 64 << 10  # spans have ids, so no two files begin with the same


class _Place(NamedTuple):
    """How far a file was read.

    Attributes:
        position: The byte to read on from.
        inode: Its number in the file system.
        head: Digest of what was read of its first `_HEAD_BYTES`.
    """

    position: int
    inode: int
    head: str


class Positions:
    """Positions by file name, kept in a file of their own.

    A file is known again by how it begins. So one that was renamed, as exporters do when they
    rotate, is read on and not anew, and one that took its name is read from its beginning, even
    if it has grown past the old position while nobody looked.

    Args:
        path: Where they are kept.

    Raises:
        RecordingInvalid: What is kept there cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[str, _Place] = {}
        self._sure: set[str] = set()  # names that were compared since the start
        try:
            kept = json.loads(path.read_text()) if path.exists() else {}
            self._places = {name: _Place(*place) for name, place in kept.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise RecordingInvalid(
                f"{path}: cannot be read: {error}: remove it, and all input is read again (calls "
                "of the last minutes are recognised, older ones count as late)"
            ) from error

    def is_read(self, name: str, status: os.stat_result) -> bool:
        """Tell whether nothing has come to a file since it was read."""
        place = self._places.get(name)
        return (
            place is not None
            and name in self._sure
            and (place.position, place.inode) == (status.st_size, status.st_ino)
        )

    def start(self, name: str, file: BinaryIO) -> int:
        """Give the byte to read on from."""
        status = os.fstat(file.fileno())
        own = self._places.get(name)
        if own and name in self._sure and own.inode == status.st_ino:
            return own.position if status.st_size >= own.position else 0
        self._sure.add(name)
        return max(
            (
                place.position
                for place in self._places.values()
                if status.st_size >= place.position and _digest(file, place.position) == place.head
            ),
            default=0,
        )

    def reached(self, name: str, file: BinaryIO, position: int) -> None:
        """Take note of how far a file was read."""
        own = self._places.get(name)
        inode = os.fstat(file.fileno()).st_ino
        is_settled = own and own.inode == inode and _HEAD_BYTES <= own.position <= position
        head = own.head if own and is_settled else _digest(file, position)
        self._places[name] = _Place(position, inode, head)

    def keep(self, names: Iterable[str]) -> None:
        """Write the positions of these files, in one step; those of others are forgotten.

        Raises:
            RecordingInvalid: The disk is full or refuses.
        """
        self._places = {name: self._places[name] for name in names if name in self._places}
        new = self._path.with_suffix(".new")
        try:
            with new.open("w") as file:
                json.dump(self._places, file)
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            raise RecordingInvalid(
                f"{self._path}: cannot be written: {error.strerror}; free space or "
                "choose another folder (OPTIMIZER_SERVICE__DATA_DIR), then start again"
            ) from error


def _digest(file: BinaryIO, position: int) -> str:
    """Digest what was read of a file's beginning."""
    file.seek(0)
    head = file.read(min(position, _HEAD_BYTES))
    return hashlib.blake2b(head, digest_size=16).hexdigest()
