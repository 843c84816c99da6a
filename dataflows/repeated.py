"""That a replay says what the run said that was recorded: each route's story, byte for byte."""

from __future__ import annotations

import hashlib
import json
import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from connectors.api.looking import database_in
from connectors.api.opening import open_log, open_log_of
from connectors.publisher import DECISIONS, DOCUMENTS, FINDINGS, ROLLOUTS
from dataflows.deciding import differences, facts_of, noted
from optimizer.errors import NotRepeated, RecordingInvalid
from optimizer.settings import masked

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import ExitStack
    from pathlib import Path

    from connectors.recordings import ColumnsReader, RecordingReader
    from optimizer.ports import Log
    from optimizer.settings import Settings

_TOPICS = (FINDINGS, DECISIONS, DOCUMENTS, ROLLOUTS)
_PAGE = 1000
_MOST = 160  # characters of what differs


@dataclass(frozen=True, slots=True)
class Run:
    """What a run has said by the time its replay begins; the input of later things may be later.

    Attributes:
        log: Where it said it.
        ends: How much, by topic.
    """

    log: Log
    ends: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Repeated:
    """What a comparison found.

    Attributes:
        same: Entries that were said again.
        more: Entries that only the replay has: it ends what the run left open.
    """

    same: int
    more: int


def said_by_run(
    stack: ExitStack, folder: Path, reader: RecordingReader | ColumnsReader, settings: Settings
) -> Run:
    """Look at what a run has said, and warn of what is not as it was then.

    Args:
        stack: Closes the run's log in the end.
        folder: The run's recording.
        reader: Reads it.
        settings: Those of the replay, which name the run's log.

    Raises:
        NotRepeated: The run has said nothing.
        NotFound: Its log is not there.
        RecordingInvalid: The recording does not begin where the run did.
    """
    if reader.manifest.first:
        raise RecordingInvalid(
            f"{folder}: --verify needs the recording from its beginning; what is older than "
            f"{settings.input.keep_hours:g} hours was let go (input.keep_hours)"
        )
    if settings.kafka.log:
        log, where = open_log_of(settings), "Kafka"
    else:
        way_out = "--verify compares with what the run of these settings said"
        where, timeout = database_in(settings, way_out=way_out)
        log = open_log(where, timeout)
    stack.callback(log.close)
    ends = {topic: log.end(topic) for topic in _TOPICS}
    if not any(ends.values()):
        raise NotRepeated(
            f"--verify: no run has said anything in {masked(where)}: name the settings of the one "
            "that was recorded (--config, database.connection_string)"
        )
    for doubt in doubts(folder, settings):
        sys.stderr.write(f"{folder}: {doubt}\n")
    return Run(log, ends)


def compare(run: Run, again: Log) -> Repeated:
    """Compare what a run said with what its replay says, route by route and in order.

    The replay must begin each route's story with all that the run said of it. What a run said
    again after a crash counts once.

    Args:
        run: What it said.
        again: The log of the replay.

    Raises:
        NotRepeated: Something was said otherwise, or not at all; the message shows the first.
    """
    same = more = 0
    for topic in _TOPICS:
        stories: dict[str, list[tuple[int, bytes]]] = {}
        for position, key, digest in _distinct(again, topic, again.end(topic)):
            stories.setdefault(key, []).append((position, digest))
        places = dict.fromkeys(stories, 0)
        for position, key, digest in _distinct(run.log, topic, run.ends[topic]):
            place, story = places.get(key, 0), stories.get(key, [])
            there = story[place] if place < len(story) else None
            if there is None or there[1] != digest:
                one = _value(run.log, topic, position)
                raise NotRepeated(_first(topic, key, one, there and _value(again, topic, there[0])))
            places[key] = place + 1
            same += 1
        more += sum(len(story) - places[key] for key, story in stories.items())
    return Repeated(same, more)


def doubts(folder: Path, settings: Settings) -> list[str]:
    """Say what of settings and programs is not as it was when a recording was made."""
    notes, now = noted(folder), facts_of(settings)
    if not notes:
        return []
    told = []
    if changed := differences(notes[-1].facts, now):
        told.append(f"not as when it was recorded: {', '.join(changed)}")
    for before, after in pairwise(notes):
        names = ", ".join(differences(before.facts, after.facts))
        told.append(f"changed while it was recorded, at {after.since}: {names}")
    return told


def _distinct(log: Log, topic: str, end: int) -> Iterator[tuple[int, str, bytes]]:
    """Give position, key and digest of entries, each once."""
    seen: set[tuple[str, bytes]] = set()
    start = 0
    while start < end and (page := log.read(topic, start, min(_PAGE, end - start))):
        for entry in page:
            digest = hashlib.sha256(entry.value).digest()
            if (entry.key, digest) not in seen:
                seen.add((entry.key, digest))
                yield entry.position, entry.key, digest
        start = page[-1].position + 1


def _value(log: Log, topic: str, position: int) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(log.read(topic, position, 1)[0].value)
    return told


def _first(topic: str, key: str, one: dict[str, Any], other: dict[str, Any] | None) -> str:
    """Say how the first entries differ that do."""
    what = f"{topic}, {key}, {one.get('time')}"
    if other is None:
        return f"{what}: the replay does not say {_short(one.get('data'))}"
    name, mine, theirs = next(_leaves(one, other), ("", one, other))
    return f"{what}: {name} was {_short(mine)}, the replay says {_short(theirs)}"


def _leaves(one: Any, other: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Give what differs: what it is called, and both."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = [*one, *(each for each in other if each not in one)]
        names.sort(key=lambda each: each == "id")  # an id that differs says the least
        for each in names:
            yield from _leaves(one.get(each), other.get(each), f"{name}.{each}".lstrip("."))
    elif one != other:
        yield name, one, other


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= _MOST else f"{text[: _MOST - 3]}..."
