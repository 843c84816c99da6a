"""Where dead letters are kept: a file of their own, for its owner's eyes, bounded in time and size.

They may hold content, so they stand apart from decisions and views, are compressed, and leave
nothing behind in the file when they go.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.dead_letters.letters import StoredLetter, Wanted, letter_id
from connectors.recordings import frames
from connectors.sqlite import Database
from optimizer.errors import StorageFailed
from optimizer.settings import DeadLetterSettings, LetterBytes, source_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from optimizer.observe.columns import DeadLetter

FILE = "dead_letters.db"
HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
OVER_LIMIT, OVER_AGE, BY_COMMAND = "dead_letters.max_mb", "dead_letters.retention_days", "purge"
_MEMORY = Path(":memory:")
_OWNER_ONLY = 0o600
_ROW_BYTES = 400  # what a row takes beside its bytes and its words, indexes included
_ROOM = 0.9  # of the limit is left filled, so that not every letter pushes one out
_DETAIL_LETTERS = 1000
_FACTS = (
    "id, reason, detail, source, partition, offset, place, stamp_ns, kind, size, "
    "body IS NOT NULL, replays"
)

_SCHEMA = """
PRAGMA secure_delete = ON;
CREATE TABLE IF NOT EXISTS letters (
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    source TEXT NOT NULL,
    partition TEXT NOT NULL,
    offset INTEGER NOT NULL,
    place INTEGER NOT NULL,
    stamp_ns INTEGER NOT NULL,
    kind TEXT NOT NULL,
    size INTEGER NOT NULL,
    cost INTEGER NOT NULL,
    body BLOB,
    replays INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS gone (cause TEXT PRIMARY KEY, letters INTEGER NOT NULL);
"""


class DeadLetterStore:
    """Dead letters in an SQLite file that only its owner may read; putting twice is putting once.

    Args:
        path: The file; it and its folder are made when they are not there. None keeps all in
            memory.
        rules: What is kept, how long, and how much of it; the defaults when not given.
        timeout_secs: How long to wait for another process that writes.

    Raises:
        StorageFailed: The file cannot be used; any method may raise it too.
    """

    def __init__(
        self,
        path: Path | None = None,
        rules: DeadLetterSettings | None = None,
        timeout_secs: float = 30.0,
    ) -> None:
        rules = rules or DeadLetterSettings()
        if path:
            _make_private(path)
        self._database = Database(path or _MEMORY, _SCHEMA, timeout_secs, "FULL")
        self._rules = rules
        self._most_bytes = round(rules.max_mb * 1e6)
        self._taken = self._cost()  # may be more than there is: others take letters away
        self._looked_ns = -1

    @property
    def keeps_bytes(self) -> bool:
        """Whether letters are kept with their bytes."""
        return self._rules.bytes is LetterBytes.KEEP

    def put(self, letters: Iterable[DeadLetter]) -> None:
        """Keep letters; durable, all or none, when it returns. The oldest go when it gets full."""
        rows = [self._row(letter) for letter in letters]
        with self._database.transaction() as connection:
            connection.executemany(
                "INSERT OR IGNORE INTO letters (id, reason, detail, source, partition, offset, "
                "place, stamp_ns, kind, size, cost, body) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [row for row, _ in rows],
            )
        self._taken += sum(cost for _, cost in rows)
        if self._taken > self._most_bytes:
            self._make_room()

    def is_time_to_forget(self, now_ns: int) -> bool:
        """Tell whether an hour of the stream has passed since `forget` was called last."""
        return self._looked_ns < 0 or now_ns - self._looked_ns >= HOUR_NS

    def forget(self, now_ns: int) -> None:
        """Let go of letters older than they may get; `now_ns` is the time of the stream."""
        self._looked_ns = now_ns
        oldest_ns = now_ns - round(self._rules.retention_days * DAY_NS)
        if oldest_ns > 0:
            self.drop(Wanted(before_ns=oldest_ns), OVER_AGE)

    def drop(self, wanted: Wanted, cause: str = BY_COMMAND) -> int:
        """Let go of letters, so that nothing of them is left in the file; give how many."""
        dropped = self._delete(*wanted.where(), cause)
        if cause == BY_COMMAND:
            self._database.rows("PRAGMA wal_checkpoint(TRUNCATE)")
        return dropped

    def find(
        self, wanted: Wanted, limit: int = -1, *, newest_first: bool = False
    ) -> Sequence[StoredLetter]:
        """Give letters in the order they were set aside in; -1 gives all."""
        condition, values = wanted.where()
        order = "DESC" if newest_first else "ASC"
        query = (
            f"SELECT {_FACTS} FROM letters WHERE {condition} "  # noqa: S608 - our own words
            f"ORDER BY number {order} LIMIT ?"
        )
        rows = self._database.rows(query, *values, limit)
        return [StoredLetter._make((*row[:-2], bool(row[-2]), row[-1])) for row in rows]

    def body(self, letter: str) -> bytes | None:
        """Give a letter's bytes by its id; None where they are not kept."""
        rows = self._database.rows("SELECT body FROM letters WHERE id = ?", letter)
        return frames.decompress(rows[0][0]) if rows and rows[0][0] is not None else None

    def bodies(self, letters: Iterable[StoredLetter]) -> Iterator[tuple[StoredLetter, bytes]]:
        """Give letters with their bytes, one at a time; those whose bytes are gone left out."""
        for letter in letters:
            body = self.body(letter.id)
            if body is not None:
                yield letter, body

    def totals(self, wanted: Wanted) -> Sequence[tuple[str, str, int, int, int]]:
        """Count letters: reason, source, how many, how many of them replayed, their bytes."""
        condition, values = wanted.where()
        query = (
            "SELECT reason, source, count(*), sum(replays > 0), sum(size) FROM letters "  # noqa: S608 - our own words
            f"WHERE {condition} GROUP BY reason, source ORDER BY count(*) DESC, reason, source"
        )
        return [tuple(row) for row in self._database.rows(query, *values)]

    def gone(self) -> dict[str, int]:
        """Count the letters that were let go, by cause."""
        return dict(self._database.rows("SELECT cause, letters FROM gone ORDER BY cause"))

    def mark_replayed(self, letters: Iterable[str]) -> None:
        """Note of letters, by id, that they were given to be read again."""
        with self._database.transaction() as connection:
            connection.executemany(
                "UPDATE letters SET replays = replays + 1 WHERE id = ?",
                [(letter,) for letter in letters],
            )

    def close(self) -> None:
        """Let go of the file."""
        self._database.close()

    def _row(self, letter: DeadLetter) -> tuple[tuple[object, ...], int]:
        """Give a letter's row, and what it takes on the disk."""
        body = None
        if letter.body and self.keeps_bytes:
            body = frames.compress(letter.body)
            body = body if len(body) <= self._most_bytes else None
        detail = _text(letter.detail[:_DETAIL_LETTERS])
        cost = len(body or b"") + len(detail) + _ROW_BYTES
        row = (
            letter_id(letter),
            _text(letter.reason),
            detail,
            _text(source_of(letter.partition)),
            _text(letter.partition),
            letter.offset,
            letter.place,
            letter.stamp_ns,
            letter.kind.name.lower(),
            len(letter.body),
            cost,
            body,
        )
        return row, cost

    def _cost(self) -> int:
        return int(self._database.rows("SELECT coalesce(sum(cost), 0) FROM letters")[0][0])

    def _make_room(self) -> None:
        """Let the oldest go until there is room again."""
        excess = self._cost() - self._most_bytes * _ROOM
        if excess > self._most_bytes * (1 - _ROOM):
            ends = self._database.rows(
                "SELECT min(number) FROM (SELECT number, sum(cost) OVER (ORDER BY number) AS upto "
                "FROM letters) WHERE upto >= ?",
                round(excess),
            )
            self._delete("number <= ?", [ends[0][0]], OVER_LIMIT)
        self._taken = self._cost()

    def _delete(self, condition: str, values: Sequence[str | int], cause: str) -> int:
        with self._database.transaction() as connection:
            query = f"DELETE FROM letters WHERE {condition}"  # noqa: S608 - our own words
            gone: int = connection.execute(query, values).rowcount
            if gone:
                connection.execute(
                    "INSERT INTO gone VALUES (?, ?) "
                    "ON CONFLICT (cause) DO UPDATE SET letters = letters + excluded.letters",
                    (cause, gone),
                )
        return gone


def _make_private(path: Path) -> None:
    """Make a file, or find it, and let nobody but its owner read it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, _OWNER_ONLY))
        if path.stat().st_mode & 0o777 != _OWNER_ONLY:
            path.chmod(_OWNER_ONLY)
    except OSError as error:
        way_out = "name a folder this user may write to (OPTIMIZER_SERVICE__DATA_DIR)"
        raise StorageFailed(f"{path}: {error.strerror}: {way_out}") from error


def _text(text: str) -> str:
    """Give text that a database can hold, whatever came in."""
    return text.encode("utf-8", "replace").decode()
