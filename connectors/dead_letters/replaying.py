"""Dead letters as records again: for a recording of their own, or for the live job."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from optimizer.observe.columns import Record, RecordKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from connectors.dead_letters.letters import StoredLetter

REPLAYED = "replayed"  # the partition of a source that takes what was set aside before


def as_they_came(letters: Iterable[tuple[StoredLetter, bytes]]) -> Iterator[Record]:
    """Give letters as records with their own partitions, stamps and kinds, numbered anew."""
    numbers: Counter[str] = Counter()
    for letter, body in letters:
        partition, kind = letter.partition, RecordKind[letter.kind.upper()]
        yield Record(partition, numbers[partition], letter.stamp_ns, kind, body)
        numbers[partition] += 1


def for_the_live_job(letters: Iterable[tuple[StoredLetter, bytes]]) -> Iterator[Record]:
    """Give letters as records of partition `<source>/replayed`.

    So they are read as what that source says, under its tenant, whatever it is that takes them in.
    """
    for letter, body in letters:
        partition, kind = f"{letter.source}/{REPLAYED}", RecordKind[letter.kind.upper()]
        yield Record(partition, letter.offset, letter.stamp_ns, kind, body)
