"""What the job says reaches the log and the views; what waits is written when the epoch ends."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from connectors.codecs import from_json
from connectors.dead_letters import DeadLetterStore, Wanted, letter_id
from connectors.logs.memory import MemoryLog
from connectors.publisher import (
    DEAD_LETTERS,
    DECISIONS,
    DOCUMENTS,
    FINDINGS,
    ROLLOUTS,
    Publisher,
)
from connectors.stores.memory import MemoryStore
from optimizer.attribute.coverage import Coverage, Scored
from optimizer.documents import Document
from optimizer.observe.columns import DeadLetter
from optimizer.observe.observer import Ledger
from optimizer.rollouts import Phase, RolloutProgress, Verdict, VerdictKind
from optimizer.settings import DeadLetterSettings, LetterBytes
from tests.builders import (
    ROUTE,
    a_decision,
    a_document,
    a_finding,
    a_progress,
    a_summary,
    minutes_later,
)

COVERED = Coverage("t/s/r", "a", 8, (Scored("helpful", "human", 2),))


def test_each_output_goes_where_it_belongs() -> None:
    log, dead, store, seen = MemoryLog(), DeadLetterStore(), MemoryStore(), []
    publisher = Publisher(log, dead, store, "svc", seen.append)
    letter = DeadLetter(partition="p", offset=7, reason="not_json", detail="x", body=b"\xff")
    outputs = [
        a_finding(),
        a_decision(),
        a_summary(),
        letter,
        Ledger("p", 5, {"spans": 3}),
        COVERED,
    ]
    publisher.publish(outputs)
    assert seen == outputs
    for topic, kind in ((FINDINGS, "finding"), (DECISIONS, "decision")):
        (entry,) = log.read(topic)
        event = json.loads(entry.value)
        assert event["type"] == f"io.llmops.optimizer.{kind}.v1"
        assert event["source"] == "/llm-optimizer/svc"
        assert entry.key == event["subject"] == event["data"]["route"]
    assert store.get("decisions", a_decision().id)
    assert store.get("findings", a_finding().id)
    assert list(store.scan("windows")) == []
    publisher.flush()
    assert log.end(DEAD_LETTERS) == 0
    ((kept, body),) = dead.bodies(dead.find(Wanted()))
    assert (kept.reason, kept.offset, body) == ("not_json", 7, b"\xff")
    assert len(list(store.scan("windows"))) == 1
    assert json.loads(store.get("ledgers", "p").value) == {"spans": 3}
    told = {"route": "t/s/r", "arm": "a", "calls": 8, "share": 0.25}
    scored = [{"name": "helpful", "judge": "human", "scores": 2}]
    assert json.loads(store.get("coverage", "t/s/r|a").value) == {**told, "scored": scored}


def test_only_the_newest_window_of_an_arm_is_kept_as_a_view() -> None:
    store = MemoryStore()
    publisher = Publisher(MemoryLog(), DeadLetterStore(), store, "svc")
    publisher.publish([a_summary(calls=1), a_summary(calls=2)])
    publisher.flush()
    (row,) = store.scan("windows")
    assert json.loads(row.value)["calls"] == 2


@pytest.mark.parametrize(("kept", "body"), [("keep", "/w=="), ("none", None)])
def test_a_log_that_others_read_is_told_of_dead_letters_too(kept: str, body: str | None) -> None:
    log, letters = MemoryLog(), DeadLetterStore(None, DeadLetterSettings(bytes=LetterBytes(kept)))
    publisher = Publisher(log, letters, MemoryStore(), "svc", tell_letters=True)
    letter = DeadLetter(partition="p/1", offset=7, reason="not_json", detail="x", body=b"\xff")
    publisher.publish([letter])
    publisher.flush()
    (entry,) = log.read(DEAD_LETTERS)
    told = json.loads(entry.value)
    assert entry.key == "p/1"
    assert (told["id"], told["body"], told["kind"]) == (letter_id(letter), body, "otlp")
    assert (told["reason"], told["offset"], told["place"]) == ("not_json", 7, 0)


@pytest.mark.parametrize(("size", "told"), [(700_000, 700_000), (700_001, 0)])
def test_bytes_too_many_for_an_entry_are_kept_and_not_told(size: int, told: int) -> None:
    log, letters = MemoryLog(), DeadLetterStore()
    publisher = Publisher(log, letters, MemoryStore(), "svc", tell_letters=True)
    letter = DeadLetter(partition="p", offset=7, reason="r", detail="x", body=bytes(size))
    publisher.publish([letter])
    publisher.flush()
    (entry,) = log.read(DEAD_LETTERS)
    assert len(entry.value) < 1_000_000
    assert b64decode(json.loads(entry.value)["body"] or "") == bytes(told)
    assert letters.body(letter_id(letter)) == letter.body


class Watched(MemoryLog):
    """A log that remembers in which order its topics were written."""

    def __init__(self) -> None:
        super().__init__()
        self.topics: list[str] = []

    def append(self, topic: str, entries: Iterable[tuple[str, bytes]]) -> None:
        """Add entries."""
        self.topics.append(topic)
        super().append(topic, entries)


def test_a_document_is_written_after_the_decision_that_explains_it_and_found_under_its_route() -> (
    None
):
    log, store = Watched(), MemoryStore()
    publisher = Publisher(log, DeadLetterStore(), store, "svc")
    publisher.publish([a_document(), a_progress(), a_decision(), a_document(revision=4)])
    assert log.topics == [DECISIONS, DOCUMENTS, ROLLOUTS]
    told = [json.loads(entry.value) for entry in log.read(DOCUMENTS)]
    assert [one["data"]["revision"] for one in told] == [3, 4]
    assert {one["type"] for one in told} == {"io.llmops.optimizer.document.v1"}
    assert {entry.key for entry in log.read(DOCUMENTS)} == {ROUTE}
    assert from_json(Document, store.get("documents", ROUTE).value) == a_document(revision=4)


MOVES = [
    {"step": 1},
    {"phase": Phase.HOLDBACK},
    {"paused": True},
    {"decision_id": "another"},
    {"verdict": Verdict(kind=VerdictKind.PASS, reason="metrics_open", metric="cost")},
    {"verdict": Verdict(kind=VerdictKind.NEED_DATA, reason="too_early", metric="cost")},
    {"verdict": Verdict(kind=VerdictKind.NEED_DATA, reason="metrics_open", metric="errors")},
]
STAYS = [
    {"candidate_calls": 9},
    {"control_calls": 99},
    {"verdict": replace(a_progress().verdict, detail="x", calls_needed=7, until=minutes_later(9))},
]


@pytest.mark.parametrize(
    ("changes", "logged"), [*((one, 2) for one in MOVES), *((one, 1) for one in STAYS)]
)
def test_a_look_at_a_rollout_is_logged_when_it_says_something_new_and_always_shown(
    changes: dict[str, Any], logged: int
) -> None:
    log, store = MemoryLog(), MemoryStore()
    publisher = Publisher(log, DeadLetterStore(), store, "svc")
    later = a_progress(at=minutes_later(1), **changes)
    for look in (a_progress(), later):
        publisher.publish([look])
    assert log.end(ROLLOUTS) == logged
    shown = from_json(RolloutProgress, store.get("rollouts", ROUTE).value)
    assert shown == (later if logged == 2 else a_progress())
    publisher.flush()
    assert from_json(RolloutProgress, store.get("rollouts", ROUTE).value) == later


@pytest.mark.parametrize("stop", range(5))
def test_a_run_that_was_stopped_logs_the_looks_that_an_unbroken_one_logs(stop: int) -> None:
    ended = a_progress(phase=Phase.ENDED)
    looks = [a_progress(at=minutes_later(at)) for at in range(3)] + [ended, ended]
    whole, parted = MemoryLog(), MemoryLog()
    unbroken = Publisher(whole, DeadLetterStore(), MemoryStore(), "svc")
    unbroken.publish(looks)
    assert whole.end(ROLLOUTS) == 3  # the end is always told
    before = Publisher(parted, DeadLetterStore(), MemoryStore(), "svc")
    before.publish(looks[:stop])
    after = Publisher(parted, DeadLetterStore(), MemoryStore(), "svc")
    after.resume(before.state())
    after.publish(looks[stop:])
    assert parted.read(ROLLOUTS) == whole.read(ROLLOUTS)
