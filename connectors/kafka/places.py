"""Where the reading of each partition stands, and what an earlier life decided beyond that."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from connectors.kafka.facts import Fact, FactKind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(slots=True)
class Place:
    """Where a partition stands.

    Attributes:
        offset: Of the record that comes next.
        stamp_ns: The greatest stamp given; -1 before the first.
        number: The last fact that was given.
        beat_ns: The stamp of the last heartbeat of this life; -1 before the first.
        is_at_end: All there is has been given.
        joining: How it joined, until that has been given.
        beats: Heartbeats of an earlier life, to be given again.
        cuts: Stamps that an earlier life cut, by offset.
    """

    offset: int
    stamp_ns: int = -1
    number: int = 0
    beat_ns: int = -1
    is_at_end: bool = False
    joining: Fact | None = None
    beats: deque[Fact] = field(default_factory=deque)
    cuts: dict[int, Fact] = field(default_factory=dict)

    def reach(self, stamp_ns: int, number: int = 0) -> None:
        """Take note of a stamp that is given, and of the fact it comes from."""
        self.stamp_ns = max(self.stamp_ns, stamp_ns)
        self.number = max(self.number, number)

    def again(self, until: int = -1) -> Iterator[Fact]:
        """Give the heartbeats that an earlier life gave before the record at `until`."""
        while self.beats and self.beats[0].offset <= max(until, self.offset):
            fact = self.beats.popleft()
            self.reach(fact.stamp_ns, fact.number)
            yield fact


class _State(msgspec.Struct):
    """What a snapshot holds: offset, greatest stamp and last fact of each partition."""

    places: dict[str, tuple[int, int, int]] = {}
    version: int = 1


def dump(places: Mapping[str, Place]) -> str:
    """Write where partitions stand; one that has said nothing yet stands where it began."""
    said = {
        name: (place.offset, place.stamp_ns, place.number)
        for name, place in places.items()
        if place.stamp_ns >= 0
    }
    return msgspec.json.encode(_State(places=said)).decode()


def load(resumed: str | None, facts: Iterable[Fact]) -> dict[str, Place]:
    """Read what `dump` wrote, and what was decided since.

    Args:
        resumed: What it wrote; None in the first life.
        facts: All that are kept, by their numbers.
    """
    left = {} if resumed is None else msgspec.json.decode(resumed, type=_State).places
    places: dict[str, Place] = {}
    for fact in facts:
        name = fact.partition
        match fact.kind:
            case FactKind.FOUNDED | FactKind.JOINED:
                place = places[name] = Place(*left.get(name, (fact.offset,)))
                if name not in left and fact.kind is FactKind.JOINED:
                    place.joining = fact
            case _ if fact.number <= places[name].number:
                continue  # it was given before the snapshot
            case FactKind.BEAT:
                places[name].beats.append(fact)
            case FactKind.CUT:
                places[name].cuts[fact.offset] = fact
    return places
