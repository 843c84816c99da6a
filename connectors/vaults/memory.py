"""A vault in memory: for tests, and for runs that keep no recovery state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Collection


class MemoryVault:
    """Keeps pieces while the process lives."""

    def __init__(self) -> None:
        self._pieces: dict[tuple[str, str], bytes] = {}

    def put(self, owner: str, name: str, piece: bytes) -> None:
        """Keep a piece."""
        self._pieces[owner, name] = piece

    def get(self, owner: str, name: str) -> bytes:
        """Give a piece.

        Raises:
            NotFound: It is not there.
        """
        try:
            return self._pieces[owner, name]
        except KeyError:
            raise NotFound(f"{owner} has no piece {name}") from None

    def keep_only(self, owner: str, names: Collection[str]) -> None:
        """Let an owner's other pieces go."""
        gone = [key for key in self._pieces if key[0] == owner and key[1] not in names]
        for key in gone:
            del self._pieces[key]

    def size(self) -> int:
        """Give how many bytes all pieces have."""
        return sum(map(len, self._pieces.values()))
