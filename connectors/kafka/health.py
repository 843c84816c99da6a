"""How the brokers do, from the client's own statistics and errors: told once, not every second.

A heartbeat may be given only while the broker that leads a partition answers: behind one that is
down, or does not answer any more, there may be records that nobody has seen.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import msgspec

from connectors.journal import note
from connectors.kafka.options import refused
from optimizer.settings import masked

if TYPE_CHECKING:
    from collections.abc import Sequence


class _Broker(msgspec.Struct):
    nodeid: int
    state: str
    rxidle: int  # microseconds since it last answered, -1 before it did


class _Partition(msgspec.Struct):
    leader: int
    fetch_state: str
    hi_offset: int


class _Topic(msgspec.Struct):
    partitions: dict[str, _Partition]


class _Statistics(msgspec.Struct):
    ts: int  # microseconds of the monotonic clock
    brokers: dict[str, _Broker]
    topics: dict[str, _Topic]


_decoder = msgspec.json.Decoder(_Statistics)


class Health:
    """What is known of the brokers of one cluster.

    Attributes:
        idle_ns: For each partition that is fetched from a broker that is up, how long ago that
            broker answered.
        ends: The offset that the next record of each partition will have, as last answered.
        seconds: How often statistics were taken: once a second.
    """

    def __init__(self, brokers: Sequence[str]) -> None:
        self.idle_ns: dict[str, int] = {}
        self.ends: dict[str, int] = {}
        self.seconds = 0
        self._brokers = brokers
        self._was_up = False
        self._is_down = False
        self._fatal: Any = None

    def see_statistics(self, text: str) -> None:
        """Take the client's statistics, as JSON."""
        statistics = _decoder.decode(text)
        # They may have waited to be taken, and say how long ago brokers spoke when they were made.
        age_ns = max(0, time.monotonic_ns() - statistics.ts * 1000)
        idle = {
            broker.nodeid: broker.rxidle * 1000 + age_ns
            for broker in statistics.brokers.values()
            if broker.nodeid >= 0 and broker.state == "UP" and broker.rxidle >= 0
        }
        self.idle_ns = {}
        self.seconds += 1
        for topic, known in statistics.topics.items():
            for number, partition in known.partitions.items():
                name = f"{topic}/{number}"
                if partition.leader in idle and partition.fetch_state == "active":
                    self.idle_ns[name] = idle[partition.leader]
                if partition.hi_offset >= 0:
                    self.ends[name] = partition.hi_offset
        self._was_up = self._was_up or bool(idle)
        if idle and self._is_down:
            self._is_down = False
            note("info", "kafka_reachable", brokers=",".join(self._brokers))

    def see_error(self, error: Any) -> None:
        """Take an error that the client reports beside its messages; it goes on by itself."""
        is_refusal = error.name() in _REFUSALS or (error.name() == "_SSL" and not self._was_up)
        if error.fatal() or is_refusal:
            self._fatal = error
        elif not self._is_down and error.name() in _OUTAGES:
            self.missed(error)

    def missed(self, error: Any) -> None:
        """Say, once, that the brokers do not answer."""
        if not self._is_down:
            self._is_down = True
            brokers = ",".join(self._brokers)
            detail = masked(error.str())
            note("warn", "kafka_unreachable", brokers=brokers, detail=detail, until="it answers")

    def check(self) -> None:
        """Stop where waiting does not help.

        Raises:
            BrokerRefused: A broker will not serve us.
        """
        if self._fatal is not None:
            raise refused(self._brokers, self._fatal)


_REFUSALS = {"_AUTHENTICATION", "TOPIC_AUTHORIZATION_FAILED", "CLUSTER_AUTHORIZATION_FAILED"}
_OUTAGES = {"_ALL_BROKERS_DOWN", "_TRANSPORT", "_RESOLVE", "_SSL", "_TIMED_OUT"}
