"""A vault in memory: for tests, and for runs that keep no recovery state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optimizer.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class MemoryVault:
    """Keeps pieces while the process lives."""

    def __init__(self) -> None:
        self._pieces: dict[str, dict[str, bytes]] = {}

    def get(self, owner: str, name: str) -> bytes:
        """Give a piece.

        Raises:
            NotFound: It is not there.
        """
        try:
            return self._pieces[owner][name]
        except KeyError:
            raise NotFound(f"{owner} has no piece {name}") from None

    def renew(self, owner: str, new: Mapping[str, bytes], keep: Collection[str]) -> None:
        """Add an owner's new pieces and drop those not in `keep`."""
        pieces = {**self._pieces.get(owner, {}), **new}
        self._pieces[owner] = {name: piece for name, piece in pieces.items() if name in keep}

    def size(self) -> int:
        """Give how many bytes all pieces have."""
        return sum(len(piece) for pieces in self._pieces.values() for piece in pieces.values())

    def close(self) -> None:
        """Let go of everything."""
        self._pieces.clear()
