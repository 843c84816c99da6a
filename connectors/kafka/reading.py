"""A cluster's partitions as records, in an order of each that any later life repeats."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from connectors.journal import note
from connectors.kafka.facts import Fact, FactKind
from connectors.kafka.fetching import End, Gone, Message
from connectors.kafka.topics import partitions_of, topic_of
from optimizer.observe.columns import Record, RecordKind

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from connectors.kafka.facts import Facts
    from connectors.kafka.fetching import Fetcher
    from connectors.kafka.topics import Content

SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
_AHEAD_NS = SECOND_NS  # clocks of two machines may differ by so much
_TOMBSTONE = b'{"tombstones":1}'


@dataclass(slots=True)
class _Place:
    """Where a partition stands.

    Attributes:
        offset: Of the record that comes next.
        stamp_ns: The greatest stamp given; -1 before the first.
        number: The last fact that was given.
        is_at_end: All there is has been given.
        beats: Heartbeats of an earlier life, to be given again.
        cuts: Stamps that an earlier life cut, by offset.
    """

    offset: int
    stamp_ns: int = -1
    number: int = 0
    is_at_end: bool = False
    beats: deque[Fact] = field(default_factory=deque)
    cuts: dict[int, Fact] = field(default_factory=dict)


class KafkaReader:
    """Reads one cluster.

    Args:
        fetcher: Fetches messages.
        facts: What earlier lives decided; the founding partitions are there.
        contents: The topics to read.
        clock: Gives nanoseconds since the epoch.
        skew_ns: How far past its record's stamp a call may end (`stream.max_skew_secs`).
        refresh_ns: Time between looks for new partitions.
        resumed: What `snapshot` gave in an earlier life; None in the first.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        facts: Facts,
        contents: Mapping[str, Content],
        clock: Callable[[], int],
        skew_ns: int,
        refresh_ns: int,
        resumed: str | None,
    ) -> None:
        self._fetcher = fetcher
        self._facts = facts
        self._contents = contents
        self._clock = clock
        self._skew_ns = skew_ns
        self._refresh_ns = refresh_ns
        known = facts.all()
        snapped = _State() if resumed is None else msgspec.json.decode(resumed, type=_State)
        self._places: dict[str, _Place] = {}
        self._joining: list[Record] = []
        for fact in known:
            self._recall(fact, snapped.places.get(fact.partition))
        numbers = [fact.number for fact in known] + [
            place.number for place in self._places.values()
        ]
        self._number = max(numbers, default=0)
        self._absent = {name for name in self._places if topic_of(name) not in contents}
        self._gone = set(self._absent)
        self._told: set[str] = set()
        self._new: list[Fact] = []
        self._beat_of: object = None
        self._next_look_ns = self._next_lag_ns = 0
        self._durable: dict[str, int] = {}
        self._snapped: dict[str, int] | None = None
        there = {n: place.offset for n, place in self._places.items() if n not in self._gone}
        fetcher.follow(there)

    def _recall(self, fact: Fact, left: tuple[int, int, int] | None) -> None:
        """Take a fact of an earlier life; `left` is where the snapshot left its partition."""
        match fact.kind:
            case FactKind.FOUNDED:
                self._places[fact.partition] = _Place(*(left or (fact.offset,)))
            case FactKind.JOINED:
                self._places[fact.partition] = _Place(*(left or (fact.offset,)))
                if left is None:
                    self._joining.append(_beat(fact))
            case _ if left is not None and fact.number <= left[2]:
                return  # given before the snapshot
            case FactKind.BEAT:
                self._places[fact.partition].beats.append(fact)
            case FactKind.CUT:
                self._places[fact.partition].cuts[fact.offset] = fact

    def take(self) -> list[Record]:
        """Give the records that come next; none when nothing has come.

        What a partition that joins says first comes in a batch of its own: the engine works a
        batch off partition by partition, and no window may close before that partition is known.

        Raises:
            BrokerRefused: A broker will not serve us.
        """
        self._settle()
        self._look()
        if self._joining:
            joining, self._joining = self._joining, []
            for record in joining:
                self._places[record.partition].stamp_ns = record.stamp_ns
            return joining
        records = [record for name in self._places for record in self._again(name)]
        for event in self._fetcher.fetch():
            records += self._records(event)
        if not self._fetcher.has_more:
            records += self._beats()
        if self._new:
            self._facts.add(self._new)
            self._new = []
        return records

    @property
    def has_more(self) -> bool:
        """Tell whether there is something to give at once."""
        return self._fetcher.has_more or bool(self._joining)

    def _records(self, event: Message | End | Gone) -> Iterator[Record]:
        place = self._places[event.partition]
        match event:
            case Message():
                yield from self._again(event.partition, event.offset)
                yield self._record(place, event)
                place.offset, place.is_at_end = event.offset + 1, False
            case End(_, offset):  # beyond the last record where a transaction ended there
                place.offset, place.is_at_end = max(place.offset, offset), True
            case Gone(partition, offset, first):
                yield from self._lost(place, partition, offset, first)

    def _again(self, partition: str, until: int = -1) -> Iterator[Record]:
        """Give again the heartbeats that an earlier life gave before the record at `until`."""
        place = self._places[partition]
        while place.beats and place.beats[0].offset <= max(until, place.offset):
            fact = place.beats.popleft()
            place.number = max(place.number, fact.number)
            place.stamp_ns = max(place.stamp_ns, fact.stamp_ns)
            yield _beat(fact)

    def _record(self, place: _Place, message: Message) -> Record:
        stamp_ns = self._stamp(place, message)
        place.stamp_ns = max(place.stamp_ns, stamp_ns)
        kind, body = RecordKind.GAP, _TOMBSTONE
        if message.value is not None:
            read = self._contents[topic_of(message.partition)]
            kind, body = read(message.value, message.headers)
        return Record(message.partition, message.offset, stamp_ns, kind, body)

    def _stamp(self, place: _Place, message: Message) -> int:
        """Give when a message came; who sends one does not stamp the future."""
        stamp_ns = message.stamp_ms * 1_000_000
        if message.is_brokers:
            return stamp_ns
        if cut := place.cuts.pop(message.offset, None):
            place.number = max(place.number, cut.number)
            return cut.stamp_ns
        now_ns = self._clock()
        if 0 <= stamp_ns <= now_ns + _AHEAD_NS:
            return stamp_ns
        return self._note(message.partition, FactKind.CUT, message.offset, now_ns).stamp_ns

    def _note(self, partition: str, kind: FactKind, offset: int, stamp_ns: int) -> Fact:
        self._number += 1
        fact = Fact(self._number, partition, kind, offset, stamp_ns)
        self._new.append(fact)
        if partition in self._places:
            self._places[partition].number = self._number
        return fact

    def _lost(self, place: _Place, partition: str, offset: int, first: int) -> Iterator[Record]:
        """Count what was deleted before it was read, and go on from what is there."""
        lost = max(0, first - offset)
        note(
            "error", "kafka_records_lost", partition=partition, wanted=offset, first=first,
            lost=lost, way_out="keep them longer (retention.ms), or read faster",
        )  # fmt: skip
        place.offset, place.is_at_end = first, False
        body = msgspec.json.encode({"lost_records": lost, "restarted": int(first <= offset)})
        yield Record(partition, offset, max(place.stamp_ns, 0), RecordKind.GAP, body)

    def _beats(self) -> Iterator[Record]:
        """Once a second, tell of each partition that has given all up to when its broker spoke."""
        idle_ns = self._fetcher.health.idle_ns
        if idle_ns is self._beat_of:
            return
        self._beat_of = idle_ns
        now_ns = self._clock()
        for name, place in self._places.items():
            idle = 0 if name in self._gone else idle_ns.get(name, -1)
            quiet = place.is_at_end or name in self._gone
            if quiet and idle >= 0 and not place.beats and now_ns - idle > place.stamp_ns:
                place.stamp_ns = now_ns - idle
                yield _beat(self._note(name, FactKind.BEAT, place.offset, place.stamp_ns))

    def _look(self) -> None:
        """Look for new partitions; tell how far behind we are."""
        now_ns = self._clock()
        if now_ns >= self._next_look_ns:
            self._next_look_ns = now_ns + self._refresh_ns
            self._fetcher.look()
        found = self._fetcher.found()
        if found is not None:
            self._meet(found)
        if now_ns >= self._next_lag_ns:
            self._next_lag_ns = now_ns + MINUTE_NS
            self._tell_lag()

    def _meet(self, found: Mapping[str, int]) -> None:
        """Take note of topics that are missing, and of partitions that are new or gone."""
        there = partitions_of(self._contents, found)
        absent = self._places.keys() - there
        self._gone = absent & self._absent  # a broker that has just started may not know them yet
        self._absent = absent
        missing = sorted(self._contents.keys() - found.keys() - self._told)
        if missing:
            self._told.update(missing)
            note("warn", "kafka_topics_missing", topics=",".join(missing), until="they are there")
        new = [name for name in there if name not in self._places]
        if new:
            self._join(new)

    def _join(self, new: Iterable[str]) -> None:
        """Let partitions join that came after the start.

        Windows have closed without them. So the first thing such a partition says is a heartbeat
        that sets its watermark to where no other partition's can be beyond: every window that has
        closed is late for it, whenever it is read again, and every other one waits for it.
        """
        least_ns = min((place.stamp_ns for place in self._places.values()), default=self._clock())
        if least_ns < 0:
            return  # one of them has said nothing yet, so nothing has closed: look again
        facts = [self._note(name, FactKind.JOINED, 0, least_ns + self._skew_ns) for name in new]
        self._facts.add(self._new)
        self._new = []
        for fact in facts:
            self._places[fact.partition] = _Place(0, -1, fact.number)
            self._joining.append(_beat(fact))
            note("info", "kafka_partition_joined", partition=fact.partition)
        self._fetcher.follow({fact.partition: 0 for fact in facts})

    def _tell_lag(self) -> None:
        ends = self._fetcher.health.ends
        behind = {
            name: ends[name] - place.offset
            for name, place in self._places.items()
            if name in ends and name not in self._gone
        }
        if behind:
            most = max(behind, key=behind.__getitem__)
            note(
                "info", "kafka_lag", records=sum(behind.values()), most=behind[most], partition=most
            )

    def snapshot(self) -> str:
        """Give where each partition stands."""
        self._snapped = {name: place.number for name, place in self._places.items()}
        return msgspec.json.encode(
            _State(
                places={
                    name: (place.offset, place.stamp_ns, place.number)
                    for name, place in self._places.items()
                    if place.stamp_ns >= 0  # one that has joined, and has not said so yet, has not
                }
            )
        ).decode()

    def _settle(self) -> None:
        """Forget what no snapshot needs: the engine calls again once its newest one is durable.

        One older than that stays whole, for a store that was restored from a copy.
        """
        if self._snapped is not None:
            if self._durable:
                self._facts.drop(self._durable)
            self._durable, self._snapped = self._snapped, None

    def close(self) -> None:
        """Let go of the brokers and of the facts."""
        self._fetcher.close()
        self._facts.close()


class _State(msgspec.Struct):
    """What a snapshot holds: offset, greatest stamp and last fact of each partition."""

    places: dict[str, tuple[int, int, int]] = {}
    version: int = 1


def _beat(fact: Fact) -> Record:
    return Record(fact.partition, fact.offset, fact.stamp_ns, RecordKind.HEARTBEAT, b"")
