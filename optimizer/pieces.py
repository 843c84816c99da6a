"""Pieces of state that do not change: written once beside the snapshots, and named in them.

A snapshot is written whole each time its owner was touched. What is large and stays as it is, the
ids of a sealed pane or the sums of a closed minute, would be written again and again.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimizer.ports import Vault


class Pieces:
    """The pieces of one owner.

    A piece is named by its content, so a name always means the same bytes, whatever a crash undoes.
    What neither the last snapshot nor the one before names is let go: by the time a snapshot is
    taken the one before is durable, and none before that is asked for again.

    Args:
        vault: Where they are kept.
        owner: Whose they are; one owner never sees another's.
    """

    def __init__(self, vault: Vault, owner: str) -> None:
        self._vault = vault
        self._owner = owner
        self._names: dict[int, tuple[bytes, str]] = {}  # by identity, which holds while we hold it
        self._new: dict[str, bytes] = {}
        self._before: set[str] | None = None
        self._resumed: set[str] = set()  # named by the snapshot before the first one here

    def keep(self, piece: bytes) -> str:
        """Give the name of a piece, durable from `settle` on; the same object costs nothing."""
        known = self._names.get(id(piece))
        if known is None:
            name = hashlib.blake2b(piece, digest_size=16).hexdigest()
            self._new[name] = piece
            known = self._names[id(piece)] = (piece, name)
        return known[1]

    def fetch(self, name: str) -> bytes:
        """Give a piece of the snapshot that is resumed."""
        piece = self._vault.get(self._owner, name)
        self._names[id(piece)] = (piece, name)
        self._resumed.add(name)
        return piece

    def settle(self, used: set[str]) -> None:
        """Make durable what was kept, and let go what no snapshot needs any more.

        Args:
            used: The names that the snapshot about to be given holds.
        """
        if self._new or used != self._before:
            before = self._resumed if self._before is None else self._before
            self._vault.renew(self._owner, self._new, used | before)
            self._new = {}
            self._names = {at: known for at, known in self._names.items() if known[1] in used}
        self._before = used
