"""A dead letter as it is kept: its name, its facts, and which ones are asked for."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from optimizer.observe.columns import DeadLetter

_ID_BYTES = 16


class StoredLetter(NamedTuple):
    """A dead letter without its bytes; the fields are the columns of the store.

    Attributes:
        id: Derived from the rest, so that setting it aside again is setting it aside once.
        reason: A short constant name.
        detail: What exactly was wrong, for a person.
        source: Where its partition belongs to.
        partition: The source partition it came from.
        offset: Its record's place there.
        place: Its number among the dead letters of its record.
        stamp_ns: When its record was taken, nanoseconds since the epoch.
        kind: What its bytes are, as recordings name it.
        size: How many bytes it has.
        kept: Whether they are kept.
        replays: How often it was given to be read again.
    """

    id: str
    reason: str
    detail: str
    source: str
    partition: str
    offset: int
    place: int
    stamp_ns: int
    kind: str
    size: int
    kept: bool
    replays: int


class Wanted(NamedTuple):
    """Which dead letters are asked for; every condition that is given must hold.

    Attributes:
        reason: Their reason.
        source: Their source.
        before_ns: Stamped earlier than this; 0 for any time.
        ids: Their ids, or beginnings of them; none for all.
        waiting: Only those that are kept with bytes and were not replayed yet.
    """

    reason: str = ""
    source: str = ""
    before_ns: int = 0
    ids: tuple[str, ...] = ()
    waiting: bool = False

    def where(self) -> tuple[str, list[str | int]]:
        """Give the condition in SQL, and its values."""
        asked: list[tuple[str, list[str | int]]] = [
            ("reason = ?", [self.reason] if self.reason else []),
            ("source = ?", [self.source] if self.source else []),
            ("stamp_ns < ?", [self.before_ns] if self.before_ns else []),
            (" OR ".join(["substr(id, 1, length(?)) = ?"] * len(self.ids)), _twice(self.ids)),
        ]
        said = [(f"({condition})", values) for condition, values in asked if values]
        said += [("body IS NOT NULL AND replays = 0", [])] if self.waiting else []
        condition = " AND ".join(condition for condition, _ in said) or "TRUE"
        return condition, [value for _, values in said for value in values]


def letter_id(letter: DeadLetter) -> str:
    """Name a dead letter by where it stood, why, and what it says.

    Where a record holds the same wrong part twice, the two differ by their place.
    """
    place = (letter.partition, letter.offset, letter.place, letter.reason, int(letter.kind))
    named = "\0".join(map(str, place)).encode("utf-8", "replace")
    digest = hashlib.blake2b(named, digest_size=_ID_BYTES)
    digest.update(letter.body)
    return digest.hexdigest()


def _twice(values: tuple[str, ...]) -> list[str | int]:
    return [value for value in values for _ in range(2)]
