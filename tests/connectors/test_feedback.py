"""Scores of other systems as judgements: what users said, Langfuse, Phoenix."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.decoding import RecordDecoder
from connectors.prices.table import TablePrices
from optimizer.judgements import Judge, Judgement
from optimizer.observe.columns import Record, RecordKind
from optimizer.observe.keys import KeyTable
from optimizer.observe.links import response_link, span_link, trace_link
from optimizer.observe.observer import Decoded
from optimizer.settings import Settings, validate

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
STAMP_NS = 1_800_000_000 * 10**9
SETTINGS = validate(
    {
        "input": {"tenant": "acme"},
        "scores": [
            {"name": "faithfulness", "min": 0, "max": 10, "labels": {"faithful": 1}},
            {"name": "tone", "labels": {"kind": 1, "rude": 0}, "judge": "human"},
        ],
        "attribution": {"index": "responses"},
    }
)
FEEDBACK: dict[str, Any] = {
    "type": "user_feedback",
    "id": "f1",
    "timestamp": "2026-11-20T14:05:00Z",
    "user_id": "u",
    "session_id": "s",
    "request_id": "6f0c3a52-7f0e-4d5b-9a55-0b6a8d0f3c11",
    "rating": None,
    "liked": None,
    "task_completed": False,
    "response_edited": False,
    "response_regenerated": False,
    "dwell_time_seconds": 3.5,
    "response_saved": False,
    "response_shared": False,
    "comment": "the secret of the user",
    "metadata": {"trace_id": TRACE},
}
LANGFUSE: dict[str, Any] = {"id": "l1", "traceId": TRACE, "name": "faithfulness", "value": 7.5}
PHOENIX: dict[str, Any] = {
    "span_id": SPAN,
    "name": "faithfulness",
    "annotator_kind": "LLM",
    "result": {"label": "faithful", "score": 9, "explanation": "it says so"},
    "metadata": {},
    "identifier": "",
}


def decoded(content: Any, settings: Settings = SETTINGS) -> Decoded:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    record = Record("feedback-events/0", 3, STAMP_NS, RecordKind.EVENT, body)
    return RecordDecoder(settings, TablePrices({}), record.partition).decode(record, KeyTable())


def judged(content: Any, settings: Settings = SETTINGS) -> Judgement:
    read = decoded(content, settings)
    assert [each.detail for each in read.refused] == []
    (judgement,) = read.judgements
    return judgement


def reasons(content: Any, settings: Settings = SETTINGS) -> list[str]:
    return [each.reason for each in decoded(content, settings).refused]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        pytest.param({"liked": True}, 1, id="a thumb up"),
        pytest.param({"liked": False, "rating": 5}, 0, id="a thumb counts before stars"),
        pytest.param({"rating": 4.0}, 0.8, id="stars"),
        pytest.param({"rating": 0, "task_completed": True}, 0, id="stars before the task"),
        pytest.param({"task_completed": True}, 1, id="a task that was done"),
        pytest.param({}, 0, id="one that was not"),
    ],
)
def test_user_feedback_is_the_plainest_thing_the_user_said(said: Any, value: float) -> None:
    judgement = judged(FEEDBACK | said)
    assert judgement.value == round(value * 1e6)
    assert (judgement.name, judgement.judge) == ("user_feedback", Judge.HUMAN)
    assert judgement.trace == trace_link(TRACE)
    assert judgement.time_ns == 1_795_183_500 * 10**9


def test_a_rating_that_is_no_number_of_stars_needs_a_scale() -> None:
    assert reasons(FEEDBACK | {"rating": 0.9}) == ["unmapped_score"]
    assert reasons(FEEDBACK | {"rating": 9}) == ["unmapped_score"]
    scale = {"name": "user_feedback", "min": 0, "max": 1}
    settings = validate({"scores": [scale]})
    assert judged(FEEDBACK | {"rating": 0.9}, settings).value == 900_000
    assert judged(FEEDBACK | {"rating": 1}, settings).value == 1_000_000


@pytest.mark.parametrize(
    ("metadata", "links"),
    [
        ({"trace_id": TRACE.upper(), "span_id": SPAN}, (trace_link(TRACE), span_link(SPAN), 0)),
        ({"traceId": TRACE, "spanId": SPAN}, (trace_link(TRACE), span_link(SPAN), 0)),
        ({"traceparent": f"00-{TRACE}-{SPAN}-01"}, (trace_link(TRACE), span_link(SPAN), 0)),
        ({"response_id": "chatcmpl-1"}, (0, 0, response_link("chatcmpl-1"))),
    ],
)
def test_metadata_names_the_call(metadata: Any, links: tuple[int, int, int]) -> None:
    judgement = judged(FEEDBACK | {"metadata": metadata})
    assert (judgement.trace, judgement.span, judgement.response) == links


@pytest.mark.parametrize("prefix", ["", "llm.optimizer."])
def test_metadata_may_echo_where_the_call_was_made_but_never_whose_it_was(prefix: str) -> None:
    echo = {"route": "rival/shop/answer", "arm": "b", "revision": "3", "slot": "17"}
    metadata = {f"{prefix}{name}": value for name, value in echo.items()}
    judgement = judged(FEEDBACK | {"metadata": metadata})
    assert judgement.key == ("acme/shop/answer", "b", 3, "")
    assert judgement.slot == 17


def test_an_echo_is_not_believed_where_stamps_must_be_signed() -> None:
    key = "the key of all stamps"
    settings = validate({"stamps": {"check": "required", "key": key}})
    metadata = {"route": "shop/answer", "arm": "b", "trace_id": TRACE}
    assert judged(FEEDBACK | {"metadata": metadata}, settings).key is None


def test_a_score_that_names_no_call_is_refused_with_the_way_out() -> None:
    assert reasons(FEEDBACK | {"metadata": {}}) == ["unlinked_score"]
    traces = validate({})
    (refusal,) = decoded(FEEDBACK | {"metadata": {"response_id": "r1"}}, traces).refused
    assert "attribution.index" in refusal.detail


@pytest.mark.parametrize(
    ("change", "value", "judge"),
    [
        pytest.param({}, 750_000, Judge.CODE, id="a number"),
        pytest.param({"name": "tone", "value": "rude"}, 0, Judge.HUMAN, id="a label"),
        pytest.param(
            {"name": "tone", "value": 0, "stringValue": "kind", "dataType": "CATEGORICAL"},
            1_000_000,
            Judge.HUMAN,
            id="a label as it is given back",
        ),
        pytest.param({"name": "ok", "value": 1, "dataType": "BOOLEAN"}, 10**6, Judge.CODE, id="1"),
        pytest.param({"name": "ok", "value": 0, "dataType": "BOOLEAN"}, 0, Judge.CODE, id="0"),
        pytest.param({"source": "ANNOTATION"}, 750_000, Judge.HUMAN, id="given by a person"),
        pytest.param({"source": "EVAL"}, 750_000, Judge.LLM, id="given by a model"),
    ],
)
def test_scores_of_langfuse(change: Any, value: int, judge: Judge) -> None:
    judgement = judged(LANGFUSE | change)
    assert (judgement.value, judgement.judge) == (value, judge)
    assert (judgement.trace, judgement.span) == (trace_link(TRACE), 0)


def test_a_text_of_langfuse_is_no_score() -> None:
    read = decoded(LANGFUSE | {"dataType": "TEXT", "value": "nice"})
    assert (read.judgements, read.refused) == ([], [])
    assert read.counts["other_events"] == 1


def test_a_batch_of_langfuse_is_read_event_by_event() -> None:
    time = "2026-11-20T14:05:00.000Z"
    body = {key: value for key, value in LANGFUSE.items() if key != "id"}
    batch = [
        {"id": "e1", "type": "score-create", "timestamp": time, "body": body},
        {"id": "e2", "type": "trace-create", "timestamp": time, "body": {"id": TRACE}},
        {"id": "e3", "type": "score-create", "timestamp": time, "body": body | {"value": 99}},
    ]
    read = decoded({"batch": batch, "metadata": None})
    (judgement,) = read.judgements
    assert judgement.time_ns == 1_795_183_500 * 10**9
    assert [each.reason for each in read.refused] == ["absurd_score"]
    assert (read.counts["events"], read.counts["other_events"]) == (3, 1)
    assert judged(judgement.body) == judgement


def test_annotations_of_phoenix_are_read_one_by_one() -> None:
    human = PHOENIX | {"annotator_kind": "HUMAN", "name": "tone", "result": {"label": "rude"}}
    odd = PHOENIX | {"name": "odd", "result": {"score": 0.5}}
    silent = PHOENIX | {"result": {"explanation": "no score"}}
    read = decoded({"data": [PHOENIX, human, odd, silent]})
    assert [(one.value, one.judge) for one in read.judgements] == [
        (1_000_000, Judge.LLM),
        (0, Judge.HUMAN),
    ]
    assert {one.span for one in read.judgements} == {span_link(SPAN)}
    (refusal,) = read.refused
    assert refusal.reason == "unmapped_score"
    assert json.loads(refusal.body) == odd
    assert reasons(refusal.body) == ["unmapped_score"]
    assert read.counts["other_events"] == 1


@pytest.mark.parametrize("content", [FEEDBACK | {"liked": True}, LANGFUSE, PHOENIX])
def test_what_is_kept_of_a_score_reads_as_the_same_score(content: Any) -> None:
    judgement = judged(content)
    assert judged(judgement.body) == judgement
    assert judgement.kind == RecordKind.EVENT


@pytest.mark.parametrize(
    ("content", "corrected"),
    [
        pytest.param(FEEDBACK | {"rating": 3}, {"rating": 5}, id="the same feedback"),
        pytest.param(LANGFUSE, {"value": 1, "comment": "again"}, id="the same score"),
        pytest.param(PHOENIX, {"result": {"score": 1}}, id="the same annotation of a span"),
    ],
)
def test_a_correction_has_the_identity_of_what_it_corrects(content: Any, corrected: Any) -> None:
    one, other = judged(content), judged(content | corrected)
    assert one.identity == other.identity
    assert one.value != other.value


def test_scores_of_two_names_spans_or_tenants_are_different_ones() -> None:
    others = [
        PHOENIX,
        PHOENIX | {"name": "tone", "result": {"label": "kind"}},
        PHOENIX | {"span_id": "00f067aa0ba902b8"},
        PHOENIX | {"identifier": "second reader"},
    ]
    identities = {judged(other).identity for other in others}
    rival = validate(
        {
            "input": {"tenant": "rival"},
            "scores": [{"name": "faithfulness", "max": 10, "min": 0, "labels": {"faithful": 1}}],
        }
    )
    identities.add(judged(PHOENIX, rival).identity)
    assert len(identities) == 5


@pytest.mark.parametrize(
    "content",
    [
        FEEDBACK | {"rating": "many"},
        FEEDBACK | {"timestamp": "yesterday"},
        FEEDBACK | {"metadata": 5},
        LANGFUSE | {"name": 5},
        PHOENIX | {"result": {"score": "high"}},
    ],
)
def test_members_of_another_type_are_refused_not_guessed(content: Any) -> None:
    assert reasons(content) == ["invalid_event"]


def test_the_other_events_of_the_feedback_topic_hold_no_score() -> None:
    for kind in ("performance_metrics", "model_response", "system_health", "experiment_result"):
        read = decoded({"type": kind, "id": "x", "timestamp": "2026-11-20T14:05:00Z"})
        assert (read.judgements, read.refused) == ([], [])
        assert read.counts["other_events"] == 1


def test_feedback_in_a_cloud_event_counts_when_that_says() -> None:
    bare = {key: value for key, value in LANGFUSE.items() if key != "timestamp"}
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "/shop",
        "type": "score",
        "time": "2026-11-20T14:05:00Z",
        "data": bare,
    }
    assert judged(event).time_ns == 1_795_183_500 * 10**9
