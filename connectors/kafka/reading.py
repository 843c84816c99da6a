"""A cluster's partitions as records, in an order of each that any later life repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from connectors.journal import note
from connectors.kafka.facts import Fact, FactKind
from connectors.kafka.fetching import End, Gone, Message
from connectors.kafka.places import Place, dump, load
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

    Attributes:
        health: What is known of the brokers.
    """

    def __init__(
        self,
        fetcher: Fetcher,
        facts: Facts,
        contents: Mapping[str, Content],
        *,
        clock: Callable[[], int],
        skew_ns: int,
        refresh_ns: int,
        resumed: str | None,
    ) -> None:
        self.health = fetcher.health
        self._fetcher = fetcher
        self._facts = facts
        self._contents = contents
        self._clock = clock
        self._skew_ns = skew_ns
        self._refresh_ns = refresh_ns
        known = facts.all()
        self._places = load(resumed, known)
        numbers = [fact.number for fact in known]
        self._number = max([0, *numbers, *(place.number for place in self._places.values())])
        self._new: list[Fact] = []  # given in this batch
        self._absent = {name for name in self._places if topic_of(name) not in contents}
        self._gone = set(self._absent)
        self._missing: set[str] = set()
        self._has_looked = False  # what came while we were away joins before time goes on
        self._second = 0
        self._next_look_ns = self._next_lag_ns = 0
        self._snapped: dict[str, int] | None = None
        self._durable: dict[str, int] = {}
        there = {n: place.offset for n, place in self._places.items() if n not in self._gone}
        fetcher.follow(there)

    def take(self) -> list[Record]:
        """Give the records that come next; none when nothing has come.

        What a partition that joins says first comes in a batch of its own: the engine works a
        batch off partition by partition, and no window may close before that partition is known.

        Raises:
            BrokerRefused: A broker will not serve us.
            StorageFailed: What is decided here cannot be kept.
        """
        self._settle()
        self._look()
        records = list(self._joining())
        if not records and self._has_looked:
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
        return self._fetcher.has_more

    def _joining(self) -> Iterator[Record]:
        for place in self._places.values():
            if place.joining is not None:
                place.reach(place.joining.stamp_ns, place.joining.number)
                yield _beat(place.joining)
                place.joining = None

    def _again(self, partition: str, until: int = -1) -> Iterator[Record]:
        return map(_beat, self._places[partition].again(until))

    def _records(self, event: Message | End | Gone) -> Iterator[Record]:
        place = self._places[event.partition]
        match event:
            case Message():
                yield from self._again(event.partition, event.offset)
                yield self._record(place, event)
                place.offset, place.is_at_end = event.offset + 1, False
            case End(_, offset):  # beyond the last record where a transaction ended there
                place.offset, place.is_at_end = max(place.offset, offset), True
            case Gone():
                yield self._lost(place, event)

    def _record(self, place: Place, message: Message) -> Record:
        stamp_ns = self._stamp(place, message)
        place.reach(stamp_ns)
        kind, body = RecordKind.GAP, _TOMBSTONE
        if message.value is not None:
            read = self._contents[topic_of(message.partition)]
            kind, body = read(message.value, message.headers)
        return Record(message.partition, message.offset, stamp_ns, kind, body)

    def _stamp(self, place: Place, message: Message) -> int:
        """Give when a message came; who sends one does not stamp the future."""
        stamp_ns = message.stamp_ms * 1_000_000
        if message.is_brokers:
            return stamp_ns
        if cut := place.cuts.pop(message.offset, None):
            place.reach(cut.stamp_ns, cut.number)
            return cut.stamp_ns
        now_ns = self._clock()
        if 0 <= stamp_ns <= now_ns + _AHEAD_NS:
            return stamp_ns
        return self._decide(message.partition, FactKind.CUT, message.offset, now_ns).stamp_ns

    def _lost(self, place: Place, gone: Gone) -> Record:
        """Count what was deleted before it was read, and go on from what is there."""
        lost = max(0, gone.first - gone.offset)
        note(
            "error",
            "kafka_records_lost",
            partition=gone.partition,
            wanted=gone.offset,
            first=gone.first,
            lost=lost,
            way_out="keep records longer (retention.ms), or read faster",
        )
        place.offset, place.is_at_end = gone.first, False
        if not lost:  # the topic was made anew: what was decided belongs to the old one
            place.beats.clear()
            place.cuts.clear()
        body = msgspec.json.encode({"lost_records": lost, "made_anew": int(not lost)})
        return Record(gone.partition, gone.offset, max(place.stamp_ns, 0), RecordKind.GAP, body)

    def _beats(self) -> Iterator[Record]:
        """Once a second, tell of each partition that has given all up to when its broker spoke."""
        idle_ns = self.health.idle_ns
        if self.health.seconds == self._second:
            return
        self._second = self.health.seconds
        now_ns = self._clock()
        for name, place in self._places.items():
            if name in self._gone:
                heard_ns = now_ns
            elif place.is_at_end and name in idle_ns:
                heard_ns = now_ns - idle_ns[name]
            else:
                continue
            if heard_ns > place.beat_ns and not place.beats:
                place.beat_ns = heard_ns
                place.reach(heard_ns)
                yield _beat(self._decide(name, FactKind.BEAT, place.offset, heard_ns))

    def _decide(self, partition: str, kind: FactKind, offset: int, stamp_ns: int) -> Fact:
        """Make a fact, to be kept before this batch is given."""
        self._number += 1
        fact = Fact(self._number, partition, kind, offset, stamp_ns)
        self._new.append(fact)
        if partition in self._places:
            self._places[partition].reach(-1, fact.number)
        return fact

    def _look(self) -> None:
        """Look for new partitions; tell how far behind we are."""
        now_ns = self._clock()
        if now_ns >= self._next_look_ns or not self._has_looked:
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
        self._has_looked = True
        there = partitions_of(self._contents, found)
        absent = self._places.keys() - there
        self._gone = absent & self._absent  # a broker that has just started may not know them yet
        self._absent = absent
        missing = self._contents.keys() - found.keys()
        if missing - self._missing:
            topics = ",".join(sorted(missing - self._missing))
            note("warn", "kafka_topics_missing", topics=topics, until="they are there")
        self._missing = missing
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
        stamp_ns = least_ns + self._skew_ns
        for name in new:
            joined = self._decide(name, FactKind.JOINED, 0, stamp_ns)
            self._places[name] = Place(0, joining=joined)
            note("info", "kafka_partition_joined", partition=name)
        self._fetcher.follow(dict.fromkeys(new, 0))

    def _tell_lag(self) -> None:
        ends = self.health.ends
        behind = {
            name: max(0, ends[name] - place.offset)
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
        return dump(self._places)

    def _settle(self) -> None:
        """Forget what no snapshot needs: the engine calls again once its newest one is durable.

        One older than that stays whole, for a store that was restored from a copy.
        """
        if self._snapped is not None:
            if self._durable:
                self._facts.drop(self._durable)
            self._durable, self._snapped = self._snapped, None


def _beat(fact: Fact) -> Record:
    return Record(fact.partition, fact.offset, fact.stamp_ns, RecordKind.HEARTBEAT, b"")
