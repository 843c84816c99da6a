"""The first start: which partitions are there, and from which offsets they are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from connectors.journal import note
from connectors.kafka.facts import Fact, FactKind
from connectors.kafka.topics import partitions_of
from optimizer.settings import Start

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from connectors.kafka.facts import Facts
    from connectors.kafka.fetching import Fetcher
    from connectors.kafka.topics import Content


def founders(facts: Facts) -> list[str]:
    """Name the partitions that were there at the first start; none before it."""
    return [fact.partition for fact in facts.all() if fact.kind is FactKind.FOUNDED]


def found(
    fetcher: Fetcher,
    facts: Facts,
    contents: Mapping[str, Content],
    start: Start,
    wait: Callable[[], bool],
) -> list[str]:
    """Wait until there is a partition to read, and keep where each is read from.

    Windows wait for all that are there now. Those that come later join where time has come to.

    Args:
        fetcher: Fetches messages.
        facts: Where that is kept; there is nothing yet.
        contents: The topics to read.
        start: From the beginning, or from what comes now.
        wait: Waits a moment; tells whether to give up.

    Returns:
        The partitions; none when told to give up.

    Raises:
        BrokerRefused: A broker will not serve us.
    """
    is_told = False
    fetcher.look()
    while not wait():
        fetcher.fetch()  # nothing is followed yet: it lets the client tell how the brokers do
        topics = fetcher.found()
        if topics is None:
            fetcher.look()
            continue
        names = partitions_of(contents, topics)
        if names and _begin(fetcher, facts, names, start):
            return names
        if not names and not is_told:
            is_told = True
            note("warn", "kafka_topics_missing", topics=",".join(contents), until="one is there")
    return []


def _begin(fetcher: Fetcher, facts: Facts, names: list[str], start: Start) -> bool:
    """Keep where reading begins; False where a broker did not say."""
    bounds = {name: fetcher.bounds(name) for name in names}
    begun = [
        Fact(number, name, FactKind.FOUNDED, pair[start is Start.LATEST], -1)
        for number, (name, pair) in enumerate(bounds.items(), 1)
        if pair is not None
    ]
    if len(begun) < len(names):
        return False
    facts.add(begun)
    return True
