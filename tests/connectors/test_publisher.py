"""What the job says reaches the log and the views; what waits is written when the epoch ends."""

from __future__ import annotations

import json

from connectors.dead_letters import DeadLetterStore, Wanted
from connectors.logs.memory import MemoryLog
from connectors.publisher import DECISIONS, FINDINGS, Publisher
from connectors.stores.memory import MemoryStore
from optimizer.attribute.coverage import Coverage, Scored
from optimizer.observe.columns import DeadLetter
from optimizer.observe.observer import Ledger
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
