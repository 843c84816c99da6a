"""What the job says reaches the log and the views; what waits is written when the epoch ends."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest

from connectors.dead_letters import DeadLetterStore, Wanted, letter_id
from connectors.logs.memory import MemoryLog
from connectors.publisher import DEAD_LETTERS, DECISIONS, FINDINGS, Publisher
from connectors.stores.memory import MemoryStore
from optimizer.attribute.coverage import Coverage, Scored
from optimizer.observe.columns import DeadLetter
from optimizer.observe.observer import Ledger
from optimizer.settings import DeadLetterSettings, LetterBytes
from tests.builders import a_decision, a_finding, a_summary

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
