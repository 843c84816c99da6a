"""Keys of scores and of how they find their calls."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from connectors.decoding import RecordDecoder
from connectors.prices.table import TablePrices
from dataflows.attribute import rules_of
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.keys import KeyTable
from tests.optimizer.attribute.a_stream import beat, call, score, told
from tests.settings_probes.probe import Probe

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from optimizer.settings import Settings
    from tests.optimizer.attribute.a_stream import Step

KEY = ("t/s/r", "b", 3, "")
CALLS = [call(1, trace, trace) for trace in range(1, 31)]
EARLY = (score(1, trace=1), beat(20), call(45), beat(200))
WRAPPED = (call(1), score(5, trace=1, span=9), beat(40))
LATE = (call(1), beat(500), score(501, trace=1), beat(2000))
TWICE = [
    step
    for at_s, identity in ((1, 1), (11, 2), (21, 1))
    for step in (score(at_s, identity=identity, key=KEY), beat(at_s + 9))
]


def counted(name: str, steps: Sequence[Step], settings: Settings) -> int:
    """How many scores became of one kind."""
    return told(*steps, rules=rules_of(settings)).counts.get(name, 0)


SHOWN = [*CALLS, beat(20), score(21, trace=1), beat(40)]

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SCORE = {"id": "s1", "traceId": TRACE, "name": "tone", "value": 0.25}
FEEDBACK = {
    "type": "user_feedback",
    "id": "f1",
    "task_completed": True,
    "metadata": {"response_id": "r1"},
}


def read(content: Mapping[str, Any], settings: Settings) -> tuple[Any, ...]:
    """What a score is read as: value and judge, or why it is refused."""
    record = Record("feedback", 0, 1, RecordKind.EVENT, json.dumps(content).encode())
    decoder = RecordDecoder(settings, TablePrices({}), record.partition)
    decoded = decoder.decode(record, KeyTable())
    judged = [(one.value / 1e6, one.judge.name) for one in decoded.judgements]
    return tuple(judged or [refusal.reason for refusal in decoded.refused])


TONE = {"scores": [{"name": "tone", "min": 0, "max": 1}]}
LABELLED = SCORE | {"value": "kind"}

PROBES = (
    Probe(
        "scores[].name",
        ("tone", "other"),
        partial(read, SCORE),
        (((0.25, "CODE"),), ("unmapped_score",)),
        {"scores": [{"min": 0, "max": 1}]},
    ),
    Probe(
        "scores[].min", (0, -1), partial(read, SCORE), (((0.25, "CODE"),), ((0.625, "CODE"),)), TONE
    ),
    Probe(
        "scores[].max", (1, 0.5), partial(read, SCORE), (((0.25, "CODE"),), ((0.5, "CODE"),)), TONE
    ),
    Probe(
        "scores[].higher_is_better",
        (True, False),
        partial(read, SCORE),
        (((0.25, "CODE"),), ((0.75, "CODE"),)),
        TONE,
    ),
    Probe(
        "scores[].labels",
        ({"kind": 1}, {}),
        partial(read, LABELLED),
        (((1.0, "CODE"),), ("unmapped_score",)),
        TONE,
    ),
    Probe(
        "scores[].judge",
        ("human", None),
        partial(read, SCORE),
        (((0.25, "HUMAN"),), ((0.25, "CODE"),)),
        TONE,
    ),
    Probe(
        "attribution.index",
        ("responses", "traces"),
        partial(read, FEEDBACK),
        (((1.0, "HUMAN"),), ("unlinked_score",)),
    ),
    Probe("attribution.index", ("none", "traces"), partial(counted, "scores", SHOWN), (0, 1)),
    Probe("attribution.wait_secs", (900, 10), partial(counted, "scores", EARLY), (1, 0)),
    Probe("attribution.span_wait_secs", (20, 60), partial(counted, "scores", WRAPPED), (1, 0)),
    Probe("attribution.keep_secs", (600, 300), partial(counted, "scores", LATE), (1, 0)),
    Probe(
        "attribution.max_calls",
        (24, 500),
        partial(counted, "findable", [*CALLS, beat(20)]),
        (2, 30),
        {"attribution": {"keep_secs": 60}},
    ),
    Probe("attribution.max_scores", (1, 9), partial(counted, "repeated_scores", TWICE), (0, 1)),
)
