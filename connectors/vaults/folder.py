"""A vault in a folder: a file a piece, written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from optimizer.errors import NotFound, StorageFailed

if TYPE_CHECKING:
    from collections.abc import Collection


class FolderVault:
    """Keeps pieces in files, in a folder an owner.

    Args:
        folder: Where; made when the first piece is put.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, owner: str, name: str, piece: bytes) -> None:
        """Keep a piece; durable when it returns.

        Raises:
            StorageFailed: It cannot be written.
        """
        path = self._path(owner) / name
        if path.exists():
            return
        unfinished = path.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with unfinished.open("wb") as file:
                file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(path)
            _sync(path.parent)
        except OSError as error:
            raise StorageFailed(
                f"{path}: {error.strerror}: free some space, or name a folder this user may "
                "write to"
            ) from error

    def get(self, owner: str, name: str) -> bytes:
        """Give a piece.

        Raises:
            NotFound: It is not there.
        """
        path = self._path(owner) / name
        try:
            return path.read_bytes()
        except OSError as error:
            raise NotFound(
                f"{path}: {error.strerror}: the recovery state is not whole; restore all of its "
                "folder, or start from an empty one"
            ) from error

    def keep_only(self, owner: str, names: Collection[str]) -> None:
        """Let an owner's other pieces go."""
        folder = self._path(owner)
        if folder.is_dir():
            for path in folder.iterdir():
                if path.name not in names:
                    path.unlink(missing_ok=True)

    def _path(self, owner: str) -> Path:
        return self._folder / quote(owner, safe="")


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
